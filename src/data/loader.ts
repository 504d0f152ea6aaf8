// Batches for an epoch, prepared by worker threads ahead of whoever asks for them. The workers read the images from
// shared memory and write into a ring of shared slots; only small messages travel. Every number depends on (seed,
// epoch, image) alone, so the batches are the same for any number of workers, and from any batch of the epoch on.

import { DenseNetError, parameterError } from '../errors.js'
import { abortedError } from '../util/abort.js'
import { permutation, randomStream } from '../util/random.js'
import { type Augmentation, noAugmentation } from './augment.js'
import { type BatchJob, type BatchTarget, type ImageStore, makeBatchWriter } from './batch-writer.js'
import type { Batch, Dataset } from './dataset.js'
import { WorkerPool } from './loader-pool.js'

export interface LoaderOptions {
  readonly batchSize: number
  readonly seed: number
  /** A new random order for every epoch; otherwise the data set's own. */
  readonly shuffle: boolean
  /** None: images are only normalised. */
  readonly augmentation?: Augmentation
  /** Worker threads; 0 prepares each batch when it is asked for, on the calling thread. */
  readonly workers?: number
  /** How many batches to prepare ahead. */
  readonly prefetch?: number
}

export interface EpochOptions {
  /** Starts in the middle of the epoch, with the very batches an unbroken run would have had from there on. */
  readonly firstBatch?: number
  readonly signal?: AbortSignal
}

export interface Loader {
  readonly batchesPerEpoch: number
  /** The batches of epoch number `epoch`. A batch's arrays are valid until the next one is asked for. */
  epoch(epoch: number, options?: EpochOptions): AsyncIterable<Batch>
  /** Seconds spent waiting for batches so far, since the loader was created. */
  waitedSeconds(): number
  /** Ends the worker threads. */
  dispose(): Promise<void>
}

export function createLoader(dataset: Dataset, options: LoaderOptions): Loader {
  const { batchSize, seed, shuffle, augmentation = noAugmentation, workers = 1 } = options
  const prefetch = options.prefetch ?? Math.max(4, 2 * workers)
  checkInteger('batchSize', batchSize, 1)
  checkInteger('seed', seed, Number.MIN_SAFE_INTEGER)
  checkInteger('workers', workers, 0)
  checkInteger('prefetch', prefetch, 1)
  checkInteger('augmentation.pad', augmentation.pad, 0)
  const { length, channels, height, width } = dataset
  checkDataset(dataset)

  const batchesPerEpoch = Math.ceil(length / batchSize)
  const store = imageStore(dataset, seed, augmentation, workers > 0)
  // One slot more than is prepared ahead: the batch in the caller's hands.
  const slotCount = workers === 0 ? 1 : Math.min(prefetch, batchesPerEpoch) + 1
  const slots = Array.from({ length: slotCount }, () =>
    makeSlot(Math.min(batchSize, length), channels * height * width),
  )
  const pool = workers === 0 ? undefined : new WorkerPool(workers, { store, slots })
  const write = makeBatchWriter(store)
  let running = 0
  let waited = 0
  let disposed = false

  async function* iterate(epoch: number, first: number, signal: AbortSignal | undefined): AsyncGenerator<Batch> {
    const mine = ++running
    const order = shuffle ? permutation(length, randomStream(seed, 'shuffle', epoch)) : undefined
    const job = (batch: number): BatchJob => {
      const start = batch * batchSize
      const end = Math.min(length, start + batchSize)
      const images = order?.slice(start, end) ?? Uint32Array.from({ length: end - start }, (_, i) => start + i)
      return { epoch, images }
    }
    const check = () => {
      if (signal?.aborted) throw abortedError('loading batches')
      if (disposed) throw new DenseNetError('the loader was disposed of while its batches were in use')
      if (mine !== running) throw new DenseNetError('a newer epoch of this loader has begun; this one is over')
    }
    try {
      const began = performance.now()
      await pool?.startEpoch()
      waited += performance.now() - began
      for (let ahead = first, batch = first; batch < batchesPerEpoch; batch++) {
        const began = performance.now()
        check()
        let ready: BatchTarget
        if (pool === undefined) {
          ready = slots[0]!
          write(job(batch), ready)
        } else {
          // The slot of batch - 1 is free again: the caller has asked for the next one.
          while (ahead < batchesPerEpoch && ahead < batch + slotCount) {
            pool.submit(ahead % slotCount, job(ahead))
            ahead++
          }
          await pool.ready(batch % slotCount, signal)
          ready = slots[batch % slotCount]!
        }
        waited += performance.now() - began
        check()
        const size = Math.min(batchSize, length - batch * batchSize)
        const images = ready.images.subarray(0, size * channels * height * width)
        yield { index: batch, size, images, labels: ready.labels.subarray(0, size) }
      }
    } finally {
      if (mine === running) pool?.endEpoch()
    }
  }

  return {
    batchesPerEpoch,
    epoch(epoch, { firstBatch = 0, signal } = {}) {
      checkInteger('epoch', epoch, 0)
      checkInteger('firstBatch', firstBatch, 0, batchesPerEpoch)
      return iterate(epoch, firstBatch, signal)
    },
    waitedSeconds: () => waited / 1000,
    async dispose() {
      disposed = true
      await pool?.dispose()
    },
  }
}

/** The workers' loops check nothing: an array too short would give them NaN. */
function checkDataset({ name, split, length, channels, height, width, images, labels, normalisation }: Dataset): void {
  const what = `the ${split} images of ${name}`
  if (length === 0) throw new DenseNetError(`there are no images in the ${split} split of ${name}`)
  const pixels = length * channels * height * width
  if (images.length !== pixels) {
    const shape = [length, channels, height, width].join(' x ')
    throw new DenseNetError(`${what} are ${images.length} bytes, expected ${shape} = ${pixels}`)
  }
  if (labels.length !== length) throw new DenseNetError(`${what} have ${labels.length} labels, expected ${length}`)
  const { mean, deviation } = normalisation
  if (mean.length !== channels || deviation.length !== channels || !deviation.every(value => value > 0)) {
    throw new DenseNetError(`${what} need ${channels} means and ${channels} positive deviations to be normalised by`)
  }
}

function imageStore(dataset: Dataset, seed: number, augmentation: Augmentation, share: boolean): ImageStore {
  const { channels, height, width, normalisation } = dataset
  const shape = { channels, height, width }
  return {
    images: share ? shared(dataset.images) : dataset.images,
    labels: share ? shared(dataset.labels) : dataset.labels,
    shape,
    normalisation,
    augmentation,
    seed,
  }
}

/** A data set's arrays usually lie in shared memory already; others are copied there once. */
function shared<T extends Uint8Array | Uint16Array>(array: T): T {
  if (array.buffer instanceof SharedArrayBuffer) return array
  const copy = new (array.constructor as new (buffer: SharedArrayBuffer) => T)(new SharedArrayBuffer(array.byteLength))
  copy.set(array)
  return copy
}

function makeSlot(batchSize: number, imageSize: number): BatchTarget {
  return {
    images: new Float32Array(new SharedArrayBuffer(batchSize * imageSize * Float32Array.BYTES_PER_ELEMENT)),
    labels: new Float32Array(new SharedArrayBuffer(batchSize * Float32Array.BYTES_PER_ELEMENT)),
  }
}

function checkInteger(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  const range =
    most < Number.MAX_SAFE_INTEGER
      ? ` from ${least} to ${most}`
      : least > Number.MIN_SAFE_INTEGER
        ? ` of at least ${least}`
        : ''
  throw parameterError(name, `an integer${range}`, value)
}
