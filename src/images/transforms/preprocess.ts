// Preprocessing for evaluation: scale the shorter side, cut out the middle (or, for ten crops, the corners too). It
// belongs to the weights: the same network loses half a point when its images are resized in another way.

import type { Image } from '../image.js'
import { cropBox } from './crop.js'
import { resize } from './resize.js'
import type { Preprocessing } from './schema.js'

export type { Preprocessing }

/** The usual one for images of `size` pixels: 256 to 224, and in proportion. */
export function standardPreprocessing(size: number): Preprocessing {
  return { resize: Math.round((size * 256) / 224), crop: size, interpolation: 'bicubic' }
}

/** One look at an image. */
export interface View {
  /** Where the square is cut out. */
  readonly place: 'centre' | 'top left' | 'top right' | 'bottom left' | 'bottom right'
  readonly mirrored: boolean
}

const PLACES: readonly View['place'][] = ['centre', 'top left', 'top right', 'bottom left', 'bottom right']

/** What is shown of an image when it is evaluated; the network's probabilities are averaged over the views. `ten`: the
 * image and its mirror image, each in the middle and the four corners. */
export const VIEWS = {
  single: [{ place: 'centre', mirrored: false }],
  flip: [
    { place: 'centre', mirrored: false },
    { place: 'centre', mirrored: true },
  ],
  ten: [false, true].flatMap(mirrored => PLACES.map(place => ({ place, mirrored }))),
} as const satisfies Readonly<Record<string, readonly View[]>>
/** Which views of an image are averaged: `single`, `flip` or `ten`. */
export type ViewName = keyof typeof VIEWS

/** Scales so that the shorter side has `size` pixels; the longer one is rounded down, as torchvision and Torch do. */
export function scaleShorter(image: Image, size: number, interpolation: Preprocessing['interpolation']): Image {
  const { height, width } = image
  if (Math.min(height, width) === size) return image
  const [h, w] =
    height <= width ? [size, Math.trunc((width * size) / height)] : [Math.trunc((height * size) / width), size]
  return resize(image, h, w, interpolation)
}

/** Each view of an image, [channels][crop][crop]. Scales once. */
export function preprocess(
  image: Image,
  { resize, crop, interpolation }: Preprocessing,
  views: readonly View[],
): Image[] {
  const scaled = scaleShorter(image, resize, interpolation)
  return views.map(({ place, mirrored }) => {
    const [right, bottom] = [scaled.width - crop, scaled.height - crop]
    const middle = interpolation === 'torch-bicubic' ? (gap: number) => Math.ceil(gap / 2) : halfToEven
    const left = place === 'centre' ? middle(right) : place.endsWith('right') ? right : 0
    // The left of the mirror image is the right of the image.
    const from = mirrored ? right - left : left
    const top = place === 'centre' ? middle(bottom) : place.startsWith('bottom') ? bottom : 0
    return cropBox(scaled, { left: from, top, width: crop, height: crop }, mirrored)
  })
}

/** torchvision's middle is Python's round(gap / 2), which takes halves to the even number; Torch's is rounded up. */
function halfToEven(gap: number): number {
  const half = Math.floor(gap / 2)
  return gap % 2 !== 0 && half % 2 !== 0 ? half + 1 : half
}
