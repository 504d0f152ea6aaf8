// From the bytes of an image file to pixels. What a file is, its first bytes say, not its name. Grey, palette, CMYK, 16
// bits a channel, floating point and transparency all become three channels from 0 to 255 (raw-pixels.ts); the camera's
// orientation (EXIF) is applied; of an animation the first picture counts. Hostile files meet limits on bytes and pixels
// before anything is decoded.

import { open } from 'node:fs/promises'
import type Sharp from 'sharp'
import { DenseNetError } from '../../errors.js'
import type { Image } from '../../images/image.js'
import { errorCode } from '../../node/files.js'
import { checkTiff, opaqueGif } from './image-headers.js'
import { pixelKind, toPlanes } from './raw-pixels.js'

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

/** How the names of files end whose formats are read. */
export const READ_EXTENSIONS = ['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.gif', '.tif', '.tiff'] as const
/** A file is taken for an image by its extension; what kind of image it is, its content says. Of some formats it is said
 * that they cannot be read, rather than that there is nothing. */
export const IMAGE_EXTENSIONS: readonly string[] = [...READ_EXTENSIONS, '.bmp', '.ppm']

/** `doubt`: why the pixels may not be what was meant, where that is so. */
export interface DecodedImage extends Image {
  readonly doubt?: string
}

/** Reads and decodes one file. Every failure is a DenseNetError that says why, without the file's name. */
export async function decodeImageFile(path: string | URL): Promise<DecodedImage> {
  return decodeImage(await readLimited(path))
}

/** Decodes the bytes of a JPEG, PNG, WebP, GIF or TIFF file to three channels. */
export async function decodeImage(bytes: Uint8Array, mostPixels = MOST_PIXELS): Promise<DecodedImage> {
  const format = imageFormat(bytes)
  if (format === undefined) throw new DenseNetError('it is no image of a known format')
  if (!READABLE.includes(format)) {
    const instead = format === 'DICOM' ? ': convert it to PNG of 8 or 16 bits, black and white at the ends' : ''
    throw new DenseNetError(`it is a ${format} image, which cannot be read here${instead}`)
  }
  if (format === 'TIFF') checkTiff(bytes)
  const sharp = await loadSharp()
  try {
    // Colour profiles are not applied, as Pillow does not: published weights have seen images so.
    const image = sharp(format === 'GIF' ? opaqueGif(bytes) : bytes, {
      limitInputPixels: mostPixels,
      failOn: 'error',
      ignoreIcc: true,
    })
    const kind = pixelKind(await image.metadata())
    const { data, info } = await image
      .pipelineColourspace(kind.space)
      .autoOrient()
      .toColourspace(kind.space)
      .removeAlpha()
      .raw({ depth: kind.depth })
      .toBuffer({ resolveWithObject: true })
    const { height, width, channels } = info
    checkShape(height, width)
    return { channels: 3, height, width, ...toPlanes(data, kind, channels, height * width) }
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
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(132, bytes.length)).toString('latin1')
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

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!.trim()
