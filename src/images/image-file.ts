// What a file of an image is, by its first bytes, and what of it is too much to be decoded.
import { DenseNetError } from '../errors.js'
import { latin1 } from '../util/bytes.js'

/** A file beyond these is no photograph: 256 MB, and pixels that take 300 MB when decoded. */
export const MOST_BYTES = 256 * 2 ** 20
export const MOST_PIXELS = 100_000_000
const MOST_UNEQUAL = 50

/** Its format; throws a sentence where that is none of `readable`. */
export function checkFormat(bytes: Uint8Array, readable: readonly string[]): string {
  const format = imageFormat(bytes)
  if (format === undefined) throw new DenseNetError('it is no image of a known format')
  if (readable.includes(format)) return format
  const instead = format === 'DICOM' ? ': convert it to PNG of 8 or 16 bits, black and white at the ends' : ''
  throw new DenseNetError(`it is a ${format} image, which cannot be read here${instead}`)
}

/** What files begin with, from an offset on, byte by byte. */
const BEGINNINGS: readonly (readonly [format: string, offset: number, beginning: string])[] = [
  ['JPEG', 0, '\xff\xd8\xff'],
  ['PNG', 0, '\x89PNG\r\n\x1a\n'],
  ['GIF', 0, 'GIF87a'],
  ['GIF', 0, 'GIF89a'],
  ['WebP', 8, 'WEBPVP8'],
  ['TIFF', 0, 'II*\0'],
  ['TIFF', 0, 'MM\0*'],
  ['TIFF', 0, 'II+\0'],
  ['TIFF', 0, 'MM\0+'],
  ['BMP', 0, 'BM'],
  ['PPM', 0, 'P5'],
  ['PPM', 0, 'P6'],
  ['HEIF or AVIF', 4, 'ftyp'],
  ['JPEG XL', 0, '\xff\x0a'],
  ['JPEG XL', 4, 'JXL '],
  ['JPEG 2000', 4, 'jP  '],
  ['JPEG 2000', 0, '\xff\x4f\xff\x51'],
  ['DICOM', 128, 'DICM'],
  ['SVG', 0, '<svg'],
  ['SVG', 0, '<?xml'],
]

/** By the first bytes; undefined when they are none of an image's. */
export function imageFormat(bytes: Uint8Array): string | undefined {
  const text = latin1(bytes.subarray(0, 132))
  return BEGINNINGS.find(([, offset, beginning]) => text.startsWith(beginning, offset))?.[0]
}

/** A strip would grow beyond all memory when its shorter side is scaled up. */
export function checkShape(height: number, width: number): void {
  if (Math.max(height, width) <= MOST_UNEQUAL * Math.min(height, width)) return
  throw new DenseNetError(`it is ${width} x ${height} pixels: one side is more than ${MOST_UNEQUAL} times the other`)
}
