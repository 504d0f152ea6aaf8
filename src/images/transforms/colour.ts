// Colours. The first part is the original program's (fb.resnet.torch, datasets/transforms.lua): no clamping, no rounding.
// The second part is Pillow's (ImageEnhance, ImageOps), on whole numbers, for RandAugment and TrivialAugment.

import type { RandomStream } from '../../util/random.js'
import { emptyImage, type Image } from '../image.js'

/** Brightness of each pixel, [height][width]; of one-channel images, the pixels themselves. */
function grey({ channels, height, width, data }: Image): Float32Array {
  const size = height * width
  if (channels !== 3) return data.slice(0, size)
  const output = new Float32Array(size)
  for (let i = 0; i < size; i++) {
    output[i] = 0.299 * data[i]! + 0.587 * data[size + i]! + 0.114 * data[2 * size + i]!
  }
  return output
}

/** alpha * image + (1 - alpha) * other, where `other` is one number or [height][width]. */
function blend(image: Image, other: number | Float32Array, alpha: number): Image {
  const output = { ...image, data: new Float32Array(image.data.length) }
  const size = image.height * image.width
  if (typeof other === 'number') {
    const shift = (1 - alpha) * other
    for (let i = 0; i < output.data.length; i++) output.data[i] = alpha * image.data[i]! + shift
    return output
  }
  for (let at = 0; at < output.data.length; at += size) {
    for (let i = 0; i < size; i++) output.data[at + i] = alpha * image.data[at + i]! + (1 - alpha) * other[i]!
  }
  return output
}

function average(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}

export interface ColorJitter {
  readonly brightness: number
  readonly contrast: number
  readonly saturation: number
}

/** Blends with black, with the mean grey and with the grey image, in random order, each with 1 + U(-v, v) of the image. */
export function colorJitter(
  image: Image,
  { brightness, contrast, saturation }: ColorJitter,
  random: RandomStream,
): Image {
  const steps: readonly [number, (image: Image) => number | Float32Array][] = [
    [brightness, () => 0],
    [contrast, now => average(grey(now))],
    [saturation, grey],
  ]
  const order = [0, 1, 2]
  for (let i = 2; i > 0; i--) {
    const j = random.integer(i + 1)
    const [a, b] = [order[i]!, order[j]!]
    order[i] = b
    order[j] = a
  }
  let output = image
  for (const which of order) {
    const [strength, other] = steps[which]!
    const alpha = 1 + strength * (2 * random.uniform() - 1)
    if (strength > 0) output = blend(output, other(output), alpha)
  }
  return output
}

// Principal components of ImageNet's colours, on the 0..1 scale (fb.resnet.torch, datasets/imagenet.lua).
const EIGENVALUES = [0.2175, 0.0188, 0.0045]
const EIGENVECTORS = [
  [-0.5675, 0.7192, 0.4009],
  [-0.5808, -0.0045, -0.814],
  [-0.5836, -0.6948, 0.4203],
]

/** Adds one colour to all pixels: the principal components, each times N(0, deviation) and its eigenvalue. */
export function lighting(image: Image, deviation: number, random: RandomStream): Image {
  const amounts = EIGENVALUES.map(value => value * deviation * random.normal())
  const output = { ...image, data: image.data.slice() }
  const size = image.height * image.width
  EIGENVECTORS.forEach((row, channel) => {
    const shift = 255 * row.reduce((sum, component, i) => sum + component * amounts[i]!, 0)
    for (let i = channel * size; i < (channel + 1) * size; i++) output.data[i] = output.data[i]! + shift
  })
  return output
}

const clip = (value: number): number => Math.min(255, Math.max(0, Math.trunc(value)))

/** Pillow's grey, a whole number: (19595 R + 38470 G + 7471 B + 32768) / 65536. */
function wholeGrey({ channels, height, width, data }: Image): Float32Array {
  const size = height * width
  if (channels !== 3) return data.slice(0, size)
  const output = new Float32Array(size)
  for (let i = 0; i < size; i++) {
    output[i] = (19595 * data[i]! + 38470 * data[size + i]! + 7471 * data[2 * size + i]! + 0x8000) >> 16
  }
  return output
}

function enhanced(image: Image, degenerate: number | Float32Array | Image, factor: number): Image {
  const output = emptyImage(image.channels, image.height, image.width)
  const size = image.height * image.width
  for (let i = 0; i < output.data.length; i++) {
    const other =
      typeof degenerate === 'number'
        ? degenerate
        : degenerate instanceof Float32Array
          ? degenerate[i % size]!
          : degenerate.data[i]!
    output.data[i] = clip(other + factor * (image.data[i]! - other))
  }
  return output
}

export const adjustBrightness = (image: Image, factor: number): Image => enhanced(image, 0, factor)
export const adjustContrast = (image: Image, factor: number): Image =>
  enhanced(image, Math.trunc(average(wholeGrey(image)) + 0.5), factor)
export const adjustSaturation = (image: Image, factor: number): Image => enhanced(image, wholeGrey(image), factor)
export const adjustSharpness = (image: Image, factor: number): Image => enhanced(image, smoothed(image), factor)

/** 3 x 3 average in which the middle counts five times; the edge stays. */
function smoothed(image: Image): Image {
  const { channels, height, width, data } = image
  const output = { ...image, data: data.slice() }
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 1; y < height - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        const at = (channel * height + y) * width + x
        let sum = 4 * data[at]!
        for (const row of [at - width, at, at + width]) sum += data[row - 1]! + data[row]! + data[row + 1]!
        output.data[at] = clip(sum / 13 + 0.5)
      }
    }
  }
  return output
}

/** Each channel through a table of its own, made from its counts of values. */
function mapped(image: Image, tableOf: (counts: Uint32Array) => ArrayLike<number>): Image {
  const output = { ...image, data: new Float32Array(image.data.length) }
  const size = image.height * image.width
  for (let channel = 0; channel < image.channels; channel++) {
    const counts = new Uint32Array(256)
    const values = image.data.subarray(channel * size, (channel + 1) * size)
    for (const value of values) counts[value] = counts[value]! + 1
    const table = tableOf(counts)
    for (let i = 0; i < size; i++) output.data[channel * size + i] = table[values[i]!]!
  }
  return output
}

const tableFrom = (value: (x: number) => number): number[] => Array.from({ length: 256 }, (_, x) => value(x))

/** Keeps the first `bits` bits of every value. */
export function posterize(image: Image, bits: number): Image {
  const mask = ~(2 ** (8 - bits) - 1)
  return mapped(image, () => tableFrom(x => x & mask))
}

/** Inverts values of `threshold` and above. */
export const solarize = (image: Image, threshold: number): Image =>
  mapped(image, () => tableFrom(x => (x < threshold ? x : 255 - x)))

/** Stretches each channel so that it reaches from 0 to 255. */
export function autoContrast(image: Image): Image {
  return mapped(image, counts => {
    const low = counts.findIndex(count => count > 0)
    const high = counts.findLastIndex(count => count > 0)
    if (high <= low) return tableFrom(x => x)
    const scale = 255 / (high - low)
    return tableFrom(x => clip(x * scale - low * scale))
  })
}

/** Spreads each channel's values so that all are about equally frequent. */
export function equalize(image: Image): Image {
  return mapped(image, counts => {
    const present = counts.filter(count => count > 0)
    const total = present.reduce((sum, count) => sum + count, 0)
    const step = Math.floor((total - (present.at(-1) ?? 0)) / 255)
    if (present.length <= 1 || step === 0) return tableFrom(x => x)
    let sum = Math.floor(step / 2)
    return tableFrom(x => {
      const value = Math.min(255, Math.floor(sum / step))
      sum += counts[x]!
      return value
    })
  })
}
