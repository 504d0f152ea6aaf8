// A data set of a page's own image files.
import { usageError } from '../errors.js'
import type { FileDataset, Normalisation } from '../images/dataset.js'
import { GREY_NORMALISATION, IMAGENET_NORMALISATION } from '../images/standard-normalisation.js'
import { type Preprocessing, standardPreprocessing } from '../images/transforms/preprocess.js'

/** A file of an image, and its class. */
export interface LabelledImage {
  readonly image: Blob
  readonly label: string
  /** What it is called within the data set, such as `train/cats/1.jpg`; default: a number and the file's own name. */
  readonly file?: string
}

/** How they get to a network's input. */
export interface ImageBlobsOptions {
  /** Default: their labels, sorted. */
  readonly classes?: readonly string[]
  readonly name?: string
  readonly split?: FileDataset['split']
  /** Pixels on each side of the square that the network reads; default 224. */
  readonly size?: number
  /** 3, or 1 for a network of grey images; default 3. */
  readonly channels?: number
  /** How images get there when they are evaluated; default: in proportion to 256 -> 224, bicubic. */
  readonly preprocessing?: Preprocessing
  /** Default: ImageNet's; of one channel the mean of its three. */
  readonly normalisation?: Normalisation
}

/** Image files with labels. They are decoded when they are wanted, by the browser, in the worker of the network. */
export function imageBlobs(images: readonly LabelledImage[], options: ImageBlobsOptions = {}): FileDataset {
  const { name = 'images', split = 'train', size = 224, channels = 3 } = options
  const classes = options.classes ?? [...new Set(images.map(({ label }) => label))].sort()
  const numbers = new Map(classes.map((label, number) => [label, number]))
  const labels = Uint16Array.from(images, ({ label }) => {
    const number = numbers.get(label)
    if (number !== undefined) return number
    throw usageError(`there is no class ${JSON.stringify(label)} among ${classes.join(', ')}`)
  })
  const files = images.map(({ image, file }, i) => file ?? `${i}/${'name' in image ? image.name : 'image'}`)
  return {
    name,
    split,
    classes,
    channels,
    height: size,
    width: size,
    length: images.length,
    labels,
    files,
    contents: new Map(images.map(({ image }, i) => [files[i]!, image])),
    preprocessing: options.preprocessing ?? standardPreprocessing(size),
    normalisation: options.normalisation ?? (channels === 1 ? GREY_NORMALISATION : IMAGENET_NORMALISATION),
  }
}
