// Small pictures of images that were mistaken.
import type { Dataset } from '../images/dataset.js'
import { pagePictures } from './page-pictures.js'

const WIDTH = 144

/** Each as the network saw it, as the address of a PNG or JPEG image in the page itself. */
export const thumbnails = (
  dataset: Dataset,
  worst: readonly { readonly index: number }[],
): Promise<ReadonlyMap<number, string>> =>
  pagePictures(dataset, worst, { width: WIDTH }, ({ bytes }, address) => address(bytes))
