// What the training loop needs to know of a data set. Images of one size, kept as bytes in shared memory so that
// loader threads read them without a copy.

export interface Dataset {
  /** 'cifar10', ... */
  readonly name: string
  readonly split: 'train' | 'test'
  /** Names of the classes, in label order. */
  readonly classes: readonly string[]
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly length: number
  /** [length][channels][height][width], values 0..255, backed by a SharedArrayBuffer. */
  readonly images: Uint8Array
  /** [length] */
  readonly labels: Uint16Array
  readonly normalisation: Normalisation
}

/** x = (pixel - mean[channel]) / deviation[channel], on the 0..255 scale. */
export interface Normalisation {
  readonly mean: readonly number[]
  readonly deviation: readonly number[]
}

/** A prepared batch, in the order of the epoch's permutation. */
export interface Batch {
  /** Position in the epoch, from 0. */
  readonly index: number
  readonly size: number
  /** [size][channels][height][width], normalised. Valid until the next batch is asked for. */
  readonly images: Float32Array
  /** [size] */
  readonly labels: Float32Array
}
