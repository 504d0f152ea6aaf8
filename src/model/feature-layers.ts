// The layers whose output can be read, by torchvision's names. What torchvision does outside its modules has a name in
// their manner: the last ReLU is `features.relu5`, and what the classifier reads is `pooled`.
import { usageError } from '../errors.js'
import type { Architecture, Layer, Size } from './architecture.js'

/** A layer's output for one image is [channels][height][width]. */
export interface FeatureLayer extends Size {
  readonly name: string
  readonly channels: number
}

/** What the classifier reads: the last feature maps after batch norm and ReLU, averaged over all pixels. */
export const POOLED = 'pooled'

/** The last feature maps after batch norm and ReLU, whose means are `pooled`. */
export const LAST_MAPS = 'features.relu5'

/** All of them, in the order of computation. */
export function featureLayers(architecture: Architecture): FeatureLayer[] {
  return architecture.layers.flatMap(layer => layersOf(layer, architecture))
}

function layersOf(layer: Layer, { blocks }: Architecture): FeatureLayer[] {
  switch (layer.kind) {
    case 'stem': {
      const { name, outChannels: channels, output } = layer.convolution
      const convolved = { name, channels, ...output }
      if (!layer.norm) return [convolved]
      return [
        convolved,
        { ...convolved, name: 'features.relu0' },
        { name: 'features.pool0', channels, ...layer.output },
      ]
    }
    case 'dense': {
      const { inChannels, growth, block, name } = layer
      const { channels, height, width } = blocks[block - 1]!
      const own = { name, channels: growth.convolution.outChannels, height, width }
      const isLast = inChannels + own.channels === channels
      return [own, ...(isLast ? [{ name: blockName(block), channels, height, width }] : [])]
    }
    case 'transition':
      return [{ name: transitionName(layer.block), channels: layer.convolution.outChannels, ...layer.output }]
    case 'head': {
      const channels = layer.classifier.inFeatures
      return [
        { name: LAST_MAPS, channels, ...layer.input },
        { name: POOLED, channels, height: 1, width: 1 },
      ]
    }
  }
}

export const blockName = (block: number): string => `features.denseblock${block}`
export const transitionName = (block: number): string => `features.transition${block}`

/** Those with respect to whose output a gradient can be had: the engine's gradients pass ReLUs without being written. */
export const gradientLayers = (architecture: Architecture): FeatureLayer[] =>
  featureLayers(architecture).filter(({ name }) => !/\.relu\d$/.test(name) && name !== POOLED)

/** The layer of a name among `all`, or a usage error. */
export function featureLayer(
  architecture: Architecture,
  name: string,
  all: readonly FeatureLayer[] = featureLayers(architecture),
): FeatureLayer {
  const found = all.find(layer => layer.name === name)
  if (found) return found
  const near = all.filter(layer => typeof name === 'string' && name !== '' && layer.name.startsWith(name))
  const names = (near.length > 0 ? near : all.filter(layer => !layer.name.includes('denselayer'))).map(l => l.name)
  const shown = names.slice(0, 12).join(', ') + (names.length > 12 ? ', ...' : '')
  throw usageError(
    `the network has no layer ${JSON.stringify(name)} to take features of`,
    `layers are ${shown}; densenet summary MODEL --layers lists all`,
  )
}

/** Numbers that it gives of one image. */
export const featureCount = ({ channels, height, width }: FeatureLayer): number => channels * height * width
