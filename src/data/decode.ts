// From the bytes of an image file to pixels. What a file is, its first bytes say, not its name. Grey, palette, CMYK, 16
// bits a channel and transparency all become three channels of 8 bits; the camera's orientation (EXIF) is applied; of an
// animation the first picture counts. Hostile files meet limits on bytes and pixels before anything is decoded.

import { open } from 'node:fs/promises'
import type Sharp from 'sharp'
import { DenseNetError } from '../errors.js'
import { errorCode } from '../util/files.js'
import type { Image } from './image.js'

/** A file beyond these is no photograph: 256 MB, and pixels that take 300 MB when decoded. */
export const MOST_BYTES = 256 * 2 ** 20
const MOST_PIXELS = 100_000_000
const MOST_UNEQUAL = 50

let loaded: typeof Sharp | undefined

/** Loaded when it is first needed: it takes 30 MB, in which data sets in memory have no part. */
export async function loadSharp(): Promise<typeof Sharp> {
  if (loaded === undefined) {
    loaded = (await import('sharp')).default
    // Threads are the loader's business; files are not met twice within an epoch.
    loaded.concurrency(1)
    loaded.cache(false)
  }
  return loaded
}

/** Reads and decodes one file. Every failure is a DenseNetError that says why, without the file's name. */
export async function decodeImageFile(path: string | URL): Promise<Image> {
  return decodeImage(await readLimited(path))
}

/** Decodes the bytes of a JPEG, PNG, WebP, GIF or TIFF file to three channels. */
export async function decodeImage(bytes: Uint8Array, mostPixels = MOST_PIXELS): Promise<Image> {
  const format = imageFormat(bytes)
  if (format === undefined) throw new DenseNetError('it is no image of a known format')
  if (!READABLE.includes(format)) throw new DenseNetError(`it is a ${format} image, which cannot be read here`)
  const sharp = await loadSharp()
  try {
    // Colour profiles are not applied, as Pillow does not: published weights have seen images so.
    const image = sharp(bytes, { limitInputPixels: mostPixels, failOn: 'error', ignoreIcc: true })
    const { data, info } = await image
      .autoOrient()
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    checkShape(info.height, info.width)
    return planar(data, info.channels, info.height, info.width)
  } catch (cause) {
    if (cause instanceof DenseNetError) throw cause
    throw new DenseNetError(`it cannot be decoded: ${firstLine(cause)}`, { cause })
  }
}

const READABLE: readonly string[] = ['JPEG', 'PNG', 'GIF', 'WebP', 'TIFF']

/** What files begin with, from an offset on, byte by byte. */
const BEGINNINGS: readonly (readonly [format: string, offset: number, beginning: string])[] = [
  ['JPEG', 0, '\xff\xd8\xff'],
  ['PNG', 0, '\x89PNG\r\n\x1a\n'],
  ['GIF', 0, 'GIF87a'],
  ['GIF', 0, 'GIF89a'],
  ['WebP', 8, 'WEBPVP8'],
  ['TIFF', 0, 'II*\0'],
  ['TIFF', 0, 'MM\0*'],
  ['BMP', 0, 'BM'],
  ['PPM', 0, 'P5'],
  ['PPM', 0, 'P6'],
  ['HEIF or AVIF', 4, 'ftyp'],
  ['JPEG XL', 0, '\xff\x0a'],
  ['JPEG XL', 4, 'JXL '],
  ['SVG', 0, '<svg'],
  ['SVG', 0, '<?xml'],
]

/** By the first bytes; undefined when they are none of an image's. */
export function imageFormat(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(16, bytes.length)).toString('latin1')
  return BEGINNINGS.find(([, offset, beginning]) => text.startsWith(beginning, offset))?.[0]
}

async function readLimited(path: string | URL): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const facts = await file.stat()
      if (!facts.isFile()) throw new DenseNetError('it is no file')
      if (facts.size === 0) throw new DenseNetError('it is empty')
      if (facts.size > MOST_BYTES) throw new DenseNetError(`it is ${facts.size} bytes long, more than ${MOST_BYTES}`)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof DenseNetError) throw cause
    const code = errorCode(cause)
    if (code === 'ENOENT') throw new DenseNetError('it does not exist', { cause })
    if (code === 'EACCES' || code === 'EPERM') throw new DenseNetError('there is no permission to read it', { cause })
    throw new DenseNetError(`it cannot be read: ${firstLine(cause)}`, { cause })
  }
}

/** A strip would grow beyond all memory when its shorter side is scaled up. */
export function checkShape(height: number, width: number): void {
  if (Math.max(height, width) <= MOST_UNEQUAL * Math.min(height, width)) return
  throw new DenseNetError(`it is ${width} x ${height} pixels: one side is more than ${MOST_UNEQUAL} times the other`)
}

/** [height][width][1 or 3] bytes to [3][height][width]. */
function planar(bytes: Uint8Array, channels: number, height: number, width: number): Image {
  const size = height * width
  const data = new Float32Array(3 * size)
  if (channels === 3) {
    for (let i = 0, from = 0; i < size; i++, from += 3) {
      data[i] = bytes[from]!
      data[size + i] = bytes[from + 1]!
      data[2 * size + i] = bytes[from + 2]!
    }
  } else if (channels === 1) {
    for (let channel = 0; channel < 3; channel++) data.set(bytes, channel * size)
  } else {
    throw new DenseNetError(`it has ${channels} channels`)
  }
  return { channels: 3, height, width, data }
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!.trim()
