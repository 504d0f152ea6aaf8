// Folders of pictures for networks of one channel, coloured, grey and of 16 bits.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { createLoader } from '../../dist/data/loading/loader.js'
import { imageFiles } from '../../dist/data/sets/image-files.js'
import type { FileDataset, Normalisation } from '../../dist/images/dataset.js'
import { standardAugmentation } from '../../dist/images/named-augmentation.js'
import { temporaryFolder } from '../training/fixtures.js'
import { put } from './pictures.js'

const stored = readFileSync(new URL('../golden/decoding/pictures.json.gz', import.meta.url))
const golden: Record<string, { file: string; grey: string }> = JSON.parse(gunzipSync(stored).toString())
const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64')

/** Square pictures of 16 pixels, which are read as they are. */
const NAMES = ['16-bit.png', 'cmyk.tif', 'palette.png', 'rgba.png', 'white-zero.tif']
/** What TorchXRayVision makes of pixels (datasets/utils.py, normalize). */
const xray = (pixel: number): number => ((2 * pixel) / 255 - 1) * 1024
const XRAY: Normalisation = { mean: [127.5], deviation: [127.5 / 1024] }
const preprocessing = { resize: 16, crop: 16, interpolation: 'bicubic' } as const

const folder = temporaryFolder()
let train: FileDataset

beforeAll(async () => {
  for (const name of NAMES)
    for (const split of ['train', 'val']) put(folder, `${split}/${name[0]}/${name}`, bytes(golden[name]!.file))
  ;({ train } = await imageFiles(folder, { size: 16, channels: 1, normalisation: XRAY, preprocessing }))
})

test.each([0, 1])('what the network reads: Pillow’s L in the range of its weights (%i threads)', async workers => {
  expect(train).toMatchObject({ channels: 1, length: NAMES.length })
  const loader = createLoader(train, { batchSize: 8, seed: 0, shuffle: false, workers })
  try {
    for await (const { images, size } of loader.epoch(1)) {
      expect(size).toBe(NAMES.length)
      NAMES.forEach((name, i) => {
        const found = images.subarray(256 * i, 256 * (i + 1))
        const expected = [...bytes(golden[name]!.grey)].map(xray)
        expect(Math.max(...expected.map((value, at) => Math.abs(value - found[at]!)))).toBeLessThan(1e-3)
      })
    }
  } finally {
    await loader.dispose()
  }
})

test('a network of another number of channels has no files', async () => {
  await expect(imageFiles(folder, { channels: 2 })).rejects.toThrow('expected 1 or 3 for channels, got 2')
})

describe('augmentation', () => {
  test('what only colours have is left out, and refused in a list of transforms', () => {
    const kinds = (channels: number) =>
      (standardAugmentation({ ...train, channels }) as { kind: string }[]).map(({ kind }) => kind)
    expect(kinds(3)).toContain('lighting')
    expect(kinds(1)).toEqual(['randomSizedCrop', 'colorJitter', 'horizontalFlip'])
    const augmentation = [{ kind: 'lighting', deviation: 0.1 }] as const
    expect(() => createLoader(train, { batchSize: 1, seed: 0, shuffle: false, augmentation })).toThrow(
      `the transform lighting is for images of three channels, those of ${folder} have 1 channel`,
    )
  })

  test.each(['standard', 'randAugment', 'trivialAugment', 'randomErasing', 'cutout'])(
    '%s makes one finite channel',
    async kind => {
      const list: Record<string, object> = {
        randAugment: { kind, operations: 4, magnitude: 20 },
        trivialAugment: { kind },
        randomErasing: { kind, probability: 1, area: [0.1, 0.3], ratio: [0.5, 2] },
        cutout: { kind, size: 8 },
      }
      const augmentation = kind === 'standard' ? standardAugmentation(train) : ([list[kind]] as never)
      const loader = createLoader(train, { batchSize: 8, seed: 1, shuffle: false, augmentation, workers: 0 })
      for (const epoch of [1, 2, 3, 4]) {
        for await (const { images, size } of loader.epoch(epoch)) {
          expect(images.length).toBe(256 * size)
          expect(images.every(value => Math.abs(value) < 2000)).toBe(true)
        }
      }
    },
  )
})

test('files of 12 bits in 16 are named, the first five', async () => {
  const dark = temporaryFolder()
  for (let i = 0; i < 9; i++) {
    for (const split of ['train/a', 'train/b', 'val/a'])
      put(dark, `${split}/${i}.png`, bytes(golden['12-of-16-bit.png']!.file))
  }
  const { train } = await imageFiles(dark, { size: 16, channels: 1, preprocessing })
  const warnings: string[] = []
  const onWarning = (text: string): unknown => warnings.push(text)
  const loader = createLoader(train, { batchSize: 4, seed: 0, shuffle: false, workers: 0, onWarning })
  for (const epoch of [1, 2]) for await (const { size } of loader.epoch(epoch)) expect(size).toBeGreaterThan(0)
  expect(warnings).toHaveLength(6)
  expect(warnings[0]).toMatch(/0\.png: its 16-bit pixels reach 4080 of 65535, so it is almost black; if they are of/)
  expect(warnings[5]).toBe('more files like these are not named')
})
