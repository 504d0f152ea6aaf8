// From the bytes of an image file to pixels. What a file is, its first bytes say, not its name. Grey, palette, CMYK, 16
// bits a channel, floating point and transparency all become three channels from 0 to 255 (raw-pixels.ts); the camera's
// orientation (EXIF) is applied; of an animation the first picture counts. Hostile files meet limits on bytes and pixels
// before anything is decoded.

import { open } from 'node:fs/promises'
import type Sharp from 'sharp'
import { DenseNetError } from '../../errors.js'
import type { DecodedImage } from '../../images/image.js'
import { checkFormat, checkShape, MOST_BYTES, MOST_PIXELS } from '../../images/image-file.js'
import { checkTiff, opaqueGif } from '../../images/image-headers.js'
import { errorCode } from '../../node/files.js'
import { pixelKind, toPlanes } from './raw-pixels.js'

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

/** Reads and decodes one file. Every failure is a DenseNetError that says why, without the file's name. */
export async function decodeImageFile(path: string | URL): Promise<DecodedImage> {
  return decodeImage(await readLimited(path))
}

/** Decodes the bytes of a JPEG, PNG, WebP, GIF or TIFF file to three channels. */
export async function decodeImage(bytes: Uint8Array, mostPixels = MOST_PIXELS): Promise<DecodedImage> {
  const format = checkFormat(bytes, READABLE)
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

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!.trim()
