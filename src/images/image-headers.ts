// What the decoder gets wrong in silence, seen in a file's header before it is decoded.

import { DenseNetError } from '../errors.js'

/** A GIF whose first picture has no transparent colour: the decoder would leave black there, and the colour that stands in
 * the palette counts, as below a PNG's transparency. The bytes as they are where there is nothing to change. */
export function opaqueGif(bytes: Uint8Array): Uint8Array {
  let at = 13 + colourTable(bytes[10]!)
  while (bytes[at] === EXTENSION) {
    if (bytes[at + 1] === GRAPHIC_CONTROL && bytes[at + 3]! & 1) {
      const copy = bytes.slice()
      copy[at + 3]! &= ~1
      return copy
    }
    at += 2
    // Blocks, each with its length before it, until one of none.
    while (bytes[at]! > 0) at += bytes[at]! + 1
    at++
  }
  return bytes
}

const EXTENSION = 0x21
const GRAPHIC_CONTROL = 0xf9
const colourTable = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)

const PHOTOMETRIC = 262
const COMPRESSION = 259
const YCBCR = 6
/** The two ways of JPEG in TIFF, whose decoder makes red, green and blue of it. */
const JPEG = [6, 7]

/** Throws for colours that would be taken for red, green and blue. */
export function checkTiff(bytes: Uint8Array): void {
  const compression = tiffTag(bytes, COMPRESSION) ?? 1
  if (tiffTag(bytes, PHOTOMETRIC) !== YCBCR || JPEG.includes(compression)) return
  throw new DenseNetError('it is a TIFF image in YCbCr without JPEG, which cannot be read here: save it as RGB')
}

/** The first number of a tag of the first picture, as far as it stands in the header itself; undefined: not there. */
function tiffTag(bytes: Uint8Array, tag: number): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = bytes[0] === 0x49
  if (view.byteLength < 16) return undefined
  const big = view.getUint16(2, little) === 43
  const start = big ? Number(view.getBigUint64(8, little)) : view.getUint32(4, little)
  const [head, size, value] = big ? [8, 20, 12] : [2, 12, 8]
  if (start + head > view.byteLength) return undefined
  const count = big ? Number(view.getBigUint64(start, little)) : view.getUint16(start, little)
  for (let i = 0, at = start + head; i < count && at + size <= view.byteLength; i++, at += size) {
    if (view.getUint16(at, little) === tag) return view.getUint16(at + value, little)
  }
  return undefined
}
