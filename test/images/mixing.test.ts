import { afterEach, describe, expect, test } from 'vitest'
import type { Loader, LoaderOptions } from '../../dist/batches/loader.js'
import { createLoader } from '../../dist/data/loading/loader.js'
import type { ArrayDataset } from '../../dist/images/dataset.js'
import type { Mixing } from '../../dist/images/mixing.js'

/** Image i is all i; its label, too. */
const length = 40
const dataset: ArrayDataset = {
  name: 'levels',
  split: 'train',
  classes: [],
  channels: 2,
  height: 8,
  width: 10,
  length,
  images: Uint8Array.from({ length: length * 160 }, (_, i) => Math.floor(i / 160)),
  labels: Uint16Array.from({ length }, (_, i) => i),
  normalisation: { mean: [0, 0], deviation: [1, 1] },
}

const open: Loader[] = []
afterEach(async () => {
  for (const loader of open.splice(0)) await loader.dispose()
})

async function batches(mixing: Mixing, options: Partial<LoaderOptions> = {}, epoch = 0) {
  const loader = createLoader(dataset, { batchSize: 9, seed: 2, shuffle: true, workers: 0, mixing, ...options })
  open.push(loader)
  const all = []
  for await (const { size, images, labels, otherLabels, share } of loader.epoch(epoch)) {
    all.push({ size, images: [...images], labels: [...labels], other: [...otherLabels!], share: [...share!] })
  }
  return all
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

test.each(['mixup', 'cutmix'] as const)('%s: labels and shares say what is in an image', async kind => {
  let mixed = 0
  for (const { size, images, labels, other, share } of await batches({ [kind]: 1 })) {
    for (let i = 0; i < size; i++) {
      const pixels = images.slice(160 * i, 160 * (i + 1))
      expect(share[i]).toBeGreaterThanOrEqual(0)
      expect(share[i]).toBeLessThanOrEqual(1)
      expect(mean(pixels)).toBeCloseTo(share[i]! * labels[i]! + (1 - share[i]!) * other[i]!, 3)
      expect(other[i]).toBe(labels[size - 1 - i])
      const allowed = kind === 'cutmix' ? [labels[i]!, other[i]!] : [pixels[0]!]
      expect(pixels.every(value => allowed.includes(value))).toBe(true)
      if (new Set(pixels).size > 1 || !labels.includes(pixels[0]!)) mixed++
    }
  }
  expect(mixed).toBeGreaterThan(10)
})

test('are the same for any number of workers, and others in another epoch', async () => {
  const mixing: Mixing = { cutmix: 0.5 }
  const expected = await batches(mixing)
  for (const workers of [1, 3]) expect(await batches(mixing, { workers })).toEqual(expected)
  const shares = (all: typeof expected): number[] => all.flatMap(({ share }) => share)
  expect(shares(await batches(mixing, {}, 1))).not.toEqual(shares(expected))
})

test('images of several labels: their targets are mixed as they are', async () => {
  // Image i has the bits of i.
  const targets = Uint8Array.from({ length: length * 6 }, (_, i) => (Math.floor(i / 6) >> (i % 6)) & 1)
  const marked = { ...dataset, classes: [...'abcdef'], targets }
  for (const mixing of [{ mixup: 1 }, { cutmix: 1 }] as Mixing[]) {
    for (const workers of [0, 1]) {
      const loader = createLoader(marked, { batchSize: 9, seed: 2, shuffle: true, workers, mixing })
      open.push(loader)
      for await (const batch of loader.epoch(0)) {
        const { size, indices, share } = batch
        expect(batch.targets).toHaveLength(6 * size)
        for (let i = 0; i < size; i++) {
          const [own, other] = [indices[i]!, indices[size - 1 - i]!]
          for (let c = 0; c < 6; c++) {
            const expected = share![i]! * ((own >> c) & 1) + (1 - share![i]!) * ((other >> c) & 1)
            expect(batch.targets![6 * i + c]).toBeCloseTo(expected, 6)
          }
        }
      }
    }
  }
})

describe('shares', () => {
  test.each([0.2, 1, 8])('are from Beta(%d, %d)', async alpha => {
    const shares: number[] = []
    const loader = createLoader(dataset, {
      batchSize: 1,
      seed: 1,
      shuffle: false,
      workers: 0,
      mixing: { mixup: alpha },
    })
    for (let epoch = 0; epoch < 50; epoch++) for await (const { share } of loader.epoch(epoch)) shares.push(share![0]!)
    const variance = mean(shares.map(share => (share - 0.5) ** 2))
    expect(Math.abs(mean(shares) - 0.5)).toBeLessThan(0.03)
    expect(Math.abs(variance / (0.25 / (2 * alpha + 1)) - 1)).toBeLessThan(0.12)
  })
})

describe('both of them', () => {
  /** Whether every pixel of a batch is one of the two images', and every batch's share is one that a box can have. */
  const cuts = (all: Awaited<ReturnType<typeof batches>>): boolean[] =>
    all.map(({ size, images, labels, other }) =>
      Array.from({ length: size }, (_, i) =>
        images.slice(160 * i, 160 * (i + 1)).every(value => value === labels[i] || value === other[i]),
      ).every(Boolean),
    )
  const many = async (switchProbability?: number): Promise<number> => {
    let cut = 0
    for (let epoch = 0; epoch < 40; epoch++) {
      const mixing: Mixing = { mixup: 8, cutmix: 1, ...(switchProbability === undefined ? {} : { switchProbability }) }
      cut += cuts(await batches(mixing, { batchSize: 8 }, epoch)).filter(Boolean).length
    }
    return cut / 200
  }

  test('a batch gets one, CutMix as often as is asked for', async () => {
    expect(await many(0)).toBe(0)
    expect(await many(1)).toBe(1)
    expect(Math.abs((await many()) - 0.5)).toBeLessThan(0.12)
    expect(Math.abs((await many(0.2)) - 0.2)).toBeLessThan(0.1)
  })

  test('one alone is what it is without the other', async () => {
    expect(await batches({ mixup: 1, cutmix: null })).toEqual(await batches({ mixup: 1 }))
    expect(await batches({ mixup: 1, switchProbability: 1 })).toEqual(await batches({ mixup: 1 }))
  })
})

test('senseless ones are refused', async () => {
  await expect(batches({ mixup: 0 })).rejects.toThrow('above 0 and up to 1000 for mixing.mixup, got 0')
  await expect(batches({ cutmix: Number.NaN })).rejects.toThrow('above 0 and up to 1000 for mixing.cutmix, got NaN')
  await expect(batches({})).rejects.toThrow('expected mixup, cutmix or both for mixing, got {}')
  await expect(batches({ mixup: 1, cutmix: 1, switchProbability: 2 })).rejects.toThrow(
    'expected a number from 0 to 1 for mixing.switchProbability, got 2',
  )
})
