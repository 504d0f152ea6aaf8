// Images of the training set held out for validation: chosen at random by the seed alone.
import { usageError } from '../errors.js'
import { permutation, randomStream } from '../util/random.js'
import type { Dataset } from './dataset.js'

/** `count` images to validate on, and the others to train on, both in their old order. */
export function splitDataset(dataset: Dataset, count: number, seed: number): { train: Dataset; validation: Dataset } {
  const { length } = dataset
  checkSplit(dataset, count)
  const order = permutation(length, randomStream(seed, 'split'))
  return {
    train: takeImages(dataset, order.slice(count).sort()),
    validation: takeImages(dataset, order.slice(0, count).sort()),
  }
}

/** Refuses to hold all of the images out. */
export function checkSplit({ length, name }: Pick<Dataset, 'length' | 'name'>, count: number): void {
  if (count < length) return
  const hint = 'some must be left to train on'
  throw usageError(`${count} of the ${length} training images of ${name} cannot be held out`, hint)
}

/** Copies of the images with these numbers. */
function takeImages(dataset: Dataset, numbers: Uint32Array): Dataset {
  const size = dataset.channels * dataset.height * dataset.width
  const { length } = numbers
  const images = new Uint8Array(new SharedArrayBuffer(length * size))
  const labels = new Uint16Array(new SharedArrayBuffer(length * Uint16Array.BYTES_PER_ELEMENT))
  for (const [i, number] of numbers.entries()) {
    images.set(dataset.images.subarray(number * size, (number + 1) * size), i * size)
    labels[i] = dataset.labels[number]!
  }
  return { ...dataset, length, images, labels }
}
