// What a person may say about a DenseNet, and the complete description it becomes. No tensors, no files.
// Terms are the paper's (Huang et al., CVPR 2017): growth rate k, bottleneck (DenseNet-B), reduction theta (DenseNet-C).
import { z } from 'zod'
import { parameterError, usageError } from '../errors.js'

export type Stem = 'cifar' | 'imagenet'

/** A DenseNet, complete. */
export interface DenseNetConfig {
  /** Channels that each dense layer adds (k). */
  readonly growthRate: number
  /** Dense layers of each block. */
  readonly blocks: readonly number[]
  /** DenseNet-B: a 1x1 convolution to bottleneckWidth * growthRate channels before each 3x3. */
  readonly bottleneck: boolean
  /** Channels of the bottleneck in units of the growth rate; the paper's is 4. */
  readonly bottleneckWidth: number
  /** DenseNet-C: a transition keeps floor(reduction * channels); 1 keeps all. */
  readonly reduction: number
  /** Dropout after every convolution but the first. */
  readonly dropRate: number
  /** Channels made by the stem. */
  readonly initialChannels: number
  readonly classes: number
  readonly inputChannels: number
  /** Input size in pixels. */
  readonly height: number
  readonly width: number
  /** `cifar`: 3x3 convolution; `imagenet`: 7x7 stride 2, batch norm, ReLU, 3x3 stride 2 max pool. */
  readonly stem: Stem
  readonly bnEpsilon: number
}

/** `depth` instead of `blocks`; everything else defaults as resolveConfig says. */
export type DenseNetOptions = Partial<DenseNetConfig> & {
  /** Layers with weights, as in the names of the paper's networks: 3 n + 4, or 6 n + 4 with bottlenecks. */
  readonly depth?: number
}

/** Layers per block of the ImageNet networks, by the number in their name (features.md of the seed: models/densenet.lua). */
export const IMAGENET_BLOCKS: Readonly<Record<number, readonly number[]>> = {
  121: [6, 12, 24, 16],
  161: [6, 12, 36, 24],
  169: [6, 12, 32, 32],
  201: [6, 12, 48, 32],
  232: [6, 12, 48, 48],
  264: [6, 12, 64, 48],
}

const count = z.int().min(1).max(100_000)
const configSchema = z.strictObject({
  growthRate: count,
  blocks: z.array(count).min(1).max(16),
  bottleneck: z.boolean(),
  bottleneckWidth: count,
  reduction: z.number().gt(0).max(1),
  dropRate: z.number().min(0).lt(1),
  initialChannels: count,
  classes: count,
  inputChannels: count,
  height: count,
  width: count,
  stem: z.enum(['cifar', 'imagenet']),
  bnEpsilon: z.number().gt(0).max(1),
})

const EXPECTED: Record<keyof DenseNetConfig, string> = {
  growthRate: 'a whole number of at least 1',
  blocks: 'a list of 1 to 16 numbers of layers, each at least 1',
  bottleneck: 'true or false',
  bottleneckWidth: 'a whole number of at least 1',
  reduction: 'a number above 0 and up to 1',
  dropRate: 'a number from 0 up to, but not including, 1',
  initialChannels: 'a whole number of at least 1',
  classes: 'a whole number of at least 1',
  inputChannels: 'a whole number of at least 1',
  height: 'a whole number of pixels, at least 1',
  width: 'a whole number of pixels, at least 1',
  stem: '"cifar" or "imagenet"',
  bnEpsilon: 'a number above 0 and up to 1',
}

/** Completes and checks options. Defaults: growth rate 12, no bottleneck, reduction 0.5 with bottleneck and 1 without,
 * no dropout, 16 initial channels (2 k with bottleneck or the ImageNet stem), 10 classes (1000), 3 x 32 x 32 input
 * (224 x 224), CIFAR stem, epsilon 1e-5. Throws a usage error that names the value and what is allowed. */
export function resolveConfig(options: DenseNetOptions): DenseNetConfig {
  const stem = options.stem ?? 'cifar'
  const bottleneck = options.bottleneck ?? false
  const growthRate = options.growthRate ?? 12
  const imagenet = stem === 'imagenet'
  const { depth, ...rest } = options
  const config = {
    growthRate,
    bottleneck,
    bottleneckWidth: 4,
    reduction: bottleneck ? 0.5 : 1,
    dropRate: 0,
    initialChannels: bottleneck || imagenet ? 2 * growthRate : 16,
    classes: imagenet ? 1000 : 10,
    inputChannels: 3,
    height: imagenet ? 224 : 32,
    width: imagenet ? 224 : 32,
    stem,
    bnEpsilon: 1e-5,
    ...withoutUndefined(rest),
    blocks: blocksOf(options, stem, bottleneck),
  }
  const parsed = configSchema.safeParse(config)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const name = issue.code === 'unrecognized_keys' ? issue.keys[0]! : String(issue.path[0])
    if (!(name in EXPECTED)) {
      throw usageError(`a DenseNet has no option "${name}"; it has depth, ${Object.keys(EXPECTED).join(', ')}`)
    }
    throw parameterError(name, EXPECTED[name as keyof DenseNetConfig], config[name as keyof DenseNetConfig])
  }
  checkSizes(parsed.data)
  return parsed.data
}

function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}

function blocksOf(options: DenseNetOptions, stem: Stem, bottleneck: boolean): readonly number[] {
  const { depth, blocks } = options
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
