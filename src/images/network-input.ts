// A decoded image to what a network reads: brought to its size as its preprocessing says, normalised. The same pixels as
// `densenet test` makes.
import { DenseNetError, parameterError, usageError } from '../errors.js'
import type { DenseNetConfig } from '../model/config.js'
import type { Normalisation } from './dataset.js'
import { type Image, withChannels } from './image.js'
import { normaliseImage } from './normalise.js'
import { type Preprocessing, preprocess, standardPreprocessing, VIEWS, type View } from './transforms/preprocess.js'

/** What of a network decides how images get to it. */
export interface NetworkInput {
  readonly config: DenseNetConfig
  /** null: not known; then no image can be read. */
  readonly normalisation: Normalisation | null
  /** null: inputPreprocessing's choice. */
  readonly preprocessing: Preprocessing | null
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
