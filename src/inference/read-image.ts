// Images in Node: files and bytes, decoded by sharp.
import { availableParallelism } from 'node:os'
import { decodeImage, decodeImageFile } from '../data/loading/decode.js'
import type { DecodedImage } from '../images/image.js'
import { type Answer, answersOf, type Classifier, type ClassifyOptions } from './classifier.js'
import { type ImageInput, type Reading, readBy } from './image-input.js'

export const nodeReading: Reading = {
  file: decodeImageFile,
  bytes: decodeImage,
  together: Math.min(4, availableParallelism()),
}

/** Decodes an image: [3][height][width] (pixels in memory keep one channel), 0..255. Throws a DenseNetError that says
 * why it cannot be read, without naming it. */
export const readImage = (input: ImageInput): Promise<DecodedImage> => readBy(nodeReading, input)

/** Answers in the order of `images`. `times` sums up the seconds that reading and the network took: both at once, so they
 * may be more than the clock's. */
export const classifyImages = (
  images: readonly ImageInput[],
  classifier: Classifier,
  options: ClassifyOptions = {},
  times = { reading: 0, network: 0 },
): AsyncGenerator<Answer> => answersOf(images, classifier, nodeReading, options, times)
