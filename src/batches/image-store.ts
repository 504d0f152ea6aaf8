// What the loader's workers are given of a data set: checked, shared, with the treatment of its images decided.

import { DenseNetError, parameterError, usageError } from '../errors.js'
import { type Augmentation, type FlipAndCrop, isList, noAugmentation } from '../images/augment.js'
import type { Dataset, FileDataset } from '../images/dataset.js'
import { checkPaired } from '../images/masks.js'
import { checkMixing, type Mixing } from '../images/mixing.js'
import { isOfUnitScale } from '../images/normalise.js'
import { VIEWS, type View } from '../images/transforms/preprocess.js'
import { type Transform, transformSchema } from '../images/transforms/schema.js'
import { needsColour } from '../images/transforms/transform.js'
import type { ImageStore } from './batch-writer.js'

/** The workers' loops check nothing: an array too short would give them NaN. */
export function checkDataset(dataset: Dataset): void {
  const { name, split, length, channels, height, width, labels, targets, classes, normalisation } = dataset
  const what = `the ${split} images of ${name}`
  if (length === 0) throw new DenseNetError(`there are no images in the ${split} split of ${name}`)
  if ('files' in dataset) {
    if (dataset.files.length !== length) {
      throw new DenseNetError(`${what} have ${dataset.files.length} files, expected ${length}`)
    }
    if (dataset.masks && dataset.masks.files.length !== length) {
      throw new DenseNetError(`${what} have ${dataset.masks.files.length} masks, expected ${length}`)
    }
  } else {
    const pixels = length * channels * height * width
    if (dataset.images.length !== pixels) {
      const shape = [length, channels, height, width].join(' x ')
      throw new DenseNetError(`${what} are ${dataset.images.length} bytes, expected ${shape} = ${pixels}`)
    }
  }
  if (labels.length !== length) throw new DenseNetError(`${what} have ${labels.length} labels, expected ${length}`)
  if (targets && targets.length !== length * classes.length) {
    throw new DenseNetError(`${what} have ${targets.length} targets, expected ${length} x ${classes.length}`)
  }
  const { mean, deviation } = normalisation
  const [means, deviations] = [mean.filter(Number.isFinite), deviation.filter(value => value > 0 && value < Infinity)]
  if ([mean, means, deviation, deviations].some(({ length }) => length !== channels)) {
    throw new DenseNetError(`${what} need ${channels} means and ${channels} positive deviations to be normalised by`)
  }
  // Pixels that are 0 or 1 themselves may have such a mean.
  if (isOfUnitScale(normalisation) && ('files' in dataset || dataset.images.some(value => value > 1))) {
    throw new DenseNetError(
      `${what} are pixels from 0 to 255, but their mean and deviation are of values from 0 to 1`,
      {
        hint: 'multiply both by 255',
      },
    )
  }
}

/** Only images of files are larger than what the network reads. */
export function checkViews(dataset: Dataset, views: readonly View[]): void {
  if ('files' in dataset || views.every(({ place }) => place === 'centre')) return
  throw usageError(
    `the images of ${dataset.name} have the size that the network reads: there are no crops to be cut out of them`,
    'use flip instead of ten',
  )
}

export function imageStore(
  dataset: Dataset,
  options: {
    readonly seed: number
    readonly augmentation?: Augmentation
    readonly mixing?: Mixing
    readonly views?: readonly View[]
  },
  share: boolean,
): ImageStore {
  const { channels, height, width, normalisation } = dataset
  const { seed, augmentation = noAugmentation, mixing, views } = options
  if (mixing) checkMixing(mixing)
  if (isList(augmentation)) {
    for (const transform of augmentation) {
      const { success } = transformSchema.safeParse(transform)
      if (!success) throw parameterError('augmentation', 'transforms (see the type Transform)', transform)
      if (channels !== 3 && needsColour(transform.kind)) {
        const whose = `those of ${dataset.name} have ${channels} channel${channels === 1 ? '' : 's'}`
        throw usageError(`the transform ${transform.kind} is for images of three channels, ${whose}`, 'leave it out')
      }
    }
  } else checkInteger('augmentation.pad', augmentation.pad, 0)
  if (views && (mixing || isList(augmentation) || augmentation.flip || augmentation.pad > 0)) {
    throw usageError('views are for evaluation, which has no augmentation')
  }
  const labels = share ? shared(dataset.labels) : dataset.labels
  const { targets } = dataset
  const common = {
    labels,
    shape: { channels, height, width },
    normalisation,
    seed,
    ...(targets ? { targets: share ? shared(targets) : targets } : {}),
    ...(mixing ? { mixing } : {}),
  }
  if (!('files' in dataset)) {
    if (views) checkViews(dataset, views)
    const images = share ? shared(dataset.images) : dataset.images
    return { ...common, images, augmentation, ...(views ? { views } : {}) }
  }
  const { preprocessing, masks } = dataset
  if (masks) return { ...common, meaning: masks.meaning, transforms: pairedTransforms(dataset, augmentation, options) }
  if (isList(augmentation)) return { ...common, treatment: { transforms: augmentation } }
  if (!augmentation.flip && augmentation.pad === 0) {
    return { ...common, treatment: { preprocessing, views: views ?? VIEWS.single } }
  }
  return { ...common, treatment: { transforms: placedTransforms(dataset, augmentation) } }
}

/** Of images with masks, which are not resampled. */
function pairedTransforms(
  { masks, width }: FileDataset,
  augmentation: Augmentation,
  { mixing, views = VIEWS.single }: Parameters<typeof imageStore>[1],
): readonly Transform[] {
  if (mixing) throw usageError('images with masks are not mixed', 'leave out mixup and cutmix')
  if (views.length > 1) throw usageError('images with masks are shown once each, as a whole', 'leave out --crops')
  if (!isList(augmentation)) {
    const { flip, pad } = augmentation
    if (flip || pad > 0) throw usageError('images with masks are augmented by a list of transforms')
    return masks!.crops ? [{ kind: 'centerCrop', size: width }] : []
  }
  checkPaired(augmentation)
  return augmentation
}

/** Flip and crop for images of files: after their preprocessing. */
function placedTransforms(
  { preprocessing: { resize, crop, interpolation } }: FileDataset,
  { flip, pad }: FlipAndCrop,
): readonly Transform[] {
  return [
    { kind: 'scale', size: resize, interpolation },
    { kind: 'centerCrop', size: crop },
    { kind: 'horizontalFlip', probability: flip ? 0.5 : 0 },
    { kind: 'randomCrop', size: crop, pad },
  ]
}

/** A data set's arrays usually lie in shared memory already; others are copied there once. */
function shared<T extends Uint8Array | Uint16Array>(array: T): T {
  if (array.buffer instanceof SharedArrayBuffer) return array
  const copy = new (array.constructor as new (buffer: SharedArrayBuffer) => T)(new SharedArrayBuffer(array.byteLength))
  copy.set(array)
  return copy
}

export function checkInteger(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  const range =
    most < Number.MAX_SAFE_INTEGER
      ? ` from ${least} to ${most}`
      : least > Number.MIN_SAFE_INTEGER
        ? ` of at least ${least}`
        : ''
  throw parameterError(name, `an integer${range}`, value)
}
