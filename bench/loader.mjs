// How many images a second the loader's threads decode and augment:
//   node bench/loader.mjs FOLDER [threads] [images]
// FOLDER as for `densenet train --dataset`. Prints one line for training's transforms and one for evaluation's.

import { createLoader } from '../dist/data/loading/loader.js'
import { imageFiles } from '../dist/data/sets/image-files.js'
import { takeImages } from '../dist/images/dataset.js'
import { imagenetTransforms } from '../dist/images/transforms/transform.js'

const [folder, threads = '2', images = '1000'] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: node bench/loader.mjs FOLDER [threads] [images]')
  process.exit(2)
}
const { train } = await imageFiles(folder, { size: 224 })
const dataset = takeImages(
  train,
  Uint32Array.from({ length: Number(images) }, (_, i) => (i * 7) % train.length),
)
for (const [name, augmentation] of [
  ['training', imagenetTransforms(224)],
  ['evaluation', undefined],
]) {
  const loader = createLoader(dataset, {
    batchSize: 32,
    seed: 1,
    shuffle: true,
    augmentation,
    workers: Number(threads),
  })
  for await (const batch of loader.epoch(0)) if (batch.index > 0) break
  const start = performance.now()
  let count = 0
  for await (const { size } of loader.epoch(1)) count += size
  const seconds = (performance.now() - start) / 1000
  console.log(`${name.padEnd(10)}  ${(count / seconds).toFixed(0)} images/s with ${threads} threads`)
  await loader.dispose()
}
