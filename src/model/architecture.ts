// config -> architecture: the ordered layers with their parts. Names are torchvision's.
import type { DenseNetConfig } from './config.js'
import { fcLayers } from './fc-densenet.js'
import type { Layer } from './layer.js'
import {
  averagePool,
  batchNorm,
  chain,
  convolution,
  dropout,
  globalPool,
  linear,
  type Maps,
  maxPool,
  relu,
} from './parts.js'

export type { FeatureLayer, Layer } from './layer.js'

/** What is known of any network. */
export type NetworkConfig = Pick<
  DenseNetConfig,
  'inputChannels' | 'height' | 'width' | 'classes' | 'bnEpsilon' | 'dropRate'
>

/** A network layer by layer with the shapes of its images: what programs are planned from. */
export interface Architecture {
  readonly config: NetworkConfig
  readonly layers: readonly Layer[]
}

/** Maps of class scores, or one score a class. */
export const scoresOf = ({ layers }: Pick<Architecture, 'layers'>): Maps => layers.at(-1)!.output

/** What the classifier reads: the last feature maps after batch norm and ReLU, averaged over all pixels. */
export const POOLED = 'pooled'

/** The last feature maps after batch norm and ReLU, whose means are `pooled`. */
export const LAST_MAPS = 'features.relu5'

export const blockName = (block: number): string => `features.denseblock${block}`

/** Lays a configuration out; pure, no weights. Throws when the images are too small for its blocks. */
export function architecture(config: DenseNetConfig): Architecture {
  if (config.family === 'fc-densenet') return { config, layers: fcLayers(config) }
  const layers = [stemLayer(config)]
  const maps = (): Maps => layers.at(-1)!.output
  for (const [i, count] of config.blocks.entries()) {
    const block = i + 1
    for (let n = 1; n <= count; n++) layers.push(denseLayer(config, block, n, maps()))
    if (block < config.blocks.length) layers.push(transitionLayer(config, block, maps()))
  }
  layers.push(headLayer(config, maps()))
  return { config, layers }
}

/** A convolution; for ImageNet one with large filters, batch norm, ReLU and max pool. */
function stemLayer({ stem, initialChannels, inputChannels, height, width, ceilPools }: DenseNetConfig): Layer {
  const [name, input] = ['features.conv0', { channels: inputChannels, height, width }]
  const parts =
    stem === 'cifar'
      ? chain(input, convolution(name, initialChannels, 3))
      : chain(
          input,
          convolution(name, initialChannels, 7, 2),
          batchNorm('features.norm0'),
          relu('features.relu0'),
          maxPool('features.pool0', { size: 3, stride: 2, padding: 1 }, ceilPools === 'all'),
        )
  const features = parts.filter(({ kind }) => kind !== 'norm').map(({ name, output }) => ({ name, ...output }))
  const naming = { kind: 'stem', name, title: 'stem', group: 'stem', block: 0 }
  return { ...naming, input, output: parts.at(-1)!.output, parts, concatenates: false, features }
}

/** norm-ReLU-convolution, once (plain) or twice (bottleneck 1x1, then growth 3x3). */
function denseLayer(config: DenseNetConfig, block: number, index: number, input: Maps): Layer {
  const { growthRate, bottleneck, bottleneckWidth, dropRate } = config
  const name = `${blockName(block)}.denselayer${index}`
  const composite = (n: number, channels: number, size: number) => [
    ...[batchNorm(`${name}.norm${n}`), relu(), convolution(`${name}.conv${n}`, channels, size)],
    ...dropout(dropRate),
  ]
  const growth = composite(bottleneck ? 2 : 1, growthRate, 3)
  const parts = chain(input, ...(bottleneck ? composite(1, bottleneckWidth * growthRate, 1) : []), ...growth)
  const output = { ...input, channels: input.channels + growthRate }
  const isLast = index === config.blocks[block - 1]
  const features = [{ name, ...parts.at(-1)!.output }, ...(isLast ? [{ name: blockName(block), ...output }] : [])]
  const naming = { kind: 'dense', name, title: `block ${block}, layer ${index}`, group: `block ${block}`, block }
  return { ...naming, input, output, parts, concatenates: true, features }
}

/** norm-ReLU-convolution 1x1, then average pool 2x2. */
function transitionLayer({ reduction, dropRate, ceilPools }: DenseNetConfig, block: number, input: Maps): Layer {
  const [name, title] = [`features.transition${block}`, `transition ${block}`]
  const parts = chain(
    input,
    ...[batchNorm(`${name}.norm`), relu()],
    convolution(`${name}.conv`, Math.floor(input.channels * reduction), 1),
    ...dropout(dropRate),
    averagePool(`${name}.pool`, 2, ceilPools !== 'none'),
  )
  const { output } = parts.at(-1)!
  const naming = { kind: 'transition', name, title, group: title, block }
  return { ...naming, input, output, parts, concatenates: false, features: [{ name, ...output }] }
}

/** norm-ReLU, global average pool, linear classifier. */
function headLayer({ blocks, classes }: DenseNetConfig, input: Maps): Layer {
  const name = 'classifier'
  // torchvision's name of the norm, whatever the number of blocks.
  const norm = [batchNorm('features.norm5'), relu(LAST_MAPS)]
  const parts = chain(input, ...norm, globalPool(POOLED), linear(name, classes))
  const features = parts.slice(1, 3).map(({ name, output }) => ({ name, ...output }))
  const naming = { kind: 'head', name, title: 'head', group: 'head', block: blocks.length }
  return { ...naming, input, output: parts.at(-1)!.output, parts, concatenates: false, features }
}
