// Makes fixtures/cifar10: one image of each class of CIFAR-10's test images, the first that the network in the package
// gets right and is sure of. After npm run build:ts: node test/networks/make_cifar.mjs
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { loadDataset } from '../../dist/entries/data.js'
import { takeImages } from '../../dist/entries/images.js'
import { DenseNet } from '../../dist/index.js'

const folder = fileURLToPath(new URL('./fixtures/cifar10/', import.meta.url))
mkdirSync(folder, { recursive: true })
const network = await DenseNet.load('cifar10')
const some = takeImages(
  await loadDataset('cifar10', { split: 'test' }),
  Array.from({ length: 200 }, (_, i) => i),
)
const { probabilities } = await network.predict(some)
for (const [label, name] of some.classes.entries()) {
  const i = some.labels.findIndex((own, i) => own === label && probabilities[10 * i + label] > 0.9)
  const planes = some.images.subarray(i * 3072, (i + 1) * 3072)
  const pixels = Buffer.from(Array.from({ length: 3072 }, (_, j) => planes[(j % 3) * 1024 + Math.floor(j / 3)]))
  const image = sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
  await image.png().toFile(`${folder}${name}.png`)
  console.log(`${name}: test image ${i}, ${probabilities[10 * i + label]}`)
}
network.dispose()
