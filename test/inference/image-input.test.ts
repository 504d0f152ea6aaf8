// Images from anywhere against the loader that `densenet test` uses, bit by bit; and what is no image.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { createLoader } from '../../dist/data/loading/loader.js'
import { imageFiles } from '../../dist/data/sets/image-files.js'
import { datasetInfo } from '../../dist/images/info.js'
import { inputPreprocessing, inputSize, writeInput } from '../../dist/images/network-input.js'
import type { ImageInput } from '../../dist/inference/image-input.js'
import { readImage } from '../../dist/inference/read-image.js'
import { resolveConfig } from '../../dist/model/config.js'
import { halves, put, putClasses } from '../data/pictures.js'
import { temporaryFolder } from '../training/fixtures.js'

const folder = temporaryFolder()
const small = resolveConfig({ depth: 7, height: 8, width: 8 })
const large = resolveConfig({ depth: 121, growthRate: 2, stem: 'imagenet', height: 64, width: 64 })
const { normalisation } = datasetInfo('cifar10')

async function input(image: ImageInput, config = small, preprocessing = null as never): Promise<number[]> {
  const output = new Float32Array(inputSize(config))
  writeInput(await readImage(image), { config, normalisation, preprocessing }, output)
  return [...output]
}

describe('an image', () => {
  test('becomes the same numbers as in `densenet test`', async () => {
    await putClasses(join(folder, 'photos', 'train'), { a: 2, b: 2 })
    await putClasses(join(folder, 'photos', 'val'), { a: 2, b: 2 })
    const { test: photos } = await imageFiles(join(folder, 'photos'), { size: 64, normalisation })
    const loader = createLoader(photos, { batchSize: 4, seed: 0, shuffle: false, workers: 0 })
    for await (const { images } of loader.epoch(1)) {
      const size = inputSize(large)
      for (const [i, file] of photos.files.entries()) {
        expect(await input(file, large)).toEqual([...images.subarray(i * size, (i + 1) * size)])
      }
    }
    await loader.dispose()
  })

  test('is the same from a path, a URL, bytes, a Blob and pixels', async () => {
    const picture = halves(21, 13)
    const bytes = await picture.clone().png().toBuffer()
    const path = put(folder, 'picture.png', bytes)
    const expected = await input(path)
    const pixels = await picture.clone().raw().toBuffer({ resolveWithObject: true })
    const { data, info } = await picture.clone().ensureAlpha().raw().toBuffer({ resolveWithObject: true })
    const { width, height } = info
    const same: ImageInput[] = [
      pathToFileURL(path),
      bytes,
      new Uint8Array(bytes),
      new Uint8Array(bytes).buffer,
      new Blob([new Uint8Array(bytes)]),
      { data: pixels.data, width, height, channels: 3 },
      { data: new Uint8ClampedArray(data), width, height },
    ]
    for (const image of same) expect(await input(image)).toEqual(expected)
  })

  test("of the network's size goes in as it is", async () => {
    const pixels = Uint8Array.from({ length: 192 }, (_, i) => (i * 37) % 256)
    const [mean, deviation] = [normalisation.mean, normalisation.deviation]
    const expected = [0, 1, 2].flatMap(channel =>
      Array.from({ length: 64 }, (_, i) =>
        Math.fround((pixels[3 * i + channel]! - mean[channel]!) / deviation[channel]!),
      ),
    )
    expect(await input({ data: pixels, width: 8, height: 8 })).toEqual(expected)
  })

  test('of one channel: grey for three, and colours for a network of one by ITU-R 601', async () => {
    const grey = resolveConfig({ depth: 7, height: 8, width: 8, inputChannels: 1 })
    const plain = { mean: [0], deviation: [1] }
    const output = new Float32Array(64)
    // Pillow: Image.new('RGB', (8, 8), colour).convert('L').getpixel((0, 0))
    for (const [colour, value] of [
      [[255, 0, 0], 76],
      [[0, 255, 0], 150],
      [[0, 0, 255], 29],
      [[200, 100, 50], 124],
    ] as const) {
      const image = await readImage(
        await halves(8, 8, [...colour], [...colour])
          .png()
          .toBuffer(),
      )
      writeInput(image, { config: grey, normalisation: plain, preprocessing: null }, output)
      expect([...new Set(output)]).toEqual([value])
    }
    const [bright] = await Promise.all([input({ data: new Uint8Array(64).fill(125), width: 8, height: 8 })])
    expect(bright).toEqual(await input({ data: new Uint8Array(192).fill(125), width: 8, height: 8 }))
  })

  test('is brought to the size as is usual for the network, or as its weights say', () => {
    expect(inputPreprocessing({ config: small, preprocessing: null })).toMatchObject({ resize: 8, crop: 8 })
    expect(inputPreprocessing({ config: large, preprocessing: null })).toMatchObject({ resize: 73, crop: 64 })
    const own = { resize: 9, crop: 8, interpolation: 'bilinear' } as const
    expect(inputPreprocessing({ config: small, preprocessing: own })).toBe(own)
    expect(inputPreprocessing({ config: large, preprocessing: own })).toMatchObject({ resize: 73, crop: 64 })
  })
})

describe('what is no image', () => {
  const failures: readonly [ImageInput, string][] = [
    ['nowhere.png', 'it does not exist'],
    ['.', 'it is no file'],
    [new Uint8Array(0), 'it is no image of a known format'],
    [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'it is a SVG image, which cannot be read here'],
    [Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'it cannot be decoded'],
    [new URL('https://example.org/a.png'), 'images are not fetched from https: addresses'],
    [null as never, 'expected a path, bytes, a Blob or { data, width, height } for image, got null'],
    [{ data: new Uint8Array(10), width: 2, height: 2 }, 'expected 2 x 2 pixels of 1, 2, 3 or 4 bytes for data'],
    [{ data: new Uint8Array(12), width: 0, height: 2 }, 'expected a whole number of at least 1 for width, got 0'],
    [{ data: new Uint8Array(300), width: 100, height: 1 }, 'one side is more than 50 times the other'],
  ]
  test.each(failures)('%s', async (image, message) => {
    await expect(readImage(image)).rejects.toThrow(message)
  })

  test('a truncated file', async () => {
    const bytes = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    const path = put(folder, 'half.png', bytes.subarray(0, bytes.length / 2))
    await expect(readImage(path)).rejects.toThrow('it cannot be decoded')
    await expect(readImage(readFileSync(path))).rejects.toThrow('it cannot be decoded')
  })

  test('weights that do not say how images are normalised', async () => {
    const image = await readImage({ data: new Uint8Array(192), width: 8, height: 8 })
    const network = { config: small, normalisation: null, preprocessing: null }
    expect(() => writeInput(image, network, new Float32Array(192))).toThrow('do not say how images are normalised')
  })

  test('another shape than a network reads that is not square', async () => {
    const config = resolveConfig({ depth: 7, height: 8, width: 12 })
    const network = { config, normalisation, preprocessing: null }
    const image = await readImage({ data: new Uint8Array(192), width: 8, height: 8 })
    expect(() => writeInput(image, network, new Float32Array(288))).toThrow('it is 8 x 8 pixels; the network')
  })
})
