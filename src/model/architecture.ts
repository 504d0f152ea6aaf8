// config -> architecture: the ordered layers with names and shapes. Names are torchvision's.
import type { DenseNetConfig } from './config.js'

export interface Size {
  readonly height: number
  readonly width: number
}

/** A convolution without bias; `input` is the size it reads, `output` the size it makes. */
export interface Convolution {
  readonly name: string
  readonly inChannels: number
  readonly outChannels: number
  readonly size: number
  readonly stride: number
  readonly padding: number
  readonly input: Size
  readonly output: Size
}

export interface BatchNorm {
  readonly name: string
  readonly channels: number
}

/** convolution, and in the ImageNet stem also batch norm, ReLU, max pool 3x3 stride 2 padding 1. */
export interface StemLayer {
  readonly kind: 'stem'
  readonly convolution: Convolution
  readonly norm: BatchNorm | null
  /** Size after the pool (or after the convolution, without one). */
  readonly output: Size
}

/** norm-ReLU-convolution, once (plain) or twice (bottleneck 1x1, then growth 3x3). */
export interface DenseLayer {
  readonly kind: 'dense'
  readonly block: number
  readonly name: string
  readonly inChannels: number
  readonly bottleneck: { readonly norm: BatchNorm; readonly convolution: Convolution } | null
  readonly growth: { readonly norm: BatchNorm; readonly convolution: Convolution }
}

/** norm-ReLU-convolution 1x1, then average pool 2x2. */
export interface TransitionLayer {
  readonly kind: 'transition'
  readonly block: number
  readonly norm: BatchNorm
  readonly convolution: Convolution
  /** Size after the pool. */
  readonly output: Size
}

/** norm-ReLU, global average pool, linear classifier. */
export interface HeadLayer {
  readonly kind: 'head'
  readonly norm: BatchNorm
  readonly input: Size
  readonly classifier: { readonly name: string; readonly inFeatures: number; readonly outFeatures: number }
}

/** One layer, with the channels it reads and writes and its output's size in pixels. */
export type Layer = StemLayer | DenseLayer | TransitionLayer | HeadLayer

/** What the planner needs to know of a dense block. */
export interface Block extends Size {
  readonly inChannels: number
  /** Channels after its last layer. */
  readonly channels: number
}

/** A network layer by layer with the shapes of its images: what programs are planned from. */
export interface Architecture {
  readonly config: DenseNetConfig
  readonly layers: readonly Layer[]
  readonly blocks: readonly Block[]
}

const halve = (size: Size): Size => ({ height: Math.floor(size.height / 2), width: Math.floor(size.width / 2) })
const strided = (size: Size): Size => ({ height: Math.ceil(size.height / 2), width: Math.ceil(size.width / 2) })

/** Lays a configuration out; pure, no weights. Throws when the images are too small for its blocks. */
export function architecture(config: DenseNetConfig): Architecture {
  const layers: Layer[] = []
  const blocks: Block[] = []
  const stem = stemLayer(config)
  layers.push(stem)
  let channels = config.initialChannels
  let size = stem.output
  for (const [index, count] of config.blocks.entries()) {
    const block = index + 1
    const inChannels = channels
    for (let i = 1; i <= count; i++) {
      layers.push(denseLayer(config, block, i, channels, size))
      channels += config.growthRate
    }
    blocks.push({ ...size, inChannels, channels })
    if (block < config.blocks.length) {
      const outChannels = Math.floor(channels * config.reduction)
      const name = `features.transition${block}`
      layers.push({
        kind: 'transition',
        block,
        norm: { name: `${name}.norm`, channels },
        convolution: pointwise(`${name}.conv`, channels, outChannels, size),
        output: halve(size),
      })
      channels = outChannels
      size = halve(size)
    }
  }
  layers.push({
    kind: 'head',
    // torchvision's name, whatever the number of blocks.
    norm: { name: 'features.norm5', channels },
    input: size,
    classifier: { name: 'classifier', inFeatures: channels, outFeatures: config.classes },
  })
  return { config, layers, blocks }
}

function stemLayer(config: DenseNetConfig): StemLayer {
  const input = { height: config.height, width: config.width }
  const channels = { inChannels: config.inputChannels, outChannels: config.initialChannels }
  const name = 'features.conv0'
  if (config.stem === 'cifar') {
    const convolution = { name, ...channels, size: 3, stride: 1, padding: 1, input, output: input }
    return { kind: 'stem', convolution, norm: null, output: input }
  }
  const output = strided(input)
  const convolution = { name, ...channels, size: 7, stride: 2, padding: 3, input, output }
  const norm = { name: 'features.norm0', channels: config.initialChannels }
  return { kind: 'stem', convolution, norm, output: strided(output) }
}

function denseLayer(config: DenseNetConfig, block: number, index: number, inChannels: number, size: Size): DenseLayer {
  const name = `features.denseblock${block}.denselayer${index}`
  const norm1 = { name: `${name}.norm1`, channels: inChannels }
  const growth = (conv: string, channels: number): Convolution => ({
    name: `${name}.${conv}`,
    inChannels: channels,
    outChannels: config.growthRate,
    size: 3,
    stride: 1,
    padding: 1,
    input: size,
    output: size,
  })
  if (!config.bottleneck) {
    const only = { norm: norm1, convolution: growth('conv1', inChannels) }
    return { kind: 'dense', block, name, inChannels, bottleneck: null, growth: only }
  }
  const width = config.bottleneckWidth * config.growthRate
  const bottleneck = { norm: norm1, convolution: pointwise(`${name}.conv1`, inChannels, width, size) }
  const norm2 = { name: `${name}.norm2`, channels: width }
  return {
    kind: 'dense',
    block,
    name,
    inChannels,
    bottleneck,
    growth: { norm: norm2, convolution: growth('conv2', width) },
  }
}

function pointwise(name: string, inChannels: number, outChannels: number, size: Size): Convolution {
  return { name, inChannels, outChannels, size: 1, stride: 1, padding: 0, input: size, output: size }
}
