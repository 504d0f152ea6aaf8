// Augmentations by name, as the command line takes them: the data set's usual one, and what goes beyond it.

import { usageError } from '../errors.js'
import { type Augmentation, type FlipAndCrop, isList, noAugmentation } from './augment.js'
import type { Dataset } from './dataset.js'
import { datasetInfo, datasetNames } from './info.js'
import { imagenetTransforms, needsColour, type Transform } from './transforms/transform.js'

/** All of them; they can be combined. */
export const augmentationNames = ['standard', 'randaugment', 'trivialaugment', 'erasing', 'cutout'] as const
/** A name that `namedAugmentation` takes. */
export type AugmentationName = (typeof augmentationNames)[number]

/** The usual one of a known data set; crops and mirror images of those with masks; the original's for ImageNet for images of files, without what only colours have for
 * those of one channel; mirrored and cropped for any other. */
export function standardAugmentation(dataset: Dataset): Augmentation {
  const { name, width, channels } = dataset
  if ('files' in dataset && dataset.masks) {
    const crop = dataset.masks.crops ? [{ kind: 'randomCrop', size: width, pad: 0 } as const] : []
    return [...crop, { kind: 'horizontalFlip', probability: 0.5 }]
  }
  if ('files' in dataset) return imagenetTransforms(width).filter(({ kind }) => channels === 3 || !needsColour(kind))
  const known = datasetNames.find(other => other === name)
  return known ? datasetInfo(known).augmentation : { flip: true, pad: 4 }
}

/** The standard one with others added: RandAugment (2 operations, magnitude 9) or TrivialAugment, which stand in for
 * colour jitter and lighting; random erasing of a quarter of the images; cutout of half the image's width. */
export function namedAugmentation(names: readonly AugmentationName[], dataset: Dataset): Augmentation {
  const standard = standardAugmentation(dataset)
  const added = names.filter(name => name !== 'standard')
  if (added.length === 0) return standard
  if (names.includes('randaugment') && names.includes('trivialaugment')) {
    throw usageError('randaugment and trivialaugment do the same work', 'choose one of them')
  }
  const list = isList(standard) ? standard : placed(standard, dataset)
  const automatic = added.some(name => name.endsWith('augment'))
  const kept = list.filter(({ kind }) => !automatic || (kind !== 'colorJitter' && kind !== 'lighting'))
  const inOrder = augmentationNames.filter(name => name !== 'standard').filter(name => added.includes(name))
  return [...kept, ...inOrder.map(name => transformOf(name, dataset))]
}

/** The same as transforms. */
function placed({ flip, pad }: FlipAndCrop, { name, height, width }: Dataset): readonly Transform[] {
  if (pad > 0 && height !== width) {
    throw usageError(`the images of ${name} are ${height} x ${width}; these augmentations are for square ones`)
  }
  return [
    ...(flip ? [{ kind: 'horizontalFlip', probability: 0.5 } as const] : []),
    ...(pad > 0 ? [{ kind: 'randomCrop', size: width, pad } as const] : []),
  ]
}

function transformOf(name: Exclude<AugmentationName, 'standard'>, { width }: Dataset): Transform {
  switch (name) {
    case 'randaugment':
      return { kind: 'randAugment', operations: 2, magnitude: 9 }
    case 'trivialaugment':
      return { kind: 'trivialAugment' }
    case 'erasing':
      return { kind: 'randomErasing', probability: 0.25, area: [0.02, 0.33], ratio: [0.3, 3.3] }
    case 'cutout':
      return { kind: 'cutout', size: Math.max(1, Math.floor(width / 2)) }
  }
}

/** By names, none (false), or the standard one. */
export function chosenAugmentation(
  names: readonly AugmentationName[] | false | undefined,
  dataset: Dataset,
): Augmentation {
  if (names === false) return noAugmentation
  return names === undefined ? standardAugmentation(dataset) : namedAugmentation(names, dataset)
}

const NAMES: Partial<Record<Transform['kind'], AugmentationName>> = {
  randAugment: 'randaugment',
  trivialAugment: 'trivialaugment',
  randomErasing: 'erasing',
  cutout: 'cutout',
}

/** The names that ask for an augmentation; none for no augmentation. One made otherwise goes by the nearest names. */
export function namesOf(augmentation: Augmentation): readonly AugmentationName[] {
  if (!isList(augmentation)) return augmentation.flip || augmentation.pad > 0 ? ['standard'] : []
  const added = augmentation.flatMap(({ kind }) => NAMES[kind] ?? [])
  return added.length > 0 || augmentation.length === 0 ? added : ['standard']
}
