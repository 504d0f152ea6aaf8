// The networks that have a name: what their weights are, where their public home is, what their makers publish of them.
// Sources: torchvision.models (addresses, file sizes, metrics, transforms, categories), timm's default_cfgs and
// results/results-imagenet.csv. Sizes to the byte and densenet121's whole SHA-256: of the files as others have recorded
// them; the others' SHA-256 are known by the eight digits in their names. What is not known is null.

import { usageError } from '../errors.js'
import type { Preprocessing } from '../images/transforms/preprocess.js'

/** A network that has a name, with its public home. */
export interface NamedModel {
  readonly name: string
  /** Names that mean the same. */
  readonly aliases: readonly string[]
  /** The weights last: a model whose weights are there is there as a whole. */
  readonly files: readonly NamedFile[]
  /** How images get to it, where its files do not tell. */
  readonly preprocessing: Preprocessing | null
  readonly licence: string
  readonly source: string
  /** On ImageNet's 50,000 validation images, one crop of 224, in percent, as published. */
  readonly top1Error: number
  readonly top5Error: number
  /** Why it cannot be run here. */
  readonly refused?: string
}

/** A file of a network that has a name: where it is, and what is known of it. */
export interface NamedFile {
  readonly name: string
  readonly url: string
  readonly size: number | null
  /** In hexadecimal, whole or its first digits. */
  readonly sha256: string | null
}

const TORCHVISION: Preprocessing = { resize: 256, crop: 224, interpolation: 'bilinear' }

function torchvision(layers: number, size: number, sha256: string, top1: number, top5: number): NamedModel {
  const name = `densenet${layers}-${sha256.slice(0, 8)}.pth`
  return {
    name: `densenet${layers}`,
    aliases: [`densenet-${layers}`],
    files: [{ name, url: `https://download.pytorch.org/models/${name}`, size, sha256 }],
    preprocessing: TORCHVISION,
    licence: 'BSD-3-Clause',
    source: 'torchvision',
    top1Error: errorOf(top1),
    top5Error: errorOf(top5),
  }
}

/** In timm's repositories on Hugging Face; config.json tells mean, deviation, size and crop. */
function timm(tag: string, top1: number, top5: number, refused?: string): NamedModel {
  const name = `timm/${tag}`
  const file = (file: string): NamedFile => {
    return { name: file, url: `https://huggingface.co/${name}/resolve/main/${file}`, size: null, sha256: null }
  }
  return {
    name,
    aliases: [tag],
    files: [file('config.json'), file('model.safetensors')],
    preprocessing: null,
    licence: 'Apache-2.0',
    source: 'timm',
    top1Error: errorOf(top1),
    top5Error: errorOf(top5),
    ...(refused === undefined ? {} : { refused }),
  }
}

/** From accuracies, which are what is published: 25.566, not 25.566000000000003. */
const errorOf = (accuracy: number): number => Number((100 - accuracy).toFixed(3))

/** All networks that have a name, but for the one in the package. */
export const NAMED_MODELS: readonly NamedModel[] = [
  torchvision(121, 32_342_954, 'a639ec97d7c33b07ae66f0b5fb7d0192f95a3b11b7576c66c0126c2a727c4395', 74.434, 91.972),
  torchvision(169, 57_365_526, 'b2777c0a', 75.6, 92.806),
  torchvision(201, 81_131_730, 'c1103571', 76.896, 93.37),
  torchvision(161, 115_730_790, '8d451a50', 77.138, 93.56),
  timm('densenet121.ra_in1k', 75.574, 92.648),
  timm('densenet121.tv_in1k', 74.75, 92.158),
  timm('densenet169.tv_in1k', 75.922, 92.976),
  timm('densenet201.tv_in1k', 77.284, 93.48),
  timm('densenet161.tv_in1k', 77.384, 93.656),
  timm('densenetblur121d.ra_in1k', 76.574, 93.188, 'its stem has three convolutions, and its pooling blurs'),
]

/** The network of that name in `table`; null when no name in it is meant. A usage error for one that cannot be run. */
export function namedModel(name: string, table: readonly NamedModel[] = NAMED_MODELS): NamedModel | null {
  const key = name.toLowerCase()
  const found = table.find(model => model.name === key || model.aliases.includes(key))
  if (found?.refused !== undefined) {
    const others = table.filter(({ refused }) => refused === undefined).map(model => model.name)
    throw usageError(`${found.name} cannot be run here: ${found.refused}`, `those that can: ${others.join(', ')}`)
  }
  return found ?? null
}
