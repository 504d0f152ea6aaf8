// Whether a network and a data set suit each other.
import { usageError } from '../errors.js'
import type { DenseNetConfig } from '../model/config.js'
import type { Dataset } from './dataset.js'

/** What of a data set a network must suit. */
export interface ImageFacts {
  readonly name: string
  readonly channels: number
  readonly height: number
  readonly width: number
  /** How many. */
  readonly classes: number
  /** Whether every pixel has a class. */
  readonly pixels?: boolean
}

/** A network reads images of one shape and knows a number of classes. */
export function checkFits(config: DenseNetConfig, images: ImageFacts, network = 'the network', hint?: string): void {
  const { inputChannels, height, width, classes } = config
  const ofPixels = config.family === 'fc-densenet'
  if (ofPixels !== (images.pixels === true)) {
    throw usageError(
      ofPixels
        ? `${network} says the class of each pixel, and ${images.name} has no masks`
        : `${network} says the class of an image, and ${images.name} has masks, which say those of its pixels`,
      ofPixels
        ? 'a folder with masks has images and masks, or train and trainannot, in it'
        : 'networks for pixels are fc-densenet-56, -67 and -103',
    )
  }
  if (classes === 1 && images.classes === 2) {
    throw usageError(
      `${network} has one output, a yes or no, and ${images.name} has 2 classes: it is for one class that images are of or not`,
      hint ??
        'name that class alone in a list of images with several labels or none (a CSV file with a column "labels")',
    )
  }
  if (classes !== images.classes) {
    throw usageError(
      `${network} classifies ${classes} class${classes === 1 ? '' : 'es'}, ${images.name} has ${images.classes}`,
      hint,
    )
  }
  if (inputChannels !== images.channels || height !== images.height || width !== images.width) {
    const theirs = `${images.channels} x ${images.height} x ${images.width}`
    throw usageError(
      `${network} reads images of ${inputChannels} x ${height} x ${width}, those of ${images.name} are ${theirs}`,
      inputChannels === images.channels && isPath(images.name)
        ? `to bring the images of a folder or list to its size: --image-size ${height}`
        : undefined,
    )
  }
}

export function checkDataset(config: DenseNetConfig, dataset: Dataset): void {
  const pixels = 'files' in dataset && dataset.masks !== undefined
  // Whole images are evaluated, of whatever size.
  const { height, width } = pixels && dataset.split !== 'train' ? config : dataset
  checkFits(config, { ...dataset, height, width, classes: dataset.classes.length, pixels })
  if (config.classes === 1 && !dataset.targets) {
    throw usageError(
      `all images of ${dataset.name} are of its one class: there is nothing to tell apart`,
      'one class is for images that are of it or not: labels of which an image may have none (in the API targets)',
    )
  }
  if (dataset.length === 0) throw usageError(`the ${dataset.split} images of ${dataset.name} are none`)
}

/** A person's own images go by their absolute path. */
const isPath = (name: string): boolean => /^([a-z]:)?[\\/]/i.test(name)
