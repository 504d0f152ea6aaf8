// A segmentation as PNG files: a mask whose pixels are the classes, and the image with the colours of its classes over it.
import { loadSharp } from '../data/loading/decode.js'
import { encodeMask } from '../data/loading/png-mask.js'
import { type Image, withChannels } from '../images/image.js'
import type { Segmentation } from './segment.js'

/** How much of the image shows through. */
const SHOWS = 0.45
const MOST_COLOURS = 256

/** Pascal VOC's colours, which are easy to tell apart: the bits of a number, spread over red, green and blue from the highest on. */
export function colourOf(label: number): [number, number, number] {
  const colour: [number, number, number] = [0, 0, 0]
  // The first of Pascal's is black, for the background.
  for (let rest = label + 1, bit = 7; rest > 0; rest >>= 3, bit--) {
    for (let i = 0; i < 3; i++) colour[i]! |= ((rest >> i) & 1) << bit
  }
  return colour
}

/** A PNG with a palette, which is read as training masks are: pixel values are class numbers. */
export function maskPicture({ height, width, labels }: Segmentation): Uint8Array {
  const palette = Array.from({ length: MOST_COLOURS }, (_, label) => colourOf(label))
  return encodeMask({ height, width, values: Uint32Array.from(labels) }, palette)
}

/** A PNG of the image with the colours of its pixels' classes laid over it. */
export async function overlayPicture(image: Image, { height, width, labels }: Segmentation): Promise<Uint8Array> {
  const { data } = withChannels(image, 3)
  const pixels = height * width
  const mixed = new Uint8Array(3 * pixels)
  for (let p = 0; p < pixels; p++) {
    const colour = colourOf(labels[p]!)
    for (let c = 0; c < 3; c++) mixed[3 * p + c] = SHOWS * data[c * pixels + p]! + (1 - SHOWS) * colour[c]!
  }
  const sharp = await loadSharp()
  return sharp(mixed, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}
