// CIFAR's binary files (https://www.cs.toronto.edu/~kriz/cifar.html): records of the label byte(s), then 1024 red, 1024
// green and 1024 blue bytes, row by row. CIFAR-10 has one label byte; CIFAR-100 has the coarse and the fine label, of
// which the fine one is used, as in the paper.

import { DenseNetError } from '../../errors.js'

const CIFAR_PIXEL_BYTES = 3 * 32 * 32

export interface CifarLayout {
  readonly labelBytes: 1 | 2
  readonly classes: number
}

/** The number of images in a file of `size` bytes. */
export function countCifarRecords(size: number, { labelBytes }: CifarLayout, file: string): number {
  const record = labelBytes + CIFAR_PIXEL_BYTES
  if (size === 0 || size % record !== 0) {
    throw new DenseNetError(`${file} is ${size} bytes long, which is no whole number of records of ${record} bytes`)
  }
  return size / record
}

/** Copies the records of one file to `images` [..][3][32][32] and `labels` from image number `at` on. */
export function readCifarRecords(
  bytes: Uint8Array,
  layout: CifarLayout,
  images: Uint8Array,
  labels: Uint16Array,
  at: number,
  file: string,
): number {
  const count = countCifarRecords(bytes.length, layout, file)
  const record = layout.labelBytes + CIFAR_PIXEL_BYTES
  for (let i = 0; i < count; i++) {
    const start = i * record
    const label = bytes[start + layout.labelBytes - 1]!
    if (label >= layout.classes) {
      throw new DenseNetError(
        `record ${i} of ${file} has label ${label}, expected one from 0 to ${layout.classes - 1}: the file is damaged`,
      )
    }
    labels[at + i] = label
    images.set(bytes.subarray(start + layout.labelBytes, start + record), (at + i) * CIFAR_PIXEL_BYTES)
  }
  return count
}
