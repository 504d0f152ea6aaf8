// DenseNet.classify: the probabilities of predict, names, several images at once, what cannot be read.
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { imageFiles } from '../../dist/data/sets/image-files.js'
import { DenseNet } from '../../dist/densenet.js'
import type { FileDataset } from '../../dist/images/dataset.js'
import { IMAGENET_CLASSES } from '../../dist/images/imagenet-classes.js'
import { classNames, topClasses } from '../../dist/inference/classify.js'
import { resolveConfig } from '../../dist/model/config.js'
import { put, putClasses } from '../data/pictures.js'
import { unpack } from '../interop/fixtures.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const on = { backend: 'reference', loaderThreads: 0 } as const
let photos: FileDataset

beforeAll(async () => {
  await putClasses(join(folder, 'train'), { a: 2, b: 2, c: 2 })
  await putClasses(join(folder, 'val'), { a: 7, b: 7, c: 7 })
  photos = (await imageFiles(folder, { size: 8 })).test
})

function network(): DenseNet {
  const made = DenseNet.create(TINY, { seed: 3 })
  made.classes = ['red', 'green', 'blue']
  made.normalisation = photos.normalisation
  made.preprocessing = photos.preprocessing
  return made
}

describe('classify', () => {
  test('has the probabilities of predict for files, in any number at once, likeliest first', async () => {
    using net = network()
    const { probabilities } = await net.predict(photos, on)
    const all = await net.classify(photos.files, on)
    expect(all).toHaveLength(21)
    for (const [i, predictions] of all.entries()) {
      expect(predictions).toHaveLength(3)
      for (const { index, label, probability } of predictions) {
        expect(label).toBe(net.classes[index])
        expect(probability).toBeCloseTo(probabilities[3 * i + index]!, 6)
      }
      const sorted = predictions.map(({ probability }) => probability).sort((a, b) => b - a)
      expect(predictions.map(({ probability }) => probability)).toEqual(sorted)
    }
    const one = await net.classify(photos.files[5]!, { ...on, top: 1 })
    expect(one).toEqual(all[5]!.slice(0, 1))
    expect(await net.classify([], on)).toEqual([])
  })

  test('has the probabilities of predict for images of a data set in memory', async () => {
    using net = network()
    const tiny = tinyDataset('test', 6)
    net.normalisation = tiny.normalisation
    const { probabilities } = await net.predict(tiny, on)
    net.preprocessing = null
    const pixels = Array.from({ length: 6 }, (_, i) => {
      const data = new Uint8Array(192)
      for (let j = 0; j < 192; j++) data[3 * (j % 64) + Math.floor(j / 64)] = tiny.images[i * 192 + j]!
      return { data, width: 8, height: 8 }
    })
    const all = await net.classify(pixels, on)
    all.forEach((predictions, i) => {
      for (const { index, probability } of predictions)
        expect(probability).toBeCloseTo(probabilities[3 * i + index]!, 6)
    })
  })

  test('answers with the weights of now, and again after dispose', async () => {
    using net = network()
    const tiny = tinyDataset('train', 12)
    const before = await net.classify(photos.files[0]!, on)
    await net.fit(tiny, { ...on, epochs: 1, batchSize: 4, augmentation: false })
    const after = await net.classify(photos.files[0]!, on)
    expect(after).not.toEqual(before)
    net.dispose()
    expect(await net.classify(photos.files[0]!, on)).toEqual(after)
  })

  test('says which image cannot be read, and why; what is asked for wrongly', async () => {
    using net = network()
    const bad = put(folder, 'bad.jpg', 'no image')
    const all = [photos.files[0]!, bad]
    await expect(net.classify(all, on)).rejects.toThrow(
      `image 2: ${bad} cannot be read: it is no image of a known format`,
    )
    await expect(net.classify(bad, on)).rejects.toThrow(`${bad} cannot be read: it is no image`)
    await expect(net.classify(bad, { ...on, top: 0 })).rejects.toThrow('expected a whole number of at least 1 for top')
    net.normalisation = null
    await expect(net.classify(all, on)).rejects.toThrow('these weights do not say how images are normalised')
    net.normalisation = { mean: [1], deviation: [2] }
    await expect(net.classify(all, on)).rejects.toThrow('expected 3 numbers each for mean and deviation')
  })

  test('stops on request', async () => {
    using net = network()
    const signal = AbortSignal.abort()
    await expect(net.classify(photos.files, { ...on, signal })).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('several labels of an image', () => {
  test('are remembered in a file', async () => {
    using net = network()
    net.multiLabel = true
    const path = join(folder, 'several.safetensors')
    await net.save(path)
    using again = await DenseNet.load(path)
    expect(again.multiLabel).toBe(true)
    const sum = (await again.classify(photos.files[0]!, on)).reduce((total, { probability }) => total + probability, 0)
    expect(sum).not.toBeCloseTo(1, 3)
    const exclusive = network()
    await exclusive.save(path)
    expect((await DenseNet.load(path)).multiLabel).toBe(false)
  })

  test('follow from the loss of the training', async () => {
    using net = network()
    await net.fit(tinyDataset('train', 8), { ...on, epochs: 1, batchSize: 4, loss: 'binary-cross-entropy' })
    expect(net.multiLabel).toBe(true)
  })

  test("are known of CheXNet's and TorchXRayVision's files", async () => {
    const load = async (name: string) => (await DenseNet.load(unpack(name, folder))).multiLabel
    expect(await load('chexnet.pth.tar')).toBe(true)
    expect(await load('torchxrayvision.pt')).toBe(true)
    expect(await load('published.pth')).toBe(false)
  })
})

test('one output is a sigmoid: its share of one would always be 1', () => {
  // torch.sigmoid of 0 and -1.25
  expect(topClasses([0])[0]!.probability).toBe(0.5)
  expect(topClasses([-1.25])[0]!.probability).toBeCloseTo(0.22270013882530884, 15)
})

describe('names of classes', () => {
  test("are ImageNet's where a thousand have none", () => {
    expect(IMAGENET_CLASSES).toHaveLength(1000)
    expect([0, 1, 281, 985, 999].map(i => IMAGENET_CLASSES[i])).toEqual([
      'tench',
      'goldfish',
      'tabby',
      'daisy',
      'toilet tissue',
    ])
    const imagenet = resolveConfig({ depth: 121, growthRate: 32, stem: 'imagenet' })
    expect(classNames([], imagenet)).toBe(IMAGENET_CLASSES)
    expect(classNames(['own'], imagenet)).toEqual(['own'])
    expect(classNames([], { ...imagenet, classes: 999 })).toEqual([])
    expect(classNames([], resolveConfig({ depth: 40, classes: 1000 }))).toEqual([])
  })
})
