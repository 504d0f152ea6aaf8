// What a person may say about a DenseNet, and the complete description it becomes. No tensors, no files.
// Terms are the paper's (Huang et al., CVPR 2017): growth rate k, bottleneck (DenseNet-B), reduction theta (DenseNet-C).
import * as z from 'zod'
import { parameterError, usageError } from '../errors.js'
import { below1, checkSettings, oneOf, type Setting, upTo, type ValuesOf, yesOrNo } from '../util/settings.js'

const stems = ['cifar', 'imagenet'] as const
export type Stem = (typeof stems)[number]

const ceilPools = ['none', 'transitions', 'all'] as const
export type CeilPools = (typeof ceilPools)[number]

const families = ['densenet', 'fc-densenet'] as const
export type Family = (typeof families)[number]

/** What other defaults hang on. */
interface Basis {
  readonly family: Family
  readonly growthRate: number
  readonly bottleneck: boolean
  readonly stem: Stem
}
interface ConfigSetting<T> extends Setting<T> {
  readonly default?: NoInfer<T> | ((basis: Basis) => NoInfer<T>)
}
const row = <T>(
  schema: z.ZodType<T>,
  usual: ConfigSetting<T>['default'],
  option = '',
  help = '',
  more: Partial<ConfigSetting<T>> = {},
): ConfigSetting<T> => ({ schema, default: usual, option, help, ...more })

const size = z.int().min(1).max(100_000)
const count = size.describe('a whole number of at least 1')
const pixels = size.describe('a whole number of pixels, at least 1')
const bySize = ({ family, stem }: Basis): number => (family === 'fc-densenet' || stem === 'imagenet' ? 224 : 32)

/** Each setting of a network. */
export const CONFIG = {
  /** `fc-densenet`: every pixel is classified; blocks down, one at the bottom, blocks up (Jegou et al., 2017). */
  family: row(oneOf(families).describe('"densenet" or "fc-densenet"'), 'densenet'),
  /** Channels that each dense layer adds (k). */
  growthRate: row(count, 12, '--growth-rate <k>', 'channels that each layer adds'),
  /** Dense layers of each block. */
  blocks: row(
    z.array(size).min(1).max(16).readonly().describe('a list of 1 to 16 numbers of layers, each at least 1'),
    undefined,
    '--blocks <n,n,...>',
    'dense layers of each block, instead of a depth',
    { list: 'whole numbers with commas between them, such as 6,12,24,16' },
  ),
  /** DenseNet-B: a 1x1 convolution to bottleneckWidth * growthRate channels before each 3x3. */
  bottleneck: row(yesOrNo, false, '--bottleneck', 'DenseNet-B: a 1x1 convolution before each 3x3'),
  /** Channels of the bottleneck in units of the growth rate; the paper's is 4. */
  bottleneckWidth: row(count, 4),
  /** DenseNet-C: a transition keeps floor(reduction * channels); 1 keeps all. */
  reduction: row(
    upTo(1),
    ({ bottleneck }) => (bottleneck ? 0.5 : 1),
    '--reduction <r>',
    'share of the channels that a transition keeps',
    { usual: '0.5 with bottlenecks, else 1' },
  ),
  /** Dropout after every convolution but the first. */
  dropRate: row(below1, 0, '--drop-rate <p>', 'dropout after every convolution but the first'),
  /** Channels made by the stem. */
  initialChannels: row(
    count,
    ({ family, stem, bottleneck, growthRate }) =>
      family === 'fc-densenet' ? 48 : bottleneck || stem === 'imagenet' ? 2 * growthRate : 16,
    '--initial-channels <n>',
    'channels of the first convolution',
    { usual: '2 k with bottlenecks, else 16' },
  ),
  classes: row(count, ({ family, stem }) => (family === 'fc-densenet' ? 11 : stem === 'imagenet' ? 1000 : 10)),
  inputChannels: row(count, 3),
  /** Input size in pixels. */
  height: row(pixels, bySize),
  /** Input size in pixels. */
  width: row(pixels, bySize),
  /** `cifar`: 3x3 convolution; `imagenet`: 7x7 stride 2, batch norm, ReLU, 3x3 stride 2 max pool. */
  stem: row(oneOf(stems).describe('"cifar" or "imagenet"'), 'cifar'),
  /** Pools that take the pixels left over at the end of a map, too (ceil mode): those of transitions, or the stem's as well.
   * The original's take none. */
  ceilPools: row(oneOf(ceilPools).describe('"none", "transitions" or "all"'), 'none'),
  bnEpsilon: row(
    upTo(1),
    ({ family }) => (family === 'fc-densenet' ? 1e-4 : 1e-5),
    '--bn-epsilon <e>',
    "weights from elsewhere: batch norm's epsilon",
    {
      usual: "the format's",
    },
  ),
}

/** A DenseNet, complete.
 * @interface */
export type DenseNetConfig = ValuesOf<typeof CONFIG>

/** `depth` instead of `blocks`; everything else defaults as resolveConfig says. */
export type DenseNetOptions = Partial<DenseNetConfig> & {
  /** Layers with weights, as in the names of the paper's networks: 3 n + 4, or 6 n + 4 with bottlenecks. */
  readonly depth?: number
}

/** Layers per block of the ImageNet networks, by the number in their name (features.md of the original: models/densenet.lua). */
export const IMAGENET_BLOCKS: Readonly<Record<number, readonly number[]>> = {
  121: [6, 12, 24, 16],
  161: [6, 12, 36, 24],
  169: [6, 12, 32, 32],
  201: [6, 12, 48, 32],
  232: [6, 12, 48, 48],
  264: [6, 12, 64, 48],
}

/** Completes and checks options. Defaults: growth rate 12, no bottleneck, reduction 0.5 with bottleneck and 1 without,
 * no dropout, 16 initial channels (2 k with bottleneck or the ImageNet stem), 10 classes (1000), 3 x 32 x 32 input
 * (224 x 224), CIFAR stem, epsilon 1e-5. Throws a usage error that names the value and what is allowed. */
export function resolveConfig(options: DenseNetOptions): DenseNetConfig {
  const { depth: _, ...rest } = options
  const given = Object.entries(rest).filter(([, value]) => value !== undefined)
  const unknown = given.find(([name]) => !Object.hasOwn(CONFIG, name))
  if (unknown)
    throw usageError(`a DenseNet has no option "${unknown[0]}"; it has depth, ${Object.keys(CONFIG).join(', ')}`)
  const rows = Object.entries<ConfigSetting<unknown>>(CONFIG)
  const config = Object.fromEntries([...rows.map(([name, row]) => [name, row.default]), ...given])
  config.blocks = blocksOf(options, config)
  for (const [name, row] of rows) {
    if (typeof row.default === 'function' && config[name] === row.default) config[name] = row.default(config)
  }
  const checked = checkSettings(CONFIG, config)
  if (checked.family === 'fc-densenet') checkFcDenseNet(checked)
  else checkSizes(checked)
  return checked
}

function blocksOf({ depth, blocks }: DenseNetOptions, { stem, bottleneck }: Basis): readonly number[] {
  if (blocks !== undefined) {
    if (depth !== undefined) throw usageError('give either depth or blocks, not both')
    return blocks
  }
  if (depth === undefined) throw usageError('a DenseNet needs a depth or the number of layers of each block')
  if (!Number.isInteger(depth) || depth < 1) throw parameterError('depth', 'a whole number of layers', depth)
  if (stem === 'imagenet') {
    const known = IMAGENET_BLOCKS[depth]
    if (known) return known
    throw usageError(
      `depth ${depth} is none of the ImageNet networks'; they are ${Object.keys(IMAGENET_BLOCKS).join(', ')}`,
      'any other network: give the layers of each block instead of a depth',
    )
  }
  const perLayer = bottleneck ? 6 : 3
  const layers = (depth - 4) / perLayer
  if (Number.isInteger(layers) && layers >= 1) return [layers, layers, layers]
  const below = Math.max(1, Math.floor(layers)) * perLayer + 4
  const nearest = depth < below ? [below] : [below, below + perLayer]
  const name = bottleneck ? 'DenseNet-BC' : 'DenseNet'
  throw usageError(
    `depth ${depth} fits no ${name} with three blocks (${perLayer} n + 4 layers). Nearest: ${nearest.join(', ')}.`,
  )
}

/** Every block must still have a pixel, and every transition a channel. */
function checkSizes(config: DenseNetConfig): void {
  const stemFactor = config.stem === 'imagenet' ? 4 : 1
  const smallest = stemFactor * 2 ** (config.blocks.length - 1)
  // A stride-2 convolution with padding rounds up, so the ImageNet stem needs a little less than four times the size.
  const needed = config.stem === 'imagenet' ? smallest - 3 : smallest
  for (const [name, size] of [
    ['height', config.height],
    ['width', config.width],
  ] as const) {
    if (size < needed) {
      throw usageError(
        `an input ${name} of ${size} is too small for ${config.blocks.length} blocks and the ${config.stem} stem: at least ${needed} is needed`,
      )
    }
  }
  let channels = config.initialChannels
  for (const [i, layers] of config.blocks.slice(0, -1).entries()) {
    channels = Math.floor((channels + layers * config.growthRate) * config.reduction)
    if (channels < 1) {
      throw usageError(
        `with reduction ${config.reduction}, transition ${i + 1} would keep no channels; choose a larger one`,
      )
    }
  }
}

/** What the settings of a DenseNet may not be here, and every block must have a pixel. */
function checkFcDenseNet(config: DenseNetConfig): void {
  const { blocks, bottleneck, reduction, stem, height, width } = config
  if (blocks.length % 2 === 0) {
    throw usageError(
      `an FC-DenseNet has as many blocks up as down and one between them, but ${blocks.length} are given`,
      'give an odd number of blocks, such as 4,5,7,10,12,15,12,10,7,5,4',
    )
  }
  if (bottleneck || reduction !== 1 || stem !== 'cifar') {
    throw usageError('an FC-DenseNet has no bottlenecks, keeps all channels in transitions and has the stem "cifar"')
  }
  const depth = (blocks.length - 1) / 2
  const needed = 2 ** depth
  for (const [name, size] of Object.entries({ height, width })) {
    if (size >= needed) continue
    throw usageError(`an input ${name} of ${size} is too small for ${depth} blocks down: at least ${needed} is needed`)
  }
}
