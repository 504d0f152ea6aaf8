// SVHN's cropped digits (http://ufldl.stanford.edu/housenumbers): MAT-files with X [32 rows][32 columns][3][images], the
// first index varying fastest, and y [images], digits 1 to 9 and 10 for the 0. And the validation set of the paper: 400
// images of each digit from `train` and 200 from `extra`, as Sermanet et al. 2012 did.

import { DenseNetError } from '../../errors.js'
import { type ArrayDataset, takeImages } from '../../images/dataset.js'
import { permutation, randomStream } from '../../util/random.js'
import { type NumberType, readMat } from './mat.js'

const SIDE = 32
const PLANE = SIDE * SIDE
const IMAGE = 3 * PLANE
const DIGITS = 10

/** Puts the `count` images of one file into `images` [..][3][32][32] and `labels` from image number `at` on. */
export async function readSvhnFile(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  count: number,
  { images, labels }: { images: Uint8Array; labels: Uint16Array },
  at: number,
): Promise<void> {
  const digits: Uint8Array[] = []
  let digitType: NumberType | undefined
  let pixels = 0
  await readMat(chunks, file, ({ name, dimensions, type }) => {
    if (name === 'X') {
      const shape = [SIDE, SIDE, 3, count]
      if (type !== 'uint8' || dimensions.join() !== shape.join()) {
        throw new DenseNetError(
          `${file} has X of ${dimensions.join(' x ')} ${type}, expected ${shape.join(' x ')} uint8`,
        )
      }
      pixels = 0
      return piece => {
        place(piece, pixels, images, at * IMAGE)
        pixels += piece.length
      }
    }
    if (name === 'y') {
      const total = dimensions.reduce((product, length) => product * length, 1)
      if (total !== count) throw new DenseNetError(`${file} has ${total} labels, expected ${count}`)
      digitType = type
      digits.length = 0
      return piece => digits.push(Uint8Array.from(piece))
    }
    return null
  })
  if (pixels !== count * IMAGE || digitType === undefined) throw new DenseNetError(`${file} lacks X or y`)
  numbersOf(digitType, digits).forEach((digit, i) => {
    if (!Number.isInteger(digit) || digit < 1 || digit > DIGITS) {
      throw new DenseNetError(
        `image ${i} of ${file} has label ${digit}, expected one from 1 to 10: the file is damaged`,
      )
    }
    labels[at + i] = digit % DIGITS
  })
}

/** Columns become rows. `offset`: where in X the piece begins. */
function place(piece: Uint8Array, offset: number, images: Uint8Array, base: number): void {
  for (let i = 0; i < piece.length; i++) {
    const from = offset + i
    const inPlane = from % PLANE
    images[base + from - inPlane + (inPlane % SIDE) * SIDE + ((inPlane / SIDE) | 0)] = piece[i]!
  }
}

const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const

const numbersOf = (type: NumberType, pieces: readonly Uint8Array[]): readonly number[] => {
  const bytes = Uint8Array.from(Buffer.concat(pieces))
  return Array.from(new ARRAYS[type](bytes.buffer))
}

/** Numbers of the paper's validation images, in order: `fromTrain` of each digit among the first `trainFile` images,
 * `fromExtra` among the rest. Always the same ones. */
export function validationImages(
  labels: ArrayLike<number>,
  trainFile: number,
  [fromTrain, fromExtra]: readonly [number, number] = [400, 200],
): Uint32Array {
  const aside: number[] = []
  for (const [part, first, end, count] of [
    [0, 0, trainFile, fromTrain],
    [1, trainFile, labels.length, fromExtra],
  ] as const) {
    const ofDigit: number[][] = Array.from({ length: DIGITS }, () => [])
    for (let i = first; i < end; i++) ofDigit[labels[i]!]!.push(i)
    ofDigit.forEach((own, digit) => {
      const order = permutation(own.length, randomStream(0, 'split', part, digit))
      for (const i of order.subarray(0, count)) aside.push(own[i]!)
    })
  }
  return Uint32Array.from(aside).sort()
}

/** Sets images aside. The others stay in the same memory, closed up. */
export function setValidationAside(
  train: ArrayDataset,
  chosen: Uint32Array,
): { train: ArrayDataset; validation: ArrayDataset } {
  const aside = new Set(chosen)
  const validation = { ...takeImages(train, chosen), split: 'validation' as const }
  const { heldOut: _, ...rest } = train
  const { images, labels } = train
  let to = 0
  for (let i = 0; i < train.length; i++) {
    if (aside.has(i)) continue
    if (to < i) {
      images.copyWithin(to * IMAGE, i * IMAGE, (i + 1) * IMAGE)
      labels[to] = labels[i]!
    }
    to++
  }
  const kept = { ...rest, length: to, images: images.subarray(0, to * IMAGE), labels: labels.subarray(0, to) }
  return { train: kept, validation }
}
