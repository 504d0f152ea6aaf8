// The work on one batch, the same on the calling thread and on a worker: images from memory are placed and normalised,
// images from files decoded, transformed and normalised; labels copied. A file that cannot be decoded is left out.

import {
  choosePlacement,
  type FlipAndCrop,
  isList,
  normalisationTable,
  type Placement,
  writeImage,
} from '../images/augment.js'
import { targetNumbers } from '../images/dataset.js'
import { type DecodedImage, type Image, withChannels } from '../images/image.js'
import { type MixedBatch, mixBatch } from '../images/mixing.js'
import { normaliseImage } from '../images/normalise.js'
import { type Preprocessing, preprocess, type View } from '../images/transforms/preprocess.js'
import { applyTransforms, type Transform } from '../images/transforms/transform.js'
import type { BatchTarget, BatchWriter, DecodeFile, StoreFacts, Unreadable } from './batch-work.js'
import { type DecodeMask, type MaskStore, maskWriter } from './mask-writer.js'

export type * from './batch-work.js'

/** Everything about the data set that stays the same from batch to batch; plain data that a worker can be given. */
export type ImageStore = ArrayStore | FileStore | MaskStore

export interface ArrayStore extends StoreFacts {
  readonly images: Uint8Array
  readonly augmentation: FlipAndCrop | readonly Transform[]
  /** What of each image is shown, one entry of the batch each. */
  readonly views?: readonly View[]
}

export interface FileStore extends StoreFacts {
  /** What is done to each image: training's transforms, or evaluation's views of it. */
  readonly treatment:
    | { readonly transforms: readonly Transform[] }
    | { readonly preprocessing: Preprocessing; readonly views: readonly View[] }
}

/** `decodeMask`: null where masks cannot be read. */
export function makeBatchWriter(store: ImageStore, decode: DecodeFile, decodeMask: DecodeMask | null): BatchWriter {
  if ('meaning' in store) return maskWriter(store, decode, decodeMask)
  const write = plainWriter(store, decode)
  const { mixing, shape, seed } = store
  if (mixing === undefined) return write
  return async (job, target) => {
    const written = await write(job, target)
    mixBatch(mixing, target as MixedBatch, written.size, shape, { seed, ...job })
    return written
  }
}

function plainWriter(store: ArrayStore | FileStore, decode: DecodeFile): BatchWriter {
  if (!('images' in store)) return fileWriter(store, decode)
  if (isList(store.augmentation)) return transformingWriter(store, store.augmentation)
  return placingWriter(store, store.augmentation)
}

function placingWriter(
  { images, shape, seed, normalisation, views, ...store }: ArrayStore,
  placing: FlipAndCrop,
): BatchWriter {
  const name = namer(store)
  const table = normalisationTable(normalisation)
  const imageSize = shape.channels * shape.height * shape.width
  const shown = views?.map(({ mirrored }) => ({ mirrored, left: placing.pad, top: placing.pad }))
  return (job, target) => {
    let size = 0
    const write = (image: number, placement: Placement): void => {
      writeImage(images, image, shape, table, placing.pad, placement, target.images, size * imageSize)
      name(image, target, size++)
    }
    for (const image of job.images) {
      if (shown) for (const placement of shown) write(image, placement)
      else write(image, choosePlacement(placing, seed, job.epoch, image))
    }
    return { size, unreadable: [] }
  }
}

function transformingWriter({ images, ...store }: ArrayStore, transforms: readonly Transform[]): BatchWriter {
  const { channels, height, width } = store.shape
  const imageSize = channels * height * width
  const add = adder(store)
  return (job, target) => {
    job.images.forEach((index, size) => {
      const data = Float32Array.from(images.subarray(index * imageSize, (index + 1) * imageSize))
      const { mean } = store.normalisation
      add(
        applyTransforms({ channels, height, width, data }, transforms, mean, store.seed, job.epoch, index),
        index,
        target,
        size,
      )
    })
    return { size: job.images.length, unreadable: [] }
  }
}

function fileWriter({ treatment, ...store }: FileStore, decode: DecodeFile): BatchWriter {
  const tryToDecode = async (file: string): Promise<DecodedImage | Unreadable> => {
    try {
      return await decode(file)
    } catch (error) {
      return { file, reason: error instanceof Error ? error.message : String(error) }
    }
  }
  const add = adder(store)
  const { mean } = store.normalisation
  return async (job, target) => {
    const unreadable: Unreadable[] = []
    const doubtful: Unreadable[] = []
    let size = 0
    // One image is decoded, off this thread, while the one before it is transformed.
    let next = tryToDecode(job.files![0]!)
    for (let i = 0; i < job.images.length; i++) {
      const index = job.images[i]!
      const decoded = await next
      if (i + 1 < job.images.length) next = tryToDecode(job.files![i + 1]!)
      if ('reason' in decoded) {
        unreadable.push(decoded)
        continue
      }
      if (decoded.doubt !== undefined) doubtful.push({ file: job.files![i]!, reason: decoded.doubt })
      const read = withChannels(decoded, store.shape.channels)
      const shown =
        'transforms' in treatment
          ? [applyTransforms(read, treatment.transforms, mean, store.seed, job.epoch, index)]
          : preprocess(read, treatment.preprocessing, treatment.views)
      for (const image of shown) add(image, index, target, size++)
    }
    return { size, unreadable, doubtful }
  }
}

/** Writes a finished image into a place of the batch, normalised. */
function adder({ shape, normalisation, ...store }: StoreFacts) {
  const name = namer(store)
  const { channels, height, width } = shape
  const imageSize = channels * height * width
  return (image: Image, index: number, target: BatchTarget, place: number): void => {
    if (image.channels !== channels || image.height !== height || image.width !== width) {
      const [got, wanted] = [image, shape].map(({ height, width }) => `${height} x ${width}`)
      throw new Error(`the transforms make images of ${got}, the network reads ${wanted}: end them with a crop`)
    }
    normaliseImage(image, normalisation, target.images, place * imageSize)
    name(index, target, place)
  }
}

/** Writes which image is in a place of the batch, and what it shows. */
function namer({ labels, targets }: Pick<StoreFacts, 'labels' | 'targets'>) {
  const classes = targets ? targets.length / labels.length : 0
  return (index: number, target: BatchTarget, place: number): void => {
    target.labels[place] = labels[index]!
    target.indices[place] = index
    if (targets)
      target.targets!.set(targetNumbers(targets.subarray(index * classes, (index + 1) * classes)), place * classes)
  }
}
