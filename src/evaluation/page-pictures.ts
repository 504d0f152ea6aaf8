// Images of a data set as pictures that stand in a page.
import { loadSharp } from '../data/loading/decode.js'
import { createLoader } from '../data/loading/loader.js'
import { toBytes } from '../data/loading/sheet.js'
import { type Dataset, takeImages } from '../images/dataset.js'

/** So small pictures are PNGs: what is a pixel stays one. */
const SMALL = 64

/** An image as the network saw it. */
export interface SeenImage {
  /** Red, green and blue of each pixel. */
  readonly bytes: Uint8Array
  /** Of the image, or of each of its pixels. */
  readonly labels: ArrayLike<number>
}

/** The address of a picture, which is in the address itself. */
export type Address = (bytes: Uint8Array) => Promise<string>

/** What `draw` makes of each of some images, by its number in the data set; pictures that are not small are resized. */
export async function pagePictures<Shown extends { readonly index: number }, Drawn>(
  dataset: Dataset,
  shown: readonly Shown[],
  resized: { readonly width: number; readonly withoutEnlargement?: boolean },
  draw: (image: SeenImage, address: Address, shown: Shown) => Promise<Drawn>,
): Promise<ReadonlyMap<number, Drawn>> {
  const found = new Map<number, Drawn>()
  if (shown.length === 0) return found
  const taken = takeImages(
    dataset,
    shown.map(({ index }) => index),
  )
  const loader = createLoader(taken, { batchSize: 1, seed: 0, shuffle: false, workers: 0 })
  const sharp = await loadSharp()
  const { height, width } = dataset
  const small = width <= SMALL
  const address: Address = async data => {
    const picture = sharp(data, { raw: { width, height, channels: 3 } })
    const bytes = small
      ? await picture.png().toBuffer()
      : await picture.resize(resized).jpeg({ quality: 80 }).toBuffer()
    return `data:image/${small ? 'png' : 'jpeg'};base64,${bytes.toString('base64')}`
  }
  for await (const { images, labels, indices } of loader.epoch(1)) {
    const one = shown[indices[0]!]!
    found.set(one.index, await draw({ bytes: toBytes(images, dataset), labels }, address, one))
  }
  return found
}
