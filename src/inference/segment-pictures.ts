// A segmentation as PNG files: a mask whose pixels are the classes, and the image with the colours of its classes over it.
import { loadSharp } from '../data/loading/decode.js'
import { encodeMask } from '../data/loading/png-mask.js'
import { type Image, withChannels } from '../images/image.js'
import { colourOf, laidOver } from '../images/mask-colours.js'
import type { Segmentation } from './segment.js'

const MOST_COLOURS = 256

/** A PNG with a palette, which is read as training masks are: pixel values are class numbers. */
export function maskPicture({ height, width, labels }: Segmentation): Uint8Array {
  const palette = Array.from({ length: MOST_COLOURS }, (_, label) => colourOf(label))
  return encodeMask({ height, width, values: Uint32Array.from(labels) }, palette)
}

/** A PNG of the image with the colours of its pixels' classes laid over it. */
export async function overlayPicture(image: Image, { height, width, labels }: Segmentation): Promise<Uint8Array> {
  const { data } = withChannels(image, 3)
  const pixels = height * width
  const bytes = Uint8Array.from({ length: 3 * pixels }, (_, i) => data[(i % 3) * pixels + Math.floor(i / 3)]!)
  const sharp = await loadSharp()
  return sharp(laidOver(bytes, labels), { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}
