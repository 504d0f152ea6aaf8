// Images of the training set held out for validation: those that are so by convention, or chosen at random by the seed alone.
import { usageError } from '../errors.js'
import { permutation, randomStream } from '../util/random.js'
import { type Dataset, takeImages } from './dataset.js'

/** `count` images to validate on, and the others to train on, both in their old order. Where a data set names so many by
 * itself (SVHN the paper's 6,000), it is those. */
export function splitDataset<T extends Dataset>(dataset: T, count: number, seed: number): { train: T; validation: T } {
  const { length } = dataset
  checkSplit(dataset, count)
  const order = permutation(length, randomStream(seed, 'split'))
  const chosen = dataset.heldOut?.length === count ? dataset.heldOut : order.slice(0, count).sort()
  const aside = new Set(chosen)
  return {
    train: takeImages(dataset, order.filter(i => !aside.has(i)).sort()),
    validation: takeImages(dataset, chosen),
  }
}

/** Refuses to hold all of the images out. */
export function checkSplit({ length, name }: Pick<Dataset, 'length' | 'name'>, count: number): void {
  if (count < length) return
  const hint = 'some must be left to train on'
  throw usageError(`${count} of the ${length} training images of ${name} cannot be held out`, hint)
}
