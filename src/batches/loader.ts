// Batches for an epoch, prepared by worker threads ahead of whoever asks for them. The workers read the images from
// shared memory or from their files and write into a ring of shared slots; only small messages travel. Every number
// depends on (seed, epoch, image) alone, so the batches are the same for any number of workers, and from any batch of the
// epoch on. An image whose file cannot be decoded is left out of its batch, is reported once, and counts towards a limit.

import { DenseNetError } from '../errors.js'
import type { Augmentation } from '../images/augment.js'
import type { Batch, Dataset } from '../images/dataset.js'
import { batchesOf } from '../images/epoch-order.js'
import type { Mixing } from '../images/mixing.js'
import type { View } from '../images/transforms/preprocess.js'
import { abortedError } from '../util/abort.js'
import { sharedBytes } from '../util/bytes.js'
import {
  type BatchJob,
  type BatchTarget,
  type DecodeFile,
  type ImageStore,
  makeBatchWriter,
  type Written,
} from './batch-writer.js'
import { checkDataset, checkInteger, imageStore } from './image-store.js'
import type { DecodeMask } from './mask-writer.js'
import { unreadableCounter } from './unreadable.js'

/** How batches are made; `batchSize` counts images, `seed` keys every random number. */
export interface LoaderOptions {
  readonly batchSize: number
  readonly seed: number
  /** A new random order for every epoch; otherwise the data set's own. */
  readonly shuffle: boolean
  /** None: images are only normalised, those of files also preprocessed. */
  readonly augmentation?: Augmentation
  /** Mixes the images of a batch in pairs; the batch then has other labels and shares. */
  readonly mixing?: Mixing
  /** What is shown of every image, for evaluation: so many entries of the batch are of one image, in this order. */
  readonly views?: readonly View[]
  /** Worker threads; 0 prepares each batch when it is asked for, on the calling thread. */
  readonly workers?: number | undefined
  /** How many batches to prepare ahead. */
  readonly prefetch?: number
  /** Hears of every file that cannot be decoded, once. */
  readonly onWarning?: ((message: string) => void) | undefined
  /** Hears of every batch what could not be read of it, instead of `onWarning`, and may throw. */
  readonly onWritten?: ((written: Written) => void) | undefined
}

export interface EpochOptions {
  /** Starts in the middle of the epoch, with the very batches an unbroken run would have had from there on. */
  readonly firstBatch?: number
  /** Only these batches are read; default: all of them. */
  readonly wanted?: (batch: number) => boolean
  readonly signal?: AbortSignal
}

/** Batches of [size][channels][height][width] float32 images with their labels. */
export interface Loader {
  readonly batchesPerEpoch: number
  /** The batches of epoch number `epoch`. A batch's arrays are valid until the next one is asked for. */
  epoch(epoch: number, options?: EpochOptions): AsyncIterable<Batch>
  /** Seconds spent waiting for batches so far, since the loader was created. */
  waitedSeconds(): number
  /** Ends the worker threads. */
  dispose(): Promise<void>
}

export type CreateLoader = (dataset: Dataset, options: LoaderOptions) => Loader

/** Threads that write batches into slots. */
export interface Pool {
  /** Waits until no job of an abandoned run writes into a slot any more. */
  startEpoch(): Promise<void>
  endEpoch(): void
  submit(slot: number, job: BatchJob): void
  ready(slot: number, signal?: AbortSignal): Promise<Written>
  dispose(): Promise<void>
}

export interface PoolSetup {
  readonly store: ImageStore
  readonly slots: readonly BatchTarget[]
}

/** What of a loader differs from place to place. */
export interface LoaderPlace {
  readonly decode: DecodeFile
  /** null: masks cannot be read. */
  readonly decodeMask: DecodeMask | null
  /** null: there are no threads. */
  readonly startPool: ((workers: number, setup: PoolSetup) => Pool) | null
}

/** Prepares the batches of a data set on threads of its own: order, augmentation, normalisation, all keyed by the seed,
 * so that they are the same for any number of threads. `dispose` it at the end. A usage error for options that make no
 * sense. */
export function loaderOf(
  { decode, decodeMask, startPool }: LoaderPlace,
  dataset: Dataset,
  options: LoaderOptions,
): Loader {
  const { batchSize, seed, shuffle } = options
  const workers = startPool === null ? 0 : (options.workers ?? 1)
  const prefetch = options.prefetch ?? Math.max(4, 2 * workers)
  checkInteger('batchSize', batchSize, 1)
  checkInteger('seed', seed, Number.MIN_SAFE_INTEGER)
  checkInteger('workers', workers, 0)
  checkInteger('prefetch', prefetch, 1)
  const { length, channels, height, width } = dataset
  checkDataset(dataset)

  const views = options.views?.length ?? 1
  const labelsOfEach = 'files' in dataset && dataset.masks ? height * width : 1
  const imagesPerBatch = Math.max(1, Math.floor(batchSize / views))
  const batchesPerEpoch = Math.ceil(length / imagesPerBatch)
  const store = imageStore(dataset, options, workers > 0)
  // One slot more than is prepared ahead: the batch in the caller's hands.
  const slotCount = workers === 0 ? 1 : Math.min(prefetch, batchesPerEpoch) + 1
  const slots = Array.from({ length: slotCount }, () =>
    makeSlot(Math.min(imagesPerBatch, length) * views, {
      pixels: channels * height * width,
      mixed: options.mixing !== undefined,
      targets: dataset.targets ? dataset.classes.length : 0,
      labels: labelsOfEach,
    }),
  )
  const pool = workers > 0 ? startPool?.(workers, { store, slots }) : undefined
  const write = makeBatchWriter(store, decode, decodeMask)
  const check = options.onWritten ?? unreadableCounter(dataset, options.onWarning)
  let running = 0
  let waited = 0
  let disposed = false

  async function* iterate(
    epoch: number,
    { firstBatch = 0, wanted = () => true, signal }: EpochOptions,
  ): AsyncGenerator<Batch> {
    const batches = Array.from({ length: batchesPerEpoch - firstBatch }, (_, i) => firstBatch + i).filter(wanted)
    const mine = ++running
    const imagesOf = batchesOf({ length, imagesPerBatch, shuffle, seed }, epoch)
    const job = (batch: number): BatchJob => {
      const images = imagesOf(batch)
      if (!('files' in dataset)) return { epoch, batch, images }
      const of = (files: readonly string[]): string[] => Array.from(images, image => files[image]!)
      const masks = dataset.masks ? { masks: of(dataset.masks.files) } : {}
      return { epoch, batch, images, files: of(dataset.files), ...masks }
    }
    const checkCurrent = () => {
      if (signal?.aborted) throw abortedError('loading batches')
      if (disposed) throw new DenseNetError('the loader was disposed of while its batches were in use')
      if (mine !== running) throw new DenseNetError('a newer epoch of this loader has begun; this one is over')
    }
    try {
      const began = performance.now()
      await pool?.startEpoch()
      waited += performance.now() - began
      let ahead = 0
      for (const [at, batch] of batches.entries()) {
        const began = performance.now()
        checkCurrent()
        let ready: BatchTarget
        let written: Written
        if (pool === undefined) {
          ready = slots[0]!
          written = await write(job(batch), ready)
        } else {
          // The slot of the batch before is free again: the caller has asked for the next one.
          for (; ahead < batches.length && ahead < at + slotCount; ahead++) {
            pool.submit(ahead % slotCount, job(batches[ahead]!))
          }
          written = await pool.ready(at % slotCount, signal)
          ready = slots[at % slotCount]!
        }
        waited += performance.now() - began
        checkCurrent()
        check(written)
        const { size } = written
        if (size === 0) continue
        const images = ready.images.subarray(0, size * channels * height * width)
        const [labels, indices] = [ready.labels.subarray(0, size * labelsOfEach), ready.indices.subarray(0, size)]
        const [otherLabels, share] = [ready.otherLabels?.subarray(0, size), ready.share?.subarray(0, size)]
        const mixed = otherLabels && share ? { otherLabels, share } : {}
        const targets = ready.targets?.subarray(0, size * dataset.classes.length)
        yield { index: batch, size, images, labels, indices, ...mixed, ...(targets ? { targets } : {}) }
      }
    } finally {
      if (mine === running) pool?.endEpoch()
    }
  }

  return {
    batchesPerEpoch,
    epoch(epoch, options = {}) {
      checkInteger('epoch', epoch, 0)
      checkInteger('firstBatch', options.firstBatch ?? 0, 0, batchesPerEpoch)
      return iterate(epoch, options)
    },
    waitedSeconds: () => waited / 1000,
    async dispose() {
      disposed = true
      await pool?.dispose()
    },
  }
}

/** `targets`: how many an image has; 0: it has one label. */
function makeSlot(
  batchSize: number,
  { pixels, mixed, targets, labels }: Readonly<{ pixels: number; mixed: boolean; targets: number; labels: number }>,
): BatchTarget {
  const numbers = (each = 1) => new Float32Array(sharedBytes(4 * batchSize * each))
  return {
    images: numbers(pixels),
    labels: numbers(labels),
    indices: new Uint32Array(sharedBytes(4 * batchSize)),
    ...(mixed ? { otherLabels: numbers(), share: numbers() } : {}),
    ...(targets > 0 ? { targets: numbers(targets) } : {}),
  }
}
