// One image, from wherever a program has it, to what the network reads: decoded, brought to the network's size as its
// preprocessing says, normalised. The same pixels as `densenet test` makes.

import { checkShape, type DecodedImage, decodeImage, decodeImageFile } from '../data/loading/decode.js'
import { DenseNetError, parameterError, usageError } from '../errors.js'
import type { Normalisation } from '../images/dataset.js'
import { emptyImage, type Image, withChannels } from '../images/image.js'
import { normaliseImage } from '../images/normalise.js'
import {
  type Preprocessing,
  preprocess,
  standardPreprocessing,
  VIEWS,
  type View,
} from '../images/transforms/preprocess.js'
import type { DenseNetConfig } from '../model/config.js'

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

/** What of a network decides how images get to it. */
export interface NetworkInput {
  readonly config: DenseNetConfig
  /** null: not known; then no image can be read. */
  readonly normalisation: Normalisation | null
  /** null: inputPreprocessing's choice. */
  readonly preprocessing: Preprocessing | null
}

/** Decodes an image: [3][height][width] (pixels in memory keep one channel), 0..255. Throws a DenseNetError that says
 * why it cannot be read, without naming it. */
export async function readImage(input: ImageInput): Promise<DecodedImage> {
  if (typeof input === 'string') return decodeImageFile(input)
  if (input instanceof URL) {
    if (input.protocol === 'file:') return decodeImageFile(input)
    throw usageError(`images are not fetched from ${input.protocol} addresses`, 'fetch it, and give its bytes')
  }
  if (input instanceof Uint8Array) return decodeImage(input)
  if (input instanceof ArrayBuffer) return decodeImage(new Uint8Array(input))
  if (input instanceof Blob) return decodeImage(new Uint8Array(await input.arrayBuffer()))
  if (isRaw(input)) return fromRaw(input)
  throw parameterError('image', 'a path, bytes, a Blob or { data, width, height }', input)
}

/** How images get to the network's size: as its weights say, unless they say it of another size; else as is usual. A
 * network of small images gets all of the shorter side; an ImageNet network the middle 7/8 of it. */
export function inputPreprocessing({ config, preprocessing }: Omit<NetworkInput, 'normalisation'>): Preprocessing {
  const { stem, height: size } = config
  if (preprocessing?.crop === size) return preprocessing
  return stem === 'imagenet' ? standardPreprocessing(size) : { resize: size, crop: size, interpolation: 'bicubic' }
}

/** Numbers of one image as the network reads it. */
export const inputSize = ({ inputChannels, height, width }: DenseNetConfig): number => inputChannels * height * width

/** Writes a decoded image, as the network reads it, to `output` from `offset` on: [channels][height][width], one after
 * the other for each of `views`. */
export function writeInput(
  image: Image,
  network: NetworkInput,
  output: Float32Array,
  offset = 0,
  views: readonly View[] = VIEWS.single,
): void {
  const { config } = network
  const { inputChannels, height, width } = config
  const normalisation = checkNormalisation(network)
  const coloured = withChannels(image, inputChannels)
  const shown =
    height === width ? preprocess(coloured, inputPreprocessing(network), views) : [ofSize(coloured, height, width)]
  shown.forEach((view, i) => {
    normaliseImage(view, normalisation, output, offset + i * inputSize(config))
  })
}

/** How its images are normalised; a usage error where that is not known. */
export function checkNormalisation({ config, normalisation }: NetworkInput): Normalisation {
  if (normalisation === null) {
    throw usageError(
      'these weights do not say how images are normalised',
      'give mean and deviation: --mean and --std, in the API normalisation',
    )
  }
  const { inputChannels } = config
  if (normalisation.mean.length !== inputChannels || normalisation.deviation.length !== inputChannels) {
    const expected = `${inputChannels} numbers each for mean and deviation`
    throw parameterError('normalisation', `${expected}, one for each channel`, normalisation)
  }
  return normalisation
}

function ofSize(image: Image, height: number, width: number): Image {
  if (image.height === height && image.width === width) return image
  throw new DenseNetError(
    `it is ${image.width} x ${image.height} pixels; the network, which is not square, reads ${width} x ${height} only`,
  )
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
