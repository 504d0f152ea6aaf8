// timm's folder of a model: model.safetensors beside a config.json with the architecture's name, its arguments and the
// preprocessing. https://huggingface.co/docs/timm
import { z } from 'zod'
import { DenseNetError } from '../errors.js'
import type { DenseNetConfig } from '../model/config.js'

export const TIMM_WEIGHTS = 'model.safetensors'
export const TIMM_CONFIG = 'config.json'

export interface Preprocessing {
  readonly classes: readonly string[]
  /** On the 0..255 scale; null: not known. */
  readonly normalisation: { readonly mean: readonly number[]; readonly deviation: readonly number[] } | null
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
      label_names: z.array(z.string()).optional(),
    })
    .optional(),
})

/** What a config.json of timm's tells; null when it is none. */
export function parseTimmConfig(
  text: string,
  path: string,
): (Preprocessing & { height?: number; width?: number }) | null {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) return null
  const { architecture, pretrained_cfg: given = {}, label_names = given.label_names ?? [] } = parsed.data
  if (!/^densenet\d/.test(architecture)) {
    throw new DenseNetError(`${path} describes a ${architecture}, which is no DenseNet that can be run here`)
  }
  const { input_size: size, mean, std } = given
  const normalisation = mean && std ? { mean: mean.map(x => x * 255), deviation: std.map(x => x * 255) } : null
  return { classes: label_names, normalisation, ...(size ? { height: size[1], width: size[2] } : {}) }
}

/** timm's config.json for a network; throws a sentence when timm has no such network. */
export function timmConfig(config: DenseNetConfig, { classes, normalisation }: Preprocessing): string {
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
      num_features: featuresOf(config),
      ...(classes.length > 0 ? { label_names: classes } : {}),
      ...(named && config.bottleneckWidth === 4
        ? {}
        : { model_args: { growth_rate: growthRate, block_config: config.blocks, bn_size: config.bottleneckWidth } }),
      pretrained_cfg: {
        custom_load: false,
        input_size: [inputChannels, height, width],
        fixed_input_size: false,
        interpolation: 'bicubic',
        crop_pct: 0.875,
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

/** Channels before the classifier. */
const featuresOf = ({ blocks, initialChannels, growthRate, reduction }: DenseNetConfig): number =>
  blocks.reduce((channels, layers, i) => {
    const grown = channels + layers * growthRate
    return i < blocks.length - 1 ? Math.floor(grown * reduction) : grown
  }, initialChannels)
