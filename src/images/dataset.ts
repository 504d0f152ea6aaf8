// What the training loop needs to know of a data set: images of one size, either kept as bytes in memory or decoded from
// files whenever they are wanted.

import { sharedBytes } from '../util/bytes.js'
import type { LabelReading } from './class-columns.js'
import type { Masks } from './masks.js'
import type { Preprocessing } from './transforms/preprocess.js'

/** Labelled images of one shape: in memory as bytes, or as files that a loader decodes. */
export type Dataset = ArrayDataset | FileDataset

export interface DatasetFacts {
  /** 'cifar10', ...; for a folder or a list of the user's own, its absolute path. */
  readonly name: string
  readonly split: 'train' | 'validation' | 'test'
  /** Names of the classes, in label order. */
  readonly classes: readonly string[]
  readonly channels: number
  /** Of an image as the network sees it. */
  readonly height: number
  readonly width: number
  readonly length: number
  /** [length]; of images with several labels the first, 0 where there is none. */
  readonly labels: Uint16Array
  /** Of images that may have several labels or none [length][classes]: 1 where an image is of a class, 0 where not, MISSING
   * where that is not known. */
  readonly targets?: Uint8Array
  /** Numbers of the training images that are held out by convention, where there is one. */
  readonly heldOut?: Uint32Array
  readonly normalisation: Normalisation
}

/** All images in memory, shared so that loader threads read them without a copy. */
export interface ArrayDataset extends DatasetFacts {
  /** [length][channels][height][width], values 0..255, backed by a SharedArrayBuffer. */
  readonly images: Uint8Array
}

/** Image files of any size, decoded when they are wanted. */
export interface FileDataset extends DatasetFacts {
  /** Which images of the source these are, in words: `folder val`. */
  readonly where?: string
  /** [length], absolute paths */
  readonly files: readonly string[]
  /** What they hold, by name, where there are no paths: in a browser. */
  readonly contents?: ReadonlyMap<string, Blob>
  /** Of a list with a column for each class: how its labels were read. */
  readonly reading?: LabelReading
  /** What was decided of paths and labels as they were read, in words. */
  readonly decided?: readonly string[]
  /** Where every pixel has a class: `labels` are 0 then, and images are not resampled. */
  readonly masks?: Masks
  /** How an image gets to the network's size when it is evaluated. */
  readonly preprocessing: Preprocessing
}

/** Among targets as bytes: not known. Such a label has no part in the loss and in scores. */
export const MISSING = 255

/** Targets as numbers to reckon with, NaN where missing, and back. */
export const targetNumbers = (bytes: Uint8Array): Float32Array =>
  Float32Array.from(bytes, value => (value === MISSING ? Number.NaN : value))
export const targetBytes = (numbers: ArrayLike<number>): Uint8Array =>
  Uint8Array.from(numbers, value => (Number.isNaN(value) ? MISSING : value))

/** x = (pixel - mean[channel]) / deviation[channel], on the 0..255 scale. */
export interface Normalisation {
  readonly mean: readonly number[]
  readonly deviation: readonly number[]
}

/** A prepared batch, in the order of the epoch's permutation. */
export interface Batch {
  /** Position in the epoch, from 0. A batch whose images are all unreadable is left out. */
  readonly index: number
  readonly size: number
  /** [size][channels][height][width], normalised. Valid until the next batch is asked for. */
  readonly images: Float32Array
  /** [size]; of images with masks [size][height][width], -1 where a pixel has none. */
  readonly labels: Float32Array
  /** For each of `size`: which images of the data set these are. */
  readonly indices: Uint32Array
  /** Of images mixed of two [size]: the other one's label, and the share of the first. */
  readonly otherLabels?: Float32Array
  readonly share?: Float32Array
  /** Of images that may have several labels [size][classes], 0 .. 1; NaN where a label is not known. */
  readonly targets?: Float32Array
}

/** How some of the images are chosen: of all classes in proportion, or the first ones, as runs of old did. */
export type LimitBy = 'classes' | 'order'

/** `limit` of its images, in its order; null: all. Of all classes in proportion: evenly spread over the images sorted by
 * their labels, so that of a class with the share p there are p * limit, rounded up or down. */
export function limitDataset<T extends Dataset>(dataset: T, limit: number | null, by: LimitBy = 'classes'): T {
  const { length } = dataset
  if (limit === null || limit >= length) return dataset
  if (by === 'order')
    return takeImages(
      dataset,
      Uint32Array.from({ length: limit }, (_, i) => i),
    )
  const sorted = byLabels(dataset)
  const chosen = Uint32Array.from(
    { length: limit },
    (_, i) => sorted[Math.floor(((2 * i + 1) * length) / (2 * limit))]!,
  )
  return takeImages(dataset, chosen.sort())
}

/** Numbers of images, by their label; where there may be several by the first one, of these by the second, and so on. */
function byLabels({ length, labels, targets, classes }: Dataset): Uint32Array {
  const difference = (a: number, b: number): number => {
    if (!targets) return labels[a]! - labels[b]!
    for (let c = 0; c < classes.length; c++) {
      const [x, y] = [targets[a * classes.length + c] === 1, targets[b * classes.length + c] === 1]
      if (x !== y) return x ? -1 : 1
    }
    return 0
  }
  return Uint32Array.from({ length }, (_, i) => i).sort((a, b) => difference(a, b) || a - b)
}

/** The images with these numbers, in this order. */
export function takeImages<T extends Dataset>(dataset: T, indices: ArrayLike<number>): T {
  const { heldOut: _, ...rest } = dataset
  const { channels, height, width, classes } = dataset
  const length = indices.length
  const labels = takeRows(dataset.labels, new Uint16Array(sharedBytes(2 * length)), indices, 1)
  const targets = rest.targets && takeRows(rest.targets, bytes(length * classes.length), indices, classes.length)
  const taken = { ...rest, length, labels, ...(targets ? { targets } : {}) } as T
  if ('files' in dataset) {
    const of = (files: readonly string[]): string[] => Array.from(indices, i => files[i]!)
    const masks = dataset.masks ? { masks: { ...dataset.masks, files: of(dataset.masks.files) } } : {}
    return { ...taken, files: of(dataset.files), ...masks }
  }
  const size = channels * height * width
  return { ...taken, images: takeRows(dataset.images, bytes(length * size), indices, size) }
}

const bytes = (length: number): Uint8Array => new Uint8Array(sharedBytes(length))

/** Numbers in rows of one width. */
export type Rows = Uint8Array | Uint16Array | Float32Array

/** Copies rows of `size` numbers, in the order of `indices`. */
export function takeRows<T extends Rows>(from: Rows, to: T, indices: ArrayLike<number>, size: number): T {
  for (let i = 0; i < indices.length; i++) to.set(from.subarray(indices[i]! * size, (indices[i]! + 1) * size), i * size)
  return to
}
