// FC-DenseNet (Jegou et al., "The One Hundred Layers Tiramisu", 2017): every pixel is classified. Blocks follow each other down to
// smaller maps and up again; on the way up a block reads, before its own, all that the block of its size made on the way down.
// Names are in torchvision's manner. Channels of a block on the way up are in the order in which they are made: those from the
// way down, those from below, its own; the authors have the first two the other way round, which is the same network.
import type { DenseNetConfig } from './config.js'
import type { Layer } from './layer.js'
import {
  batchNorm,
  chain,
  convolution,
  dropout,
  type Maps,
  maxPool,
  type Part,
  relu,
  transposedConvolution,
} from './parts.js'

export function fcLayers(config: DenseNetConfig): Layer[] {
  const layers = [stemLayer(config)]
  const maps = (): Maps => layers.at(-1)!.output
  const depth = (config.blocks.length - 1) / 2
  /** The ends of blocks on the way down that nobody has read on the way up yet. */
  const skips: Layer[] = []
  for (const [i, count] of config.blocks.entries()) {
    const block = i + 1
    for (let n = 1; n <= count; n++) layers.push(denseLayer(config, block, n, maps()))
    if (block <= depth) {
      skips.push(layers.at(-1)!)
      layers.push(downLayer(config, block, maps()))
    } else if (skips.length > 0) {
      const channels = count * config.growthRate
      layers.push(upLayer(block, { ...maps(), channels }, skips.pop()!))
    }
  }
  return [...layers, classifierLayer(config, maps())]
}

const stemLayer = ({ initialChannels, inputChannels, height, width }: DenseNetConfig): Layer => {
  const [name, input] = ['features.conv0', { channels: inputChannels, height, width }]
  const parts = chain(input, convolution(name, initialChannels, 3, 1, true))
  return layerOf({ kind: 'stem', name, title: 'stem', group: 'stem', block: 0 }, input, parts)
}

/** norm-ReLU-convolution 3x3. */
function denseLayer({ growthRate, dropRate }: DenseNetConfig, block: number, index: number, input: Maps): Layer {
  const name = `features.denseblock${block}.denselayer${index}`
  const parts = chain(
    input,
    ...[batchNorm(`${name}.norm1`), relu(), convolution(`${name}.conv1`, growthRate, 3, 1, true)],
    ...dropout(dropRate),
  )
  const naming = { kind: 'dense', name, title: `block ${block}, layer ${index}`, group: `block ${block}`, block }
  const output = { ...input, channels: input.channels + growthRate }
  return { ...layerOf(naming, input, parts), output, concatenates: true }
}

/** norm-ReLU-convolution 1x1 of as many channels, max pool 2x2. */
function downLayer({ dropRate }: DenseNetConfig, block: number, input: Maps): Layer {
  const [name, title] = [`features.transitiondown${block}`, `transition down ${block}`]
  const parts = chain(
    input,
    ...[batchNorm(`${name}.norm`), relu(), convolution(`${name}.conv`, input.channels, 1, 1, true)],
    ...dropout(dropRate),
    maxPool(`${name}.pool`, { size: 2, stride: 2, padding: 0 }),
  )
  return layerOf({ kind: 'down', name, title, group: title, block }, input, parts)
}

/** Transposed convolution 3x3 of what a block has made, to the size of a block on the way down, behind whose maps it goes. */
function upLayer(block: number, input: Maps, skip: Layer): Layer {
  const [name, title] = [`features.transitionup${block}`, `transition up ${block}`]
  const parts = chain(input, transposedConvolution(`${name}.conv`, 3, skip.output))
  const output = { ...skip.output, channels: skip.output.channels + input.channels }
  const naming = { kind: 'up', name, title, group: title, block }
  return { ...layerOf(naming, input, parts), output, skip: skip.name }
}

/** 1x1 convolution of everything, without norm. */
function classifierLayer({ blocks, classes }: DenseNetConfig, input: Maps): Layer {
  const parts = chain(input, convolution('classifier', classes, 1, 1, true))
  const naming = { kind: 'pixels', name: 'classifier', title: 'head', group: 'head', block: blocks.length }
  return { ...layerOf(naming, input, parts), features: [] }
}

type Naming = Pick<Layer, 'kind' | 'name' | 'title' | 'group' | 'block'>

const layerOf = (naming: Naming, input: Maps, parts: readonly Part[]): Layer => {
  const { output } = parts.at(-1)!
  return { ...naming, input, output, parts, concatenates: false, features: [{ name: naming.name, ...output }] }
}
