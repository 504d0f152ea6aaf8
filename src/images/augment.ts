// One image on its way to the network, in the order of DenseNet's first implementation: normalise, mirror with
// probability 1/2, pad with zeros (after normalising, so the padding has the mean colour), cut out a random window of
// the image's own size. Images are [channels][height][width]; random numbers hang on (seed, epoch, image) only. This is
// the short way for small images in memory; any other augmentation is a list of transforms (transforms/transform.ts).

import { randomStream } from '../util/random.js'
import type { Normalisation } from './dataset.js'
import type { Transform } from './transforms/transform.js'

/** How training images are changed: flip and crop, or a list of transforms, done in its order. */
export type Augmentation = FlipAndCrop | readonly Transform[]

/** `flip`: mirror left-right every other time. `pad`: zeros added on each side before the random crop; 0 = no crop. */
export interface FlipAndCrop {
  readonly flip: boolean
  readonly pad: number
}

/** Training images as they are, only normalised. */
export const noAugmentation: FlipAndCrop = { flip: false, pad: 0 }

export const isList = (augmentation: Augmentation): augmentation is readonly Transform[] => Array.isArray(augmentation)

/** Whether it treats an image alike every time. */
export const withoutChance = (augmentation: Augmentation): boolean =>
  isList(augmentation) ? augmentation.length === 0 : !augmentation.flip && augmentation.pad === 0

/** "flip, pad 4 and crop" */
export function describeAugmentation(augmentation: Augmentation): string {
  if (isList(augmentation)) {
    return augmentation.map(({ kind }) => kind.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)).join(', ')
  }
  const { flip, pad } = augmentation
  return [...(flip ? ['flip'] : []), ...(pad > 0 ? [`pad ${pad} and crop`] : [])].join(', ')
}

export interface ImageShape {
  readonly channels: number
  readonly height: number
  readonly width: number
}

/** What was decided for one image. The window's corner is (left, top) in the padded image; (pad, pad) is the middle. */
export interface Placement {
  readonly mirrored: boolean
  readonly left: number
  readonly top: number
}

/** Always draws the same three numbers, so turning the flip off leaves the crops as they were. */
export function choosePlacement(augmentation: FlipAndCrop, seed: number, epoch: number, image: number): Placement {
  if (!augmentation.flip && augmentation.pad === 0) return { mirrored: false, left: 0, top: 0 }
  const random = randomStream(seed, 'augmentation', epoch, image)
  const mirrored = random.uniform() < 0.5
  const left = random.integer(2 * augmentation.pad + 1)
  const top = random.integer(2 * augmentation.pad + 1)
  return { mirrored: augmentation.flip && mirrored, left, top }
}

/** [channels][256]: the normalised value of every possible pixel, computed once instead of per pixel. */
export function normalisationTable({ mean, deviation }: Normalisation): Float32Array {
  const table = new Float32Array(mean.length * 256)
  for (let channel = 0; channel < mean.length; channel++) {
    for (let pixel = 0; pixel < 256; pixel++) {
      table[channel * 256 + pixel] = (pixel - mean[channel]!) / deviation[channel]!
    }
  }
  return table
}

/** Writes image number `image` of `pixels`, normalised by `table` and placed, to `output` from `offset` on. */
export function writeImage(
  pixels: Uint8Array,
  image: number,
  { channels, height, width }: ImageShape,
  table: Float32Array,
  pad: number,
  { mirrored, left, top }: Placement,
  output: Float32Array,
  offset: number,
): void {
  const size = height * width
  // Output column x shows column x + shift of the (mirrored) image, if there is one.
  const shift = left - pad
  const first = Math.min(width, Math.max(0, -shift))
  const end = Math.max(first, Math.min(width, width - shift))
  let to = offset
  for (let channel = 0; channel < channels; channel++) {
    const from = (image * channels + channel) * size
    const values = channel * 256
    for (let y = 0; y < height; y++, to += width) {
      const row = y + top - pad
      if (row < 0 || row >= height) {
        output.fill(0, to, to + width)
        continue
      }
      const start = from + row * width
      output.fill(0, to, to + first)
      if (mirrored) {
        const last = start + width - 1 - shift
        for (let x = first; x < end; x++) output[to + x] = table[values + pixels[last - x]!]!
      } else {
        for (let x = first; x < end; x++) output[to + x] = table[values + pixels[start + shift + x]!]!
      }
      output.fill(0, to + end, to + width)
    }
  }
}
