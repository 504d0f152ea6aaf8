// Masks are PNG files whose pixels are numbers, not colours: a decoder of pictures would resolve the palette. This one gives the numbers
// as they are in the file.
import { open } from 'node:fs/promises'
import { deflateSync, inflateSync } from 'node:zlib'
import { DenseNetError } from '../../errors.js'
import { imageFormat, MOST_BYTES, MOST_PIXELS } from '../../images/image-file.js'
import type { DecodedMask } from '../../images/masks.js'
import { errorCode } from '../../node/files.js'
import { crc32 } from '../../util/crc.js'

const HEADER_BYTES = 33
/** Numbers of a pixel, by the type that the header says. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

interface Header {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly type: number
}

/** Every failure is a DenseNetError that says why, without the file's name. */
export async function decodeMaskFile(path: string): Promise<DecodedMask> {
  return decodeMask(await read(path, MOST_BYTES))
}

/** Pixels of a mask, by the beginning of its file. */
export async function maskSize(path: string): Promise<{ height: number; width: number }> {
  const { height, width } = headerOf(await read(path, HEADER_BYTES))
  return { height, width }
}

export function decodeMask(bytes: Uint8Array): DecodedMask {
  const header = headerOf(bytes)
  const { height, width, depth, type } = header
  const bitsOfPixel = depth * CHANNELS[type]!
  const rowBytes = Math.ceil((width * bitsOfPixel) / 8)
  const rows = unfiltered(inflated(bytes, height * (rowBytes + 1)), height, rowBytes, Math.max(1, bitsOfPixel >> 3))
  const values = new Uint32Array(height * width)
  for (let y = 0; y < height; y++) {
    const row = rows.subarray(y * rowBytes, (y + 1) * rowBytes)
    for (let x = 0; x < width; x++) values[y * width + x] = valueAt(row, x, header)
  }
  return { height, width, values }
}

function valueAt(row: Uint8Array, x: number, { depth, type }: Header): number {
  if (depth < 8) {
    const bit = x * depth
    return (row[bit >> 3]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1)
  }
  const at = (x * CHANNELS[type]! * depth) >> 3
  if (type === 2 || type === 6) return (row[at]! << 16) | (row[at + 1]! << 8) | row[at + 2]!
  return depth === 16 ? (row[at]! << 8) | row[at + 1]! : row[at]!
}

function headerOf(bytes: Uint8Array): Header {
  if (imageFormat(bytes) !== 'PNG' || bytes.length < HEADER_BYTES) {
    throw new DenseNetError('it is no PNG file; other formats do not keep the numbers of a mask')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const [width, height] = [view.getUint32(16), view.getUint32(20)]
  const [depth, type, interlaced] = [bytes[24]!, bytes[25]!, bytes[28]!]
  if (width < 1 || height < 1 || width * height > MOST_PIXELS) {
    throw new DenseNetError(`it would be ${width} x ${height} pixels, more than ${MOST_PIXELS} or none`)
  }
  const known = CHANNELS[type] !== undefined && [1, 2, 4, 8, 16].includes(depth)
  if (!known || interlaced !== 0 || ((type === 2 || type === 6) && depth !== 8)) {
    const what = interlaced === 0 ? `colour type ${type} of ${depth} bits` : 'interlaced'
    throw new DenseNetError(`it is a PNG file that is ${what}; masks are grey, of a palette, or of 8-bit colours`)
  }
  return { width, height, depth, type }
}

/** The pixels' data, of all IDAT chunks together: no more than the header says. */
function inflated(bytes: Uint8Array, expected: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (at + 12 + length > bytes.length || type === 'IEND') break
    if (type === 'IDAT') parts.push(bytes.subarray(at + 8, at + 8 + length))
    at += 12 + length
  }
  let data: Uint8Array
  try {
    data = inflateSync(Buffer.concat(parts), { maxOutputLength: expected })
  } catch (cause) {
    throw new DenseNetError('it is damaged: its pixels cannot be unpacked', { cause })
  }
  if (data.length < expected) throw new DenseNetError('it is damaged: it ends before its last row')
  return data
}

/** Each row is told by how it differs from its neighbours (PNG specification, section 9). */
function unfiltered(data: Uint8Array, height: number, rowBytes: number, step: number): Uint8Array {
  const rows = new Uint8Array(height * rowBytes)
  for (let y = 0; y < height; y++) {
    const filter = data[y * (rowBytes + 1)]!
    if (filter > 4) throw new DenseNetError(`it is damaged: row ${y} has the filter ${filter}`)
    const from = y * (rowBytes + 1) + 1
    const to = y * rowBytes
    for (let i = 0; i < rowBytes; i++) {
      const left = i < step ? 0 : rows[to + i - step]!
      const up = y === 0 ? 0 : rows[to + i - rowBytes]!
      const corner = i < step || y === 0 ? 0 : rows[to + i - rowBytes - step]!
      rows[to + i] = data[from + i]! + predicted(filter, left, up, corner)
    }
  }
  return rows
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0
  if (filter === 1) return left
  if (filter === 2) return up
  if (filter === 3) return (left + up) >> 1
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

/** The first bytes of a file, or all of them if they are no more than `most`. */
async function read(path: string, most: number): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      const whole = most === MOST_BYTES
      if (whole && size > most) throw new DenseNetError(`it is ${size} bytes long, more than ${most}`)
      if (whole) return await file.readFile()
      const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof DenseNetError) throw cause
    if (errorCode(cause) === 'ENOENT') throw new DenseNetError('it does not exist', { cause })
    throw new DenseNetError(`it cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** A mask of up to 256 numbers as a PNG file with a palette: [number] is its colour. */
export function encodeMask(
  { height, width, values }: DecodedMask,
  palette: readonly (readonly number[])[],
): Uint8Array {
  const rows = new Uint8Array(height * (width + 1))
  for (let y = 0; y < height; y++) rows.set(values.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  const header = new DataView(new ArrayBuffer(13))
  header.setUint32(0, width)
  header.setUint32(4, height)
  header.setUint8(8, 8)
  header.setUint8(9, 3)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', new Uint8Array(header.buffer)),
    chunk('PLTE', Uint8Array.from(palette.flat())),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', new Uint8Array()),
  ])
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(data.length + 12)
  bytes.writeUInt32BE(data.length)
  bytes.write(type, 4, 'latin1')
  bytes.set(data, 8)
  bytes.writeUInt32BE(crc32(bytes.subarray(4, data.length + 8)), data.length + 8)
  return bytes
}
