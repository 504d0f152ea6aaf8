// IDX, the format of the MNIST family (http://yann.lecun.com/exdb/mnist/): two zero bytes, the element type (8 =
// unsigned byte), the number of dimensions, each dimension as a big-endian 32-bit number, then the elements.

import { DenseNetError } from '../../errors.js'

export interface Idx {
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

/** Reads an IDX file of bytes with the given number of dimensions; `data` is a view into `bytes`. */
export function readIdx(bytes: Uint8Array, dimensions: number, file: string): Idx {
  const header = 4 + 4 * dimensions
  if (bytes.length < header) {
    throw new DenseNetError(`${file} is ${bytes.length} bytes long, too short for an IDX header of ${header} bytes`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = view.getUint32(0)
  const expected = 0x800 + dimensions
  if (magic !== expected) {
    throw new DenseNetError(
      `${file} begins with ${hex(magic)}, expected ${hex(expected)}: an IDX file of bytes with ${dimensions} dimensions`,
    )
  }
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i))
  if (shape.includes(0)) throw new DenseNetError(`${file} is empty (${shape.join(' x ')})`)
  const elements = shape.reduce((product, size) => product * size, 1)
  if (bytes.length !== header + elements) {
    throw new DenseNetError(
      `${file} is ${bytes.length} bytes long, but its header (${shape.join(' x ')}) asks for ${header + elements}`,
    )
  }
  return { shape, data: bytes.subarray(header) }
}

/** Images [count][height][width] with their labels, checked against each other. */
export interface LabelledImages {
  readonly count: number
  readonly height: number
  readonly width: number
  readonly images: Uint8Array
  readonly labels: Uint8Array
}

export function readIdxPair(
  imageBytes: Uint8Array,
  labelBytes: Uint8Array,
  classes: number,
  imageFile: string,
  labelFile: string,
): LabelledImages {
  const images = readIdx(imageBytes, 3, imageFile)
  const labels = readIdx(labelBytes, 1, labelFile)
  const [count, height, width] = images.shape as [number, number, number]
  if (labels.data.length !== count) {
    throw new DenseNetError(`${imageFile} has ${count} images, but ${labelFile} has ${labels.data.length} labels`)
  }
  const wrong = labels.data.findIndex(label => label >= classes)
  if (wrong >= 0) {
    throw new DenseNetError(
      `label ${wrong} of ${labelFile} is ${labels.data[wrong]}, expected one from 0 to ${classes - 1}: the file is damaged`,
    )
  }
  return { count, height, width, images: images.data, labels: labels.data }
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`
