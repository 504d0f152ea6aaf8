import { spawn } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import type { Loader, LoaderOptions } from '../../../dist/batches/loader.js'
import { createLoader } from '../../../dist/data/loading/loader.js'
import { WorkerPool } from '../../../dist/data/loading/loader-pool.js'
import type { Dataset } from '../../../dist/images/dataset.js'
import { noise } from '../tiny.js'

const length = 23
const dataset: Dataset = {
  name: 'tiny',
  split: 'train',
  classes: ['a', 'b', 'c'],
  channels: 2,
  height: 6,
  width: 5,
  length,
  images: noise(length * 60, 11),
  labels: Uint16Array.from({ length }, (_, i) => i % 3),
  normalisation: { mean: [120, 130], deviation: [60, 50] },
}
const standard: LoaderOptions = { batchSize: 4, seed: 5, shuffle: true, augmentation: { flip: true, pad: 2 } }

const open: Loader[] = []
function loaderWith(options: Partial<LoaderOptions> = {}, data = dataset): Loader {
  const loader = createLoader(data, { ...standard, ...options })
  open.push(loader)
  return loader
}
afterEach(async () => {
  for (const loader of open.splice(0)) await loader.dispose()
})

interface Copy {
  index: number
  size: number
  images: number[]
  labels: number[]
}
async function collect(loader: Loader, epoch: number, firstBatch = 0): Promise<Copy[]> {
  const batches: Copy[] = []
  for await (const { index, size, images, labels } of loader.epoch(epoch, { firstBatch })) {
    batches.push({ index, size, images: [...images], labels: [...labels] })
  }
  return batches
}

describe('batches', () => {
  test('are the same for any number of workers and any prefetch', async () => {
    const inline = loaderWith({ workers: 0 })
    const expected = [await collect(inline, 0), await collect(inline, 1)]
    expect(expected[0]).not.toEqual(expected[1])
    for (const options of [
      { workers: 1 },
      { workers: 3 },
      { workers: 3, prefetch: 1 },
      { workers: 1, prefetch: 100 },
    ]) {
      const loader = loaderWith(options)
      expect([await collect(loader, 0), await collect(loader, 1)]).toEqual(expected)
      expect(await collect(loader, 0)).toEqual(expected[0])
    }
  })

  test('begin in the middle of an epoch exactly as in an unbroken run', async () => {
    const whole = await collect(loaderWith({ workers: 0 }), 3)
    for (const workers of [0, 2]) {
      const loader = loaderWith({ workers })
      for (const firstBatch of [0, 1, 4, 5, 6]) {
        expect(await collect(loader, 3, firstBatch)).toEqual(whole.slice(firstBatch))
      }
    }
  })

  test('show every image once, the last batch being smaller', async () => {
    const numbered = { ...dataset, labels: Uint16Array.from({ length }, (_, i) => i) }
    const loader = loaderWith({ workers: 2 }, numbered)
    const batches = await collect(loader, 0)
    expect(loader.batchesPerEpoch).toBe(6)
    expect(batches.map(({ size }) => size)).toEqual([4, 4, 4, 4, 4, 3])
    expect(batches.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5])
    expect(batches.flatMap(({ labels }) => labels).sort((a, b) => a - b)).toEqual([...numbered.labels])
    expect(batches.at(-1)!.images).toHaveLength(3 * 60)
  })

  test('without shuffling and augmentation are the normalised images in order', async () => {
    const loader = loaderWith({ workers: 1, shuffle: false, augmentation: undefined, batchSize: 100 })
    const [batch] = await collect(loader, 0)
    expect(batch!.size).toBe(length)
    expect(batch!.labels).toEqual([...dataset.labels])
    const { images, normalisation } = dataset
    batch!.images.forEach((value, i) => {
      const channel = Math.floor(i / 30) % 2
      expect(value).toBe(Math.fround((images[i]! - normalisation.mean[channel]!) / normalisation.deviation[channel]!))
    })
  })

  test('stay as they are until the next one is asked for', async () => {
    const loader = loaderWith({ workers: 3, prefetch: 4 })
    for await (const { images } of loader.epoch(0)) {
      const before = [...images]
      await new Promise(resolve => setTimeout(resolve, 10))
      expect([...images]).toEqual(before)
    }
  })
})

describe('ends', () => {
  test('breaking out of the loop leaves the loader usable', async () => {
    const expected = await collect(loaderWith({ workers: 0 }), 1)
    const loader = loaderWith({ workers: 2 })
    for (let i = 0; i < 5; i++) {
      for await (const batch of loader.epoch(0)) if (batch.index === i) break
    }
    expect(await collect(loader, 1)).toEqual(expected)
  })

  test('a newer epoch ends an older one', async () => {
    const loader = loaderWith({ workers: 1 })
    const older = loader.epoch(0)[Symbol.asyncIterator]()
    await older.next()
    await collect(loader, 1)
    await expect(older.next()).rejects.toThrow('a newer epoch of this loader has begun')
  })

  test('stops on request', async () => {
    for (const workers of [0, 1]) {
      const control = new AbortController()
      const loop = async () => {
        for await (const batch of loaderWith({ workers }).epoch(0, { signal: control.signal })) {
          if (batch.index === 1) control.abort()
        }
      }
      await expect(loop()).rejects.toMatchObject({ name: 'DenseNetError', code: 'aborted' })
    }
  })

  test('an error in a worker comes out as a sentence, and the worker goes on', async () => {
    const store = { ...dataset, shape: dataset, augmentation: { flip: false, pad: 0 }, seed: 1 }
    const images = new Float32Array(new SharedArrayBuffer(240))
    const slots = [{ images, labels: new Float32Array(1), indices: new Uint32Array(1) }]
    const pool = new WorkerPool(1, { store, slots })
    try {
      await pool.startEpoch()
      pool.submit(0, { epoch: 0, batch: 0, images: null as never })
      await expect(pool.ready(0)).rejects.toThrow(/^a batch could not be prepared: .*images/)
      pool.submit(0, { epoch: 0, batch: 0, images: Uint32Array.of(2) })
      await pool.ready(0)
      expect(slots[0]!.images[0]).toBe(Math.fround((dataset.images[120]! - 120) / 60))
    } finally {
      await pool.dispose()
    }
  })

  test('a worker that dies ends the waiting with a sentence', async () => {
    const pool = new WorkerPool(2, { store: {} as never, slots: [{} as never] })
    try {
      await pool.startEpoch()
      pool.submit(0, { epoch: 0, batch: 0, images: Uint32Array.of(0) })
      await expect(pool.ready(0)).rejects.toThrow(/^a loader thread failed: /)
    } finally {
      await pool.dispose()
    }
  })

  test('disposing in the middle ends the loop with a sentence', async () => {
    const loader = loaderWith({ workers: 1 })
    const loop = async () => {
      for await (const _ of loader.epoch(0)) await loader.dispose()
    }
    await expect(loop()).rejects.toThrow('the loader was disposed of while its batches were in use')
  })

  test('neither an idle nor an abandoned loader keeps the process alive', async () => {
    const url = new URL('../../../dist/data/loading/loader.js', import.meta.url).href
    const script = `
      const { createLoader } = await import(${JSON.stringify(url)})
      const images = new Uint8Array(new SharedArrayBuffer(100 * 3072)), labels = new Uint16Array(100)
      const dataset = { channels: 3, height: 32, width: 32, length: 100, images, labels,
        normalisation: { mean: [0, 0, 0], deviation: [1, 1, 1] } }
      const loader = createLoader(dataset, { batchSize: 8, seed: 1, shuffle: true, workers: 2 })
      for await (const batch of loader.epoch(0)) if (batch.index === 2) break
      if (process.argv[1] === 'dispose') await loader.dispose()
      process.stdout.write('done')`
    for (const how of ['forget', 'dispose']) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, how], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let text = ''
      child.stdout.on('data', data => {
        text += data
      })
      const code = await new Promise(resolve => child.on('close', resolve))
      expect([text, code]).toEqual(['done', 0])
    }
  })
})

test('counts the time spent waiting', async () => {
  const inline = loaderWith({ workers: 0 })
  expect(inline.waitedSeconds()).toBe(0)
  await collect(inline, 0)
  expect(inline.waitedSeconds()).toBeGreaterThan(0)
  const ahead = loaderWith({ workers: 1, prefetch: 8 })
  let afterFirst = 0
  for await (const batch of ahead.epoch(0)) {
    if (batch.index > 0) continue
    afterFirst = ahead.waitedSeconds()
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  // The other five were ready long before they were asked for.
  expect(ahead.waitedSeconds() - afterFirst).toBeLessThan(0.1)
})

test('refuses senseless options and data that do not fit together', () => {
  expect(() => loaderWith({}, { ...dataset, channels: 3 })).toThrow(
    'the train images of tiny are 1380 bytes, expected 23 x 3 x 6 x 5 = 2070',
  )
  expect(() => loaderWith({}, { ...dataset, labels: new Uint16Array(3) })).toThrow('have 3 labels, expected 23')
  expect(() => loaderWith({}, { ...dataset, length: 0 })).toThrow('there are no images in the train split of tiny')
  expect(() => loaderWith({}, { ...dataset, normalisation: { mean: [1], deviation: [1] } })).toThrow('need 2 means')
  const normalised = (mean: number, deviation: number) =>
    loaderWith({}, { ...dataset, normalisation: { mean: [mean, mean], deviation: [deviation, deviation] } })
  expect(() => normalised(Number.NaN, 1)).toThrow('need 2 means')
  expect(() => normalised(0.5, 0.25)).toThrow('pixels from 0 to 255, but their mean and deviation are of values from 0')
  expect(() => normalised(0, 1)).not.toThrow()
  expect(() => loaderWith({ batchSize: 0 })).toThrow('expected an integer of at least 1 for batchSize, got 0')
  expect(() => loaderWith({ workers: 1.5 })).toThrow('expected an integer of at least 0 for workers, got 1.5')
  expect(() => loaderWith({ seed: Number.NaN })).toThrow('expected an integer for seed, got NaN')
  expect(() => loaderWith({ workers: 0 }).epoch(0, { firstBatch: 7 })).toThrow('an integer from 0 to 6 for firstBatch')
})
