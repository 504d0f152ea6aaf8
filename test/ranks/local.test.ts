// A training by several ranks, here in one process: to the bit that of one process which has all the batches.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createBackend } from '../../dist/backends/registry.js'
import { imageFiles } from '../../dist/data/sets/image-files.js'
import { maskFolder } from '../../dist/data/sets/mask-folder.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import type { Dataset } from '../../dist/images/dataset.js'
import type { DenseNetOptions } from '../../dist/model/config.js'
import { localRanks } from '../../dist/ranks/local.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import type { TrainingEvent } from '../../dist/training/events.js'
import { putMasks } from '../data/masks.js'
import { instructionSets } from '../native-available.js'
import { markedDataset, TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const on = createReferenceBackend()
const images = { train: tinyDataset('train', 38), validation: tinyDataset('test', 17) }
const common: FitOptions = { on, loaderThreads: 0, epochs: 2, batchSize: 4, learningRate: 0.1, seed: 3 }

interface Asked extends FitOptions {
  readonly sets?: { readonly train: Dataset; readonly validation: Dataset }
  readonly network?: DenseNetOptions
  /** After which step of rank 0 the last rank asks to stop. */
  readonly stopAfter?: number
}

let runs = 0
const fresh = (): string => join(folder, `run-${++runs}`)

/** What a training of so many ranks leaves; 0: without any. */
async function trained(size: number, { sets = images, stopAfter, network: described = TINY, ...options }: Asked = {}) {
  const place = options.resume === undefined ? { output: fresh() } : {}
  const path = place.output ?? (options.resume as string)
  const stop = new AbortController()
  const told = await Promise.all(
    (size === 0 ? [undefined] : localRanks(size)).map(async ranks => {
      const events: TrainingEvent[] = []
      const network = DenseNet.create(described, { seed: 3 })
      const result = await network.fit(sets.train, {
        ...(options.resume === undefined ? common : { on, loaderThreads: 0 }),
        validation: sets.validation,
        ...options,
        ...place,
        ...(ranks ? { ranks } : {}),
        ...(ranks === undefined || ranks.rank === size - 1 ? { signal: stop.signal } : {}),
        onEvent: event => {
          events.push(event)
          if (event.type === 'step' && event.step === stopAfter) stop.abort()
        },
      })
      return { result, state: network.state, events }
    }),
  )
  const { progress, run: _, ...checkpoint } = await readCheckpoint(join(path, 'last.safetensors'))
  const last = { ...checkpoint, progress: { ...progress!, logBytes: 0 } }
  const results = told.map(({ result: { progress: _, ...result } }) => result)
  const [{ events }] = told as [(typeof told)[0]]
  return { path, last, events, results, states: told.map(({ state }) => state), silent: told.slice(1) }
}
type Outcome = Awaited<ReturnType<typeof trained>>

/** What must not depend on how many there are. */
const facts = ({ events }: Outcome): unknown[] =>
  events.flatMap((event): unknown[] => {
    if (event.type === 'step') return [[event.step, event.batch, event.loss, event.learningRate, event.running]]
    if (event.type === 'epoch') return [[event.epoch, event.train, event.test, event.best, event.learningRate]]
    return event.type === 'warning' ? [event.message] : []
  })

function expectSame(some: Outcome, one: Outcome): void {
  for (const state of some.states) expect(state).toEqual(one.states[0])
  for (const result of some.results) expect(result).toEqual(one.results[0])
  for (const { events } of some.silent) expect(events).toEqual([])
  expect(facts(some)).toEqual(facts(one))
  expect(some.last).toEqual(one.last)
  expect(readdirSync(some.path).sort()).toEqual(readdirSync(one.path).sort())
}

/** Everything that training can do beside. */
const EVERYTHING: FitOptions = {
  mixup: 0.5,
  cutmix: 1,
  clipNorm: 0.5,
  ema: 0.9,
  labelSmoothing: 0.1,
  classWeights: 'balanced',
  heldOut: 6,
  schedule: 'plateau',
  plateauPatience: 0,
  keepBest: 2,
  crops: 'flip',
  freeze: ['features.denseblock1.*', 'features.norm5.weight'],
}

describe('the bits of one process', () => {
  // 10 batches, the last of 2 images, in updates of 4: whole rounds, parts of them, and ranks without any batch.
  test.each([1, 2, 3, 4, 8])('%i ranks', async size => {
    const some = await trained(size, { accumulate: 4 })
    const idle = some.events.findIndex(event => event.type === 'warning' && event.message.includes('4 have nothing'))
    expect(idle >= 0).toBe(size === 8)
    if (idle >= 0) some.events.splice(idle, 1)
    expectSame(some, await trained(0, { accumulate: 4 }))
  })

  test.each([2, 3])('%i ranks, every option', async size => {
    const options = { ...EVERYTHING, accumulate: 3 }
    expectSame(await trained(size, options), await trained(0, options))
  })

  test('in bfloat16', async () => {
    const options: Asked = { on: createReferenceBackend({ precision: 'bfloat16' }), accumulate: 4 }
    expectSame(await trained(2, options), await trained(0, options))
  })

  test('several labels, adamw', async () => {
    const sets = { train: markedDataset('train', 21), validation: markedDataset('test', 9) }
    const options: Asked = { sets, accumulate: 3, optimizer: 'adamw', learningRate: 0.01, crops: 'flip' }
    expectSame(await trained(3, options), await trained(0, options))
  })

  test('pixels of images with masks, class weights of their frequencies', async () => {
    const pictures = join(folder, 'pictures')
    await putMasks(join(pictures, 'train'), 7, 12, 10)
    await putMasks(join(pictures, 'val'), 3, 12, 10)
    const { train, validation } = (await maskFolder(pictures, { size: 8 }))!
    const network = {
      family: 'fc-densenet',
      blocks: [1, 1, 1],
      growthRate: 2,
      initialChannels: 3,
      classes: 3,
      height: 8,
      width: 8,
    } as const
    const asked = {
      sets: { train, validation },
      network,
      batchSize: 2,
      accumulate: 2,
      classWeights: 'balanced',
      ownStatistics: true,
    } as const
    const one = await trained(0, asked)
    expect(one.results[0]!.final!.meanIou).toBeGreaterThan(0)
    expectSame(await trained(2, asked), one)
  })

  test('features that are kept', async () => {
    const augmentation = { flip: true, pad: 1 }
    const options: Asked = {
      accumulate: 3,
      freeze: ['features.*'],
      featurePasses: 2,
      augmentation,
      network: { ...TINY, dropRate: 0 },
    }
    expectSame(await trained(3, options), await trained(0, options))
  })

  // Large enough for its gradient to travel in parts.
  test.runIf(instructionSets.length > 0)('on the native engine, with threads that load', async () => {
    const on = await createBackend({ backend: 'native', threads: 1 })
    const network = { ...TINY, blocks: [3, 3], growthRate: 32, bottleneckWidth: 4, dropRate: 0.1 }
    const sets = { train: tinyDataset('train', 14), validation: tinyDataset('test', 5) }
    const options: Asked = { on, network, sets, accumulate: 4, epochs: 1, loaderThreads: 1 }
    expectSame(await trained(3, options), await trained(0, options))
    on.dispose()
  })
})

test('an update is of as many batches as there are ranks, where nothing else is asked for', async () => {
  const { last } = await trained(3, { epochs: 1 })
  expect(last.recipe!.accumulate).toBe(3)
})

describe('a run that is stopped and gone on with by others', () => {
  // Of 4 batches an update: stops within and after one.
  test.each([
    [0, 3, 3],
    [3, 1, 4],
    [2, 2, 3],
    [2, 6, 0],
    [8, 12, 2],
  ])('%i ranks, asked to stop at step %i, then %i', async (first, stopAfter, then) => {
    const begun = await trained(first, { accumulate: 4, stopAfter })
    expect(begun.results.every(({ stopped }) => stopped)).toBe(true)
    const ended = await trained(then, { resume: begun.path })
    const unbroken = await trained(0, { accumulate: 4 })
    expect(ended.states[0]).toEqual(unbroken.states[0])
    expect(ended.last).toEqual(unbroken.last)
  })
})

test('images that cannot be read, whole batches of them, are left out and told once, whoever meets them', async () => {
  const pictures = fresh()
  for (const name of ['a', 'b', 'c']) {
    mkdirSync(join(pictures, name), { recursive: true })
    for (let i = 0; i < 10; i++) {
      const background = { r: 25 * i, g: name === 'a' ? 200 : 10, b: name === 'b' ? 200 : 10 }
      const file = join(pictures, name, `${i}.png`)
      if (name === 'b' && i < 5) writeFileSync(file, 'no picture')
      else
        await sharp({ create: { width: 8, height: 8, channels: 3, background } })
          .png()
          .toFile(file)
    }
  }
  const { train, test: validation } = await imageFiles(pictures, { size: 8 })
  const options: Asked = { sets: { train, validation: validation! }, batchSize: 2, accumulate: 3, epochs: 4 }
  const one = await trained(0, options)
  const skipped = one.events.filter(event => event.type === 'warning' && event.message.includes('is skipped'))
  expect(skipped.length).toBeGreaterThan(2)
  expect(one.last.progress.step).toBeLessThan(4 * Math.ceil(train.length / 2))
  const two = await trained(2, options)
  expect(two.states[0]).toEqual(one.states[0])
  expect(two.last).toEqual(one.last)
  const warnings = ({ events }: Outcome) =>
    events.flatMap(event => (event.type === 'warning' ? [event.message] : [])).sort()
  expect(warnings(two)).toEqual(warnings(one))
})

describe('is refused', () => {
  const fits = (options: (rank: number) => FitOptions): Promise<unknown>[] =>
    localRanks(2).map(ranks =>
      DenseNet.create(TINY, { seed: 3 }).fit(images.train, { ...common, ranks, ...options(ranks.rank) }),
    )

  test('by all, what differs between them', async () => {
    const ended = await Promise.allSettled(fits(rank => ({ learningRate: rank === 0 ? 0.1 : 0.2 })))
    expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    const message = 'rank 1 has learning rate 0.2, rank 0 has 0.1'
    for (const end of ended) expect(end).toMatchObject({ reason: { code: 'usage', message } })
  })

  test('another precision', async () => {
    const ended = await Promise.allSettled(
      fits(rank => ({ on: undefined, backend: 'reference', precision: rank === 0 ? 'float32' : 'bfloat16' })),
    )
    const message = 'rank 1 has precision bfloat16, rank 0 has float32'
    for (const end of ended) expect(end).toMatchObject({ reason: { code: 'usage', message } })
  })

  test('data that differ', async () => {
    const other = { ...images.train, labels: images.train.labels.map(label => (label + 1) % 3) }
    const all = localRanks(2).map(ranks =>
      DenseNet.create(TINY).fit(ranks.rank === 0 ? images.train : other, { ...common, ranks }),
    )
    for (const end of await Promise.allSettled(all)) {
      expect(end).toMatchObject({
        reason: { message: expect.stringMatching(/^rank 1 has data set [0-9a-f]{8}, rank 0/) },
      })
    }
  })

  test('an update of one batch', async () => {
    for (const end of await Promise.allSettled(fits(() => ({ accumulate: 1 })))) {
      expect(end).toMatchObject({ reason: { message: expect.stringMatching(/^2 ranks share out the batches/) } })
    }
  })
})
