// Every layer as the operations it is made of, with shapes, parameters and multiply-adds: for whoever draws or lists a
// network layer by layer. The same counts as summary.ts, not summed up.
import {
  type Architecture,
  architecture,
  type BatchNorm,
  type Convolution,
  type Layer,
  type Size,
} from './architecture.js'
import type { DenseNetConfig } from './config.js'
import { convolutionCost } from './summary.js'

/** An operation of a layer. */
export interface Operation {
  /** "batch norm", "ReLU", "convolution 3 x 3", ... */
  readonly kind: string
  /** torchvision's name of what holds its weights; null without any. */
  readonly name: string | null
  /** [channels, height, width] after it. */
  readonly output: readonly [number, number, number]
  readonly parameters: number
  /** For one image; of convolutions and the classifier alone, as the published figures are. */
  readonly multiplyAdds: number
}

export interface LayerFacts {
  readonly kind: Layer['kind']
  /** "block 1, layer 3" */
  readonly title: string
  /** torchvision's. */
  readonly name: string
  /** From 1; of a transition or the head the block before it; 0 for the stem. */
  readonly block: number
  readonly inChannels: number
  /** As the next layer reads it: after a dense layer everything before it as well. */
  readonly outChannels: number
  readonly height: number
  readonly width: number
  readonly parameters: number
  readonly multiplyAdds: number
  /** In the order they are applied. */
  readonly operations: readonly Operation[]
}

export function layerFacts(config: DenseNetConfig): LayerFacts[] {
  const described = architecture(config)
  let layerOfBlock = 0
  return described.layers.map(layer => {
    layerOfBlock = layer.kind === 'dense' ? layerOfBlock + 1 : 0
    const operations = operationsOf(layer, described)
    const sum = (of: (operation: Operation) => number): number => operations.reduce((all, one) => all + of(one), 0)
    const [channels, height, width] = operations.at(-1)!.output
    return {
      ...named(layer, layerOfBlock, described),
      outChannels: layer.kind === 'dense' ? layer.inChannels + channels : channels,
      ...{ height, width },
      parameters: sum(({ parameters }) => parameters),
      multiplyAdds: sum(({ multiplyAdds }) => multiplyAdds),
      operations,
    }
  })
}

function named(
  layer: Layer,
  layerOfBlock: number,
  { blocks }: Architecture,
): Pick<LayerFacts, 'kind' | 'title' | 'name' | 'block' | 'inChannels'> {
  const { kind } = layer
  switch (kind) {
    case 'stem':
      return { kind, title: 'stem', name: layer.convolution.name, block: 0, inChannels: layer.convolution.inChannels }
    case 'dense': {
      const { block, name, inChannels } = layer
      return { kind, title: `block ${block}, layer ${layerOfBlock}`, name, block, inChannels }
    }
    case 'transition': {
      const { block, convolution } = layer
      const name = convolution.name.replace(/\.conv$/, '')
      return { kind, title: `transition ${block}`, name, block, inChannels: convolution.inChannels }
    }
    case 'head':
      return {
        ...{ kind, title: 'head', name: layer.classifier.name },
        ...{ block: blocks.length, inChannels: layer.norm.channels },
      }
  }
}

function operationsOf(layer: Layer, { blocks, config }: Architecture): Operation[] {
  switch (layer.kind) {
    case 'stem': {
      const { convolution, norm, output } = layer
      if (!norm) return [convolved(convolution)]
      const channels = convolution.outChannels
      const pool = plain('max pool 3 x 3, stride 2', channels, output)
      return [convolved(convolution), ...normed(norm, convolution.output), pool]
    }
    case 'dense': {
      const size = blocks[layer.block - 1]!
      const parts = [...(layer.bottleneck ? [layer.bottleneck] : []), layer.growth]
      return parts.flatMap(({ norm, convolution }) => [
        ...normed(norm, size),
        convolved(convolution),
        ...dropped(config, convolution),
      ])
    }
    case 'transition': {
      const { norm, convolution, output } = layer
      return [
        ...normed(norm, convolution.input),
        convolved(convolution),
        ...dropped(config, convolution),
        plain('average pool 2 x 2', convolution.outChannels, output),
      ]
    }
    case 'head': {
      const { norm, input, classifier } = layer
      const { name, inFeatures, outFeatures } = classifier
      const multiplyAdds = inFeatures * outFeatures
      return [
        ...normed(norm, input),
        plain('global average pool', norm.channels, { height: 1, width: 1 }),
        {
          ...{ kind: 'linear', name, output: [outFeatures, 1, 1] },
          ...{ parameters: multiplyAdds + outFeatures, multiplyAdds },
        },
      ]
    }
  }
}

const plain = (kind: string, channels: number, { height, width }: Size): Operation => ({
  ...{ kind, name: null, output: [channels, height, width], parameters: 0, multiplyAdds: 0 },
})

const normed = ({ name, channels }: BatchNorm, size: Size): Operation[] => [
  { ...plain('batch norm', channels, size), name, parameters: 2 * channels },
  plain('ReLU', channels, size),
]

function convolved(convolution: Convolution): Operation {
  const { name, inChannels, outChannels, size, stride, output } = convolution
  const kind = `convolution ${size} x ${size}${stride > 1 ? `, stride ${stride}` : ''}`
  const parameters = inChannels * outChannels * size * size
  return { ...plain(kind, outChannels, output), name, parameters, multiplyAdds: convolutionCost(convolution) }
}

const dropped = ({ dropRate }: DenseNetConfig, { outChannels, output }: Convolution): Operation[] =>
  dropRate > 0 ? [plain(`dropout ${dropRate}`, outChannels, output)] : []
