// Images beside what their pixels are of, and what these were taken for, as pictures to stand in a page.
import { loadSharp } from '../data/loading/decode.js'
import { createLoader } from '../data/loading/loader.js'
import { toBytes } from '../data/loading/sheet.js'
import { type Dataset, takeImages } from '../images/dataset.js'
import { laidOver } from '../images/mask-colours.js'
import type { ShownImage } from './evaluate-pixels.js'

/** Addresses with the pictures in them: the image as the network saw it, its classes, and the predicted ones laid over it. */
export interface MaskPictures {
  readonly image: string
  readonly truth: string
  readonly predicted: string
}

const WIDEST = 320
/** So small pictures are PNGs: what is a pixel stays one. */
const SMALL = 64

/** Of each image, by its number in the data set. */
export async function maskPictures(
  dataset: Dataset,
  shown: readonly ShownImage[],
): Promise<ReadonlyMap<number, MaskPictures>> {
  const found = new Map<number, MaskPictures>()
  if (shown.length === 0) return found
  const taken = takeImages(
    dataset,
    shown.map(({ index }) => index),
  )
  const loader = createLoader(taken, { batchSize: 1, seed: 0, shuffle: false, workers: 0 })
  const sharp = await loadSharp()
  const { height, width } = dataset
  const address = async (data: Uint8Array): Promise<string> => {
    const picture = sharp(data, { raw: { width, height, channels: 3 } })
    const small = width <= SMALL
    const bytes = small
      ? await picture.png().toBuffer()
      : await picture.resize({ width: WIDEST, withoutEnlargement: true }).jpeg({ quality: 80 }).toBuffer()
    return `data:image/${small ? 'png' : 'jpeg'};base64,${bytes.toString('base64')}`
  }
  for await (const { images, labels, indices } of loader.epoch(1)) {
    const { index, predicted } = shown[indices[0]!]!
    const bytes = toBytes(images, dataset)
    const [image, truth, guess] = await Promise.all(
      [bytes, laidOver(bytes, labels), laidOver(bytes, predicted)].map(address),
    )
    found.set(index, { image: image!, truth: truth!, predicted: guess! })
  }
  return found
}
