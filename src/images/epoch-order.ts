// Which images make up a batch: by the number of the epoch and of the batch in it, and nothing else.
import { permutation, randomStream } from '../util/random.js'

export interface EpochOrder {
  /** Images of the data set. */
  readonly length: number
  readonly imagesPerBatch: number
  /** A new random order for every epoch; otherwise the data set's own. */
  readonly shuffle: boolean
  readonly seed: number
}

/** The numbers of a batch's images. An epoch's last batch may be smaller. */
export function batchesOf(
  { length, imagesPerBatch, shuffle, seed }: EpochOrder,
  epoch: number,
): (batch: number) => Uint32Array<ArrayBuffer> {
  const order = shuffle ? permutation(length, randomStream(seed, 'shuffle', epoch)) : undefined
  return batch => {
    const start = batch * imagesPerBatch
    const end = Math.min(length, start + imagesPerBatch)
    return Uint32Array.from({ length: end - start }, (_, i) => order?.[start + i] ?? start + i)
  }
}
