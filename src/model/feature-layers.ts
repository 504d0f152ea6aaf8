// The layers whose output can be read, by torchvision's names. What torchvision does outside its modules has a name in
// their manner: the last ReLU is `features.relu5`, and what the classifier reads is `pooled`.
import { usageError } from '../errors.js'
import { type Architecture, type FeatureLayer, POOLED } from './architecture.js'

export { type FeatureLayer, LAST_MAPS, POOLED } from './architecture.js'

/** All of them, in the order of computation. */
export const featureLayers = ({ layers }: Architecture): FeatureLayer[] => layers.flatMap(({ features }) => features)

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
export const featureCount = ({ channels, height, width }: Omit<FeatureLayer, 'name'>): number =>
  channels * height * width
