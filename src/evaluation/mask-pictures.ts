// Images beside what their pixels are of, and what these were taken for, as pictures to stand in a page.
import type { Dataset } from '../images/dataset.js'
import { laidOver } from '../images/mask-colours.js'
import type { ShownImage } from './evaluate-pixels.js'
import { pagePictures } from './page-pictures.js'

/** Addresses with the pictures in them: the image as the network saw it, its classes, and the predicted ones laid over it. */
export interface MaskPictures {
  readonly image: string
  readonly truth: string
  readonly predicted: string
}

const WIDEST = 320

/** Of each image, by its number in the data set. */
export const maskPictures = (
  dataset: Dataset,
  shown: readonly ShownImage[],
): Promise<ReadonlyMap<number, MaskPictures>> =>
  pagePictures(
    dataset,
    shown,
    { width: WIDEST, withoutEnlargement: true },
    async ({ bytes, labels }, address, { predicted }) => {
      const [image, truth, guess] = await Promise.all(
        [bytes, laidOver(bytes, labels), laidOver(bytes, predicted)].map(address),
      )
      return { image: image!, truth: truth!, predicted: guess! }
    },
  )
