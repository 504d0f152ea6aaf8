// timm's folder of a model: model.safetensors beside a config.json with the architecture's name, its arguments and the
// preprocessing. https://huggingface.co/docs/timm
import * as z from 'zod'
import { DenseNetError } from '../errors.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'

export const TIMM_WEIGHTS = 'model.safetensors'
export const TIMM_CONFIG = 'config.json'

/** How images get to a network, and what its classes are called. */
export interface Preprocessing {
  readonly classes: readonly string[]
  /** On the 0..255 scale; null: not known. */
  readonly normalisation: { readonly mean: readonly number[]; readonly deviation: readonly number[] } | null
  /** The shorter side is scaled to `resize` pixels, the middle `crop` x `crop` cut out; null: as is usual. */
  readonly preprocessing: Cropping | null
}

export interface Cropping {
  readonly resize: number
  readonly crop: number
  readonly interpolation: 'bilinear' | 'bicubic' | 'torch-bicubic'
}

export interface TimmFacts extends Preprocessing {
  readonly height?: number
  readonly width?: number
  /** Sentences about what the configuration asks for and is not done. */
  readonly assumed: readonly string[]
}

const numbers = z.array(z.number())
const schema = z.looseObject({
  architecture: z.string(),
  label_names: z.array(z.string()).optional(),
  pretrained_cfg: z
    .looseObject({
      input_size: z.tuple([z.int(), z.int(), z.int()]).optional(),
      mean: numbers.optional(),
      std: numbers.optional(),
      crop_pct: z.number().gt(0).max(1).default(0.875),
      crop_mode: z.string().default('center'),
      interpolation: z.string().default('bicubic'),
      label_names: z.array(z.string()).optional(),
    })
    .optional(),
})

/** What a config.json of timm's tells; null when it is none. */
export function parseTimmConfig(text: string, path: string): TimmFacts | null {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) return null
  const { architecture, pretrained_cfg: given = NOTHING, label_names = given.label_names ?? [] } = parsed.data
  if (!/^densenet\d/.test(architecture)) {
    throw new DenseNetError(`${path} describes a ${architecture}, which is no DenseNet that can be run here`)
  }
  const { input_size: size, mean, std } = given
  const normalisation = mean && std ? { mean: mean.map(x => x * 255), deviation: std.map(x => x * 255) } : null
  const { preprocessing, assumed } = croppingOf(given)
  const shape = size ? { height: size[1], width: size[2] } : {}
  return { classes: label_names, normalisation, preprocessing, assumed, ...shape }
}

const NOTHING = schema.shape.pretrained_cfg.unwrap().parse({})

/** timm's create_transform (data/transforms_factory.py): Resize(floor(size / crop_pct)), CenterCrop(size). */
function croppingOf({ input_size: size, crop_pct, crop_mode, interpolation }: typeof NOTHING) {
  if (size === undefined) return { preprocessing: null, assumed: [] }
  const [, height, width] = size
  const obstacles: [boolean, string][] = [
    [height !== width, `images of ${height} x ${width}, which are not square`],
    [crop_mode !== 'center', `the crop "${crop_mode}"`],
    [interpolation !== 'bicubic' && interpolation !== 'bilinear', `the interpolation "${interpolation}"`],
  ]
  const obstacle = obstacles.find(([stands]) => stands)?.[1]
  if (obstacle !== undefined) {
    return {
      preprocessing: null,
      assumed: [`the usual scaling of images: ${obstacle}, as config.json asks, is not known here`],
    }
  }
  const known = interpolation as 'bicubic' | 'bilinear'
  return { preprocessing: { resize: Math.floor(height / crop_pct), crop: height, interpolation: known }, assumed: [] }
}

/** timm's config.json for a network; throws a sentence when timm has no such network. */
export function timmConfig(config: DenseNetConfig, { classes, normalisation, preprocessing }: Preprocessing): string {
  const { stem, initialChannels, growthRate, reduction, bottleneck } = config
  const obstacles: [boolean, string][] = [
    [stem !== 'imagenet', 'the stem is a 7 x 7 convolution'],
    [initialChannels !== 2 * growthRate, 'the first convolution makes twice the growth rate of channels'],
    [!bottleneck, 'every layer has a bottleneck'],
    [config.blocks.length > 1 && reduction !== 0.5, 'transitions keep half of the channels'],
  ]
  const obstacle = obstacles.find(([stands]) => stands)?.[1]
  if (obstacle !== undefined) {
    throw new DenseNetError(`timm has no such network: in its DenseNets ${obstacle}`, {
      hint: 'safetensors and pth files can hold any network',
    })
  }
  const { inputChannels, height, width } = config
  const named = Object.entries(ARCHITECTURES).find(
    ([, [k, blocks]]) => k === growthRate && blocks === config.blocks.join(),
  )
  return `${JSON.stringify(
    {
      architecture: named?.[0] ?? 'densenet121',
      num_classes: config.classes,
      num_features: architecture(config).layers.at(-1)!.input.channels,
      ...(classes.length > 0 ? { label_names: classes } : {}),
      ...(named && config.bottleneckWidth === 4
        ? {}
        : { model_args: { growth_rate: growthRate, block_config: config.blocks, bn_size: config.bottleneckWidth } }),
      pretrained_cfg: {
        custom_load: false,
        input_size: [inputChannels, height, width],
        fixed_input_size: false,
        interpolation: preprocessing?.interpolation === 'bilinear' ? 'bilinear' : 'bicubic',
        crop_pct: preprocessing?.crop === height ? shareOf(preprocessing) : 0.875,
        crop_mode: 'center',
        ...(normalisation ? { mean: fractions(normalisation.mean), std: fractions(normalisation.deviation) } : {}),
        num_classes: config.classes,
        first_conv: 'features.conv0',
        classifier: 'classifier',
      },
    },
    null,
    2,
  )}\n`
}

const ARCHITECTURES: Readonly<Record<string, readonly [number, string]>> = {
  densenet121: [32, '6,12,24,16'],
  densenet169: [32, '6,12,32,32'],
  densenet201: [32, '6,12,48,32'],
  densenet161: [48, '6,12,36,24'],
}

/** From the 0..255 scale to that of 0..1: 0.229, not 0.22900000000000001. */
export const fractions = (values: readonly number[]): number[] => values.map(x => Number((x / 255).toPrecision(12)))

/** timm divides by it and rounds down: the share must not be a hair too large. */
function shareOf({ resize, crop }: Cropping): number {
  const near = Number((crop / resize).toFixed(3))
  return Math.floor(crop / near) === resize ? near : crop / (resize + 0.5)
}
