// Images with masks on their way to the network: numbers as they are in the files, and every pixel with its own label.
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { createLoader } from '../../../dist/data/loading/loader.js'
import { decodeMask, encodeMask } from '../../../dist/data/loading/png-mask.js'
import { maskFolder } from '../../../dist/data/sets/mask-folder.js'
import type { Batch, FileDataset } from '../../../dist/images/dataset.js'
import { standardAugmentation } from '../../../dist/images/named-augmentation.js'
import { temporaryFolder } from '../../training/fixtures.js'
import { COLOURS, classesOf, maskOf, pictureOf, putMasks } from '../masks.js'
import { put } from '../pictures.js'

const folder = temporaryFolder()

describe('PNG files of masks', () => {
  test('palettes are not resolved', () => {
    const values = classesOf(5, 7)
    expect(decodeMask(maskOf(values, 5, 7))).toEqual({ height: 5, width: 7, values })
  })

  test('grey values and colours, by whatever filter their rows are told', async () => {
    const [height, width] = [33, 41]
    const grey = Uint8Array.from({ length: height * width }, (_, i) => (i * i) % 251)
    const raw = (data: Uint8Array, channels: 1 | 3) => sharp(data, { raw: { width, height, channels } })
    const options = { adaptiveFiltering: true, palette: false }
    const file = await raw(grey, 1).toColourspace('b-w').png(options).toBuffer()
    expect(decodeMask(file).values).toEqual(Uint32Array.from(grey))
    const colours = Uint8Array.from({ length: 3 * height * width }, (_, i) => (i * 7919) % 256)
    const packed = Uint32Array.from(
      grey,
      (_, i) => (colours[3 * i]! << 16) | (colours[3 * i + 1]! << 8) | colours[3 * i + 2]!,
    )
    expect(decodeMask(await raw(colours, 3).png(options).toBuffer()).values).toEqual(packed)
  })

  test.each([1, 2, 4])('palettes of %i bits', async bits => {
    const colours = 2 ** bits
    const values = Uint8Array.from({ length: 6 * 9 }, (_, i) => (i * 5) % colours)
    const raw = { width: 9, height: 6, channels: 1 } as const
    const grey = sharp(
      values.map(value => Math.round((255 * value) / (colours - 1))),
      { raw },
    )
    const file = await grey.toColourspace('b-w').png({ palette: true, colours, dither: 0 }).toBuffer()
    expect([file[24], file[25]]).toEqual([bits, 3])
    // Which colour comes where in the palette is the encoder's choice.
    const pairs = new Set([...decodeMask(file).values].map((number, i) => `${values[i]} ${number}`))
    expect(pairs.size).toBe(colours)
  })

  const whole = maskOf(classesOf(9, 9), 9, 9)
  const changed = (at: number, value: number): Uint8Array =>
    Uint8Array.from(whole, (byte, i) => (i === at ? value : byte))
  test.each([
    ['another format', Uint8Array.from([0xff, 0xd8, 0xff, 0]), 'it is no PNG file'],
    ['a file that ends early', whole.subarray(0, 60), 'it is damaged'],
    ['more pixels than there are', changed(23, 200), 'it is damaged'],
    ['pixels beyond all measure', changed(16, 127), 'more than 100000000'],
    ['a colour type that there is none of', changed(25, 5), 'colour type 5 of 8 bits'],
    ['an interlaced file', changed(28, 1), 'interlaced'],
  ])('%s', (_, bytes, sentence) => {
    expect(() => decodeMask(bytes)).toThrow(sentence)
  })
})

/** What a pixel of a batch shows, by its colour. */
function shown({ images }: Batch, { normalisation, height, width }: FileDataset, image: number, pixel: number): number {
  const pixels = height * width
  const value = (c: number): number =>
    Math.round(images[(image * 3 + c) * pixels + pixel]! * normalisation.deviation[c]! + normalisation.mean[c]!)
  return COLOURS.findIndex(colour => colour.every((own, c) => own === value(c)))
}

async function batches(dataset: FileDataset, workers: number, epoch = 1): Promise<Batch[]> {
  const loader = createLoader(dataset, {
    batchSize: 2,
    seed: 3,
    shuffle: true,
    augmentation: standardAugmentation(dataset),
    workers,
  })
  const all: Batch[] = []
  for await (const batch of loader.epoch(epoch)) {
    all.push({ ...batch, images: batch.images.slice(), labels: batch.labels.slice(), indices: batch.indices.slice() })
  }
  await loader.dispose()
  return all
}

describe('batches', () => {
  const place = join(folder, 'batches')

  test('a pixel has the label of what it shows, wherever it is moved to; what lies beside an image has none', async () => {
    await putMasks(join(place, 'train'), 5, 12, 14)
    await putMasks(join(place, 'val'), 1, 12, 14)
    for (const size of [8, 13]) {
      const { train } = (await maskFolder(place, { size }))!
      const pixels = size * size
      let labelled = 0
      for (const epoch of [1, 2]) {
        for (const batch of await batches(train, 0, epoch)) {
          expect(batch.labels.length).toBe(batch.size * pixels)
          for (let i = 0; i < batch.labels.length; i++) {
            expect(batch.labels[i]).toBe(shown(batch, train, Math.floor(i / pixels), i % pixels))
            if (batch.labels[i]! >= 0) labelled++
          }
        }
      }
      expect(labelled).toBeGreaterThan(5 * pixels)
    }
  })

  test('are the same on threads, and other crops in another epoch', async () => {
    const { train } = (await maskFolder(place, { size: 8 }))!
    const here = await batches(train, 0)
    expect(await batches(train, 2)).toEqual(here)
    const moved = (await batches(train, 0, 2)).find(({ indices }) => indices.includes(0))
    expect(moved).toBeDefined()
    expect(moved).not.toEqual(here.find(({ indices }) => indices.includes(0)))
  })

  test('whole images of different sizes lie in a frame', async () => {
    const mixed = join(folder, 'mixed')
    await putMasks(join(mixed, 'train'), 1, 6, 11)
    await putMasks(join(mixed, 'val'), 1, 9, 8)
    const values = classesOf(10, 4)
    put(mixed, 'val/masks/more.png', maskOf(values, 10, 4))
    put(mixed, 'val/images/more.png', await pictureOf(values, 10, 4))
    const { validation } = (await maskFolder(mixed))!
    expect(validation).toMatchObject({ height: 10, width: 8, length: 2 })
    const loader = createLoader(validation, { batchSize: 2, seed: 0, shuffle: false, workers: 0 })
    for await (const batch of loader.epoch(1)) {
      for (let i = 0; i < batch.labels.length; i++) {
        expect(batch.labels[i]).toBe(shown(batch, validation, Math.floor(i / 80), i % 80))
      }
      expect(batch.labels.filter(label => label < 0).length).toBe(6 + 6 + 8 + 40)
    }
  })

  test('an image whose mask does not fit it, or has a value that is no class, is left out and named', async () => {
    const odd = join(folder, 'odd')
    await putMasks(join(odd, 'train'), 3, 10, 10)
    await putMasks(join(odd, 'val'), 1, 10, 10)
    put(odd, 'classes.txt', 'red\ngreen\nblue\n')
    put(odd, 'train/masks/1.png', maskOf(classesOf(9, 10), 9, 10))
    put(
      odd,
      'train/masks/2.png',
      encodeMask({ height: 10, width: 10, values: new Uint32Array(100).fill(7) }, [[1, 2, 3]]),
    )
    const { train } = (await maskFolder(odd, { size: 8 }))!
    const told: string[] = []
    const loader = createLoader(train, {
      batchSize: 3,
      seed: 0,
      shuffle: false,
      workers: 0,
      onWarning: text => told.push(text),
    })
    for await (const batch of loader.epoch(1)) expect([...batch.indices]).toEqual([0])
    expect(told.join('\n')).toContain('it is 10 x 10 pixels, its mask 10 x 9')
    expect(told.join('\n')).toContain('its mask has the value 7 at column 0, row 0, which is none of the classes')
  })

  test('augmentations that would make labels up are refused', async () => {
    const { train } = (await maskFolder(place, { size: 8 }))!
    const loaderOf = (augmentation: Parameters<typeof createLoader>[1]['augmentation']) =>
      createLoader(train, { batchSize: 2, seed: 0, shuffle: false, augmentation: augmentation! })
    expect(() => loaderOf([{ kind: 'rotation', degrees: 10 }])).toThrow('the transform rotation would make labels up')
    expect(() => loaderOf({ flip: true, pad: 4 })).toThrow('augmented by a list of transforms')
    const mixing = { mixup: 1, cutmix: null, switchProbability: 0.5 }
    expect(() => createLoader(train, { batchSize: 2, seed: 0, shuffle: false, mixing })).toThrow('are not mixed')
  })
})
