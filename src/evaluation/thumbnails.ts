// Small pictures of images that were mistaken.

import { loadSharp } from '../data/loading/decode.js'
import { createLoader } from '../data/loading/loader.js'
import { toBytes } from '../data/loading/sheet.js'
import { type Dataset, takeImages } from '../images/dataset.js'

/** Each as the network saw it, as the address of a PNG or JPEG image in the page itself. */
export async function thumbnails(
  dataset: Dataset,
  worst: readonly { readonly index: number }[],
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>()
  if (worst.length === 0) return found
  const shown = takeImages(
    dataset,
    worst.map(({ index }) => index),
  )
  const loader = createLoader(shown, { batchSize: 1, seed: 0, shuffle: false, workers: 0 })
  const sharp = await loadSharp()
  const { height, width } = dataset
  for await (const { images, indices } of loader.epoch(1)) {
    const image = sharp(toBytes(images, dataset), { raw: { width, height, channels: 3 } })
    const small = width <= 64
    const bytes = small ? await image.png().toBuffer() : await image.resize(144).jpeg({ quality: 80 }).toBuffer()
    const index = worst[indices[0]!]!.index
    found.set(index, `data:image/${small ? 'png' : 'jpeg'};base64,${bytes.toString('base64')}`)
  }
  return found
}
