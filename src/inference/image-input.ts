// One image, decoded from wherever a program has it.

import { DenseNetError, parameterError, usageError } from '../errors.js'
import { type DecodedImage, emptyImage, type Image } from '../images/image.js'
import { checkShape } from '../images/image-file.js'

/** Pixels in memory, [height][width][channels] bytes: what a canvas (ImageData) and sharp's raw() give. */
export interface RawImage {
  readonly data: Uint8Array | Uint8ClampedArray
  readonly width: number
  readonly height: number
  /** 1 (grey), 3 (red, green, blue), or 2 and 4 with transparency, which is left out; default: what `data` has room for. */
  readonly channels?: number
}

/** A file's path or file: URL, the bytes of an image file (JPEG, PNG, WebP, GIF, TIFF), a Blob of them, or pixels. */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Blob | RawImage

/** For messages. */
export const imageName = (image: ImageInput): string =>
  typeof image === 'string' || image instanceof URL ? String(image) : 'the image'

/** One image or several, as a list. */
export const imageList = (given: ImageInput | readonly ImageInput[]): readonly ImageInput[] =>
  Array.isArray(given) ? given : [given as ImageInput]

/** The sentence for one of `images`, by its number, that cannot be read. */
export function unreadable(images: readonly ImageInput[], index: number, reason: string): DenseNetError {
  const which = images.length > 1 ? `image ${index + 1}: ` : ''
  return new DenseNetError(`${which}${imageName(images[index]!)} cannot be read: ${reason}`)
}

/** What of reading images differs from place to place. */
export interface Reading {
  /** Of a path or a file: URL; null: there are no files. */
  readonly file: ((path: string | URL) => Promise<DecodedImage>) | null
  readonly bytes: (bytes: Uint8Array) => Promise<DecodedImage>
  /** How many are decoded at once: a photograph takes a hundred megabytes. */
  readonly together: number
}

/** Decodes an image: [3][height][width] (pixels in memory keep one channel), 0..255. Throws a DenseNetError that says
 * why it cannot be read, without naming it. */
export async function readBy({ file, bytes }: Reading, input: ImageInput): Promise<DecodedImage> {
  if (typeof input === 'string' && file) return file(input)
  if (input instanceof URL) {
    if (input.protocol === 'file:' && file) return file(input)
    throw usageError(`images are not fetched from ${input.protocol} addresses`, 'fetch it, and give its bytes')
  }
  if (input instanceof Uint8Array) return bytes(input)
  if (input instanceof ArrayBuffer) return bytes(new Uint8Array(input))
  if (input instanceof Blob) return bytes(new Uint8Array(await input.arrayBuffer()))
  if (isRaw(input)) return fromRaw(input)
  throw parameterError('image', `${file ? 'a path, ' : ''}bytes, a Blob or { data, width, height }`, input)
}

const isRaw = (input: unknown): input is RawImage =>
  typeof input === 'object' &&
  input !== null &&
  'data' in input &&
  (input.data instanceof Uint8Array || input.data instanceof Uint8ClampedArray)

function fromRaw({ data, width, height, channels = data.length / (width * height) }: RawImage): Image {
  for (const [name, value] of Object.entries({ width, height })) {
    if (!Number.isInteger(value) || value < 1) throw parameterError(name, 'a whole number of at least 1', value)
  }
  if (![1, 2, 3, 4].includes(channels) || data.length !== width * height * channels) {
    throw parameterError('data', `${width} x ${height} pixels of 1, 2, 3 or 4 bytes`, `${data.length} bytes`)
  }
  checkShape(height, width)
  const image = emptyImage(channels < 3 ? 1 : 3, height, width)
  const size = width * height
  for (let channel = 0; channel < image.channels; channel++) {
    for (let i = 0; i < size; i++) image.data[channel * size + i] = data[i * channels + channel]!
  }
  return image
}
