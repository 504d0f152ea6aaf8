// The work on one batch, the same on the calling thread and on a worker: place and normalise its images, copy labels.

import { type Augmentation, choosePlacement, type ImageShape, normalisationTable, writeImage } from './augment.js'
import type { Normalisation } from './dataset.js'

/** Everything about the data set that stays the same from batch to batch; plain data that a worker can be given. */
export interface ImageStore {
  readonly images: Uint8Array
  readonly labels: Uint16Array
  readonly shape: ImageShape
  readonly normalisation: Normalisation
  readonly augmentation: Augmentation
  readonly seed: number
}

/** Which images make up the batch, by their number in the data set. */
export interface BatchJob {
  readonly epoch: number
  readonly images: Uint32Array
}

/** images: [batch][channels][height][width], labels: [batch]. */
export interface BatchTarget {
  readonly images: Float32Array
  readonly labels: Float32Array
}

export function makeBatchWriter(store: ImageStore): (job: BatchJob, target: BatchTarget) => void {
  const { images, labels, shape, augmentation, seed } = store
  const table = normalisationTable(store.normalisation)
  const imageSize = shape.channels * shape.height * shape.width
  return (job, target) => {
    for (let i = 0; i < job.images.length; i++) {
      const image = job.images[i]!
      const placement = choosePlacement(augmentation, seed, job.epoch, image)
      writeImage(images, image, shape, table, augmentation.pad, placement, target.images, i * imageSize)
      target.labels[i] = labels[image]!
    }
  }
}
