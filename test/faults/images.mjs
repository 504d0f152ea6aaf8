// A folder of small images to train on: the first ones of the synthetic data set, as files. (Making the whole of that anew
// in every process would take longer than the trainings.)
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { syntheticDataset } from '../../dist/images/synthetic.js'

const CLASSES = 4
const PIXELS = 32 * 32

/** train/<class>/N.png and val/<class>/N.png, so many of each split. */
export async function makeImages(folder, counts) {
  for (const [split, count] of Object.entries(counts)) {
    const { images, classes } = syntheticDataset(split === 'train' ? 'train' : 'test')
    for (let i = 0; i < count; i++) {
      const into = join(folder, split, classes[i % CLASSES])
      mkdirSync(into, { recursive: true })
      await writeImage(join(into, `${i}.png`), images.subarray(3 * PIXELS * i, 3 * PIXELS * (i + 1)))
    }
  }
}

/** `image`: [3][32][32] */
async function writeImage(file, image) {
  const pixels = Buffer.alloc(3 * PIXELS)
  for (let at = 0; at < PIXELS; at++) for (let c = 0; c < 3; c++) pixels[3 * at + c] = image[c * PIXELS + at]
  await sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toFile(file)
}
