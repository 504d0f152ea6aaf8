// An image as the network sees it: the numbers it reads, and the same as pixels to look at.
import { toBytes } from '../data/loading/sheet.js'
import { DenseNetError } from '../errors.js'
import { checkNormalisation, inputSize, writeInput } from '../images/network-input.js'
import { type ImageInput, imageName } from '../inference/image-input.js'
import { readImage } from '../inference/read-image.js'
import type { InspectedNetwork } from './network.js'

/** [height][width][3] bytes. */
export interface Pixels {
  readonly height: number
  readonly width: number
  readonly data: Uint8Array
}

export interface SeenImage {
  /** [channels][height][width], normalised. */
  readonly input: Float32Array
  readonly pixels: Pixels
}

/** Decodes an image, and brings it to the network's size and scale as its preprocessing says. */
export async function readSeen(network: InspectedNetwork, image: ImageInput): Promise<SeenImage> {
  const { inputChannels: channels, height, width } = network.config
  const normalisation = checkNormalisation(network)
  const input = new Float32Array(inputSize(network.config))
  try {
    const read = await readImage(image)
    writeInput(read, network, input)
    if (read.doubt !== undefined) process.emitWarning(`${imageName(image)}: ${read.doubt}`)
  } catch (error) {
    if (!(error instanceof DenseNetError) || error.code !== 'failed') throw error
    throw new DenseNetError(`${imageName(image)} cannot be looked at: ${error.message}`, { cause: error })
  }
  const data = toBytes(input, { channels, height, width, normalisation })
  return { input, pixels: { height, width, data } }
}
