// What is asked of whoever writes batches, and what comes of it.
import type { ImageShape } from '../images/augment.js'
import type { Normalisation } from '../images/dataset.js'
import type { DecodedImage } from '../images/image.js'
import type { Mixing } from '../images/mixing.js'

export interface StoreFacts {
  readonly labels: Uint16Array
  /** Of images that may have several labels [images][classes]. */
  readonly targets?: Uint8Array
  readonly shape: ImageShape
  readonly normalisation: Normalisation
  readonly seed: number
  readonly mixing?: Mixing
}

/** Which images make up the batch, by their number in the data set, and the files of a data set that has files. */
export interface BatchJob {
  readonly epoch: number
  /** Its number in the epoch. */
  readonly batch: number
  readonly images: Uint32Array
  readonly files?: readonly string[]
  /** Those of its masks, where images have some. */
  readonly masks?: readonly string[]
}

/** images: [batch][channels][height][width], targets: [batch][classes], the others: [batch]; of images with masks labels:
 * [batch][height][width]. */
export interface BatchTarget {
  readonly images: Float32Array
  readonly labels: Float32Array
  readonly indices: Uint32Array
  /** For mixed images. */
  readonly otherLabels?: Float32Array
  readonly share?: Float32Array
  /** For images that may have several labels. */
  readonly targets?: Float32Array
}

/** A file that could not be read, or is doubted, and why. */
export interface Unreadable {
  readonly file: string
  readonly reason: string
}

export interface Written {
  /** Entries of the target that were filled. */
  readonly size: number
  readonly unreadable: readonly Unreadable[]
  /** Files that were read, though perhaps not as was meant. */
  readonly doubtful?: readonly Unreadable[]
}

export type BatchWriter = (job: BatchJob, target: BatchTarget) => Written | Promise<Written>

/** An image file to pixels. Every failure is an Error that says why, without the file's name. */
export type DecodeFile = (file: string) => Promise<DecodedImage>
