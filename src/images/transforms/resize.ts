// Resizing as a sparse matrix per direction: every output pixel is a weighted sum of a few input pixels.
//
// `bilinear` and `bicubic` are Pillow's (and so torchvision's and timm's): the filter is stretched when the image gets
// smaller (antialiased), and values are rounded to 0..255 after each direction, horizontal first (as up to version 12,
// which is what the published weights were made with). `torch-bicubic` is that of the original
// program's Torch (generic/image.c of the `image` package): four neighbours whatever the scale, corner pixels aligned,
// extrapolated beyond the edge, nothing rounded.

import { type Box, emptyImage, type Image, wholeBox } from '../image.js'

export const interpolations = ['bilinear', 'bicubic', 'torch-bicubic'] as const
/** How `resize` weighs the pixels: Pillow's bilinear and bicubic, antialiased, or Torch's bicubic, which is not. */
export type Interpolation = (typeof interpolations)[number]

/** For each output pixel: the first input pixel, and `taps` weights from there on (zeros where it needs fewer). */
interface Weights {
  readonly taps: number
  readonly first: Int32Array
  readonly values: Float32Array
}

/** The part `box` of `image` (all of it if not given), resized to `height` x `width`. */
export function resize(
  image: Image,
  height: number,
  width: number,
  interpolation: Interpolation,
  box: Box = wholeBox(image),
): Image {
  const rounded = interpolation !== 'torch-bicubic'
  const across = weightsFor(interpolation, box.width, width)
  const down = weightsFor(interpolation, box.height, height)
  const output = emptyImage(image.channels, height, width)
  const Intermediate = rounded ? Uint8Array : Float32Array
  const rows = new Intermediate(box.height * width)
  for (let channel = 0; channel < image.channels; channel++) {
    const from = (channel * image.height + box.top) * image.width + box.left
    resizeRows(image.data, from, image.width, box.height, across, rows, rounded)
    resizeColumns(rows, width, down, output.data, channel * height * width, rounded)
  }
  return output
}

function resizeRows(
  input: Float32Array,
  from: number,
  pitch: number,
  rows: number,
  { taps, first, values }: Weights,
  output: Uint8Array | Float32Array,
  rounded: boolean,
): void {
  const width = first.length
  for (let y = 0; y < rows; y++) {
    const row = from + y * pitch
    const to = y * width
    for (let x = 0; x < width; x++) {
      const start = row + first[x]!
      const at = x * taps
      let sum = 0
      for (let t = 0; t < taps; t++) sum += values[at + t]! * input[start + t]!
      output[to + x] = rounded ? Math.min(255, Math.max(0, sum + 0.5)) : sum
    }
  }
}

function resizeColumns(
  input: Uint8Array | Float32Array,
  width: number,
  { taps, first, values }: Weights,
  output: Float32Array,
  from: number,
  rounded: boolean,
): void {
  const sums = new Float32Array(width)
  for (let y = 0; y < first.length; y++) {
    sums.fill(0)
    for (let t = 0; t < taps; t++) {
      const weight = values[y * taps + t]!
      const row = (first[y]! + t) * width
      for (let x = 0; x < width; x++) sums[x] = sums[x]! + weight * input[row + x]!
    }
    const to = from + y * width
    if (!rounded) output.set(sums, to)
    else for (let x = 0; x < width; x++) output[to + x] = Math.floor(Math.min(255, Math.max(0, sums[x]! + 0.5)))
  }
}

/** Keys' cubic with a = -1/2. */
function cubic(x: number): number {
  const d = Math.abs(x)
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1
  return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0
}
const triangle = (x: number): number => Math.max(0, 1 - Math.abs(x))

function weightsFor(interpolation: Interpolation, from: number, to: number): Weights {
  if (interpolation === 'torch-bicubic') return torchWeights(from, to)
  // Pillow, src/libImaging/Resample.c: precompute_coeffs.
  const [filter, support] = interpolation === 'bilinear' ? [triangle, 1] : [cubic, 2]
  const scale = from / to
  const stretch = Math.max(1, scale)
  const taps = Math.min(from, Math.ceil(support * stretch) * 2 + 1)
  const first = new Int32Array(to)
  const values = new Float32Array(to * taps)
  for (let x = 0; x < to; x++) {
    const centre = (x + 0.5) * scale
    const begin = Math.max(0, Math.trunc(centre - support * stretch + 0.5))
    const end = Math.min(from, Math.trunc(centre + support * stretch + 0.5))
    // So near the end that not all taps fit: begin earlier, with zeros.
    const start = Math.min(begin, from - taps)
    let sum = 0
    for (let i = begin; i < end; i++) sum += filter((i - centre + 0.5) / stretch)
    for (let i = begin; i < end; i++) values[x * taps + i - start] = filter((i - centre + 0.5) / stretch) / sum
    first[x] = start
  }
  return { taps, first, values }
}

function torchWeights(from: number, to: number): Weights {
  const taps = Math.min(4, from)
  const first = new Int32Array(to)
  const values = new Float32Array(to * taps)
  const scale = to === 1 ? from - 1 : (from - 1) / (to - 1)
  for (let x = 0; x < to; x++) {
    const position = x === to - 1 && to > 1 ? from - 1 : x * scale
    const base = Math.min(Math.trunc(position), Math.max(0, from - 2))
    const t = from === 1 ? 0 : position - base
    const start = Math.min(Math.max(0, base - 1), from - taps)
    const weights = [cubic(1 + t), cubic(t), cubic(1 - t), cubic(2 - t)]
    const add = (pixel: number, weight: number): void => {
      const index = x * taps + pixel - start
      values[index] = values[index]! + weight
    }
    for (let k = 0; k < 4; k++) {
      const pixel = base - 1 + k
      const weight = weights[k]!
      if (from === 1) add(0, weight)
      // Beyond the edge lies the straight line through the last two pixels.
      else if (pixel < 0) {
        add(0, 2 * weight)
        add(1, -weight)
      } else if (pixel >= from) {
        add(from - 1, 2 * weight)
        add(from - 2, -weight)
      } else add(pixel, weight)
    }
    first[x] = start
  }
  return { taps, first, values }
}
