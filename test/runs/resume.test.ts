// A run that is stopped anywhere and gone on with ends with the very bits of the run that never stopped.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createBackend } from '../../dist/backends/registry.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import type { TrainingEvent } from '../../dist/training/events.js'
import { lossNames, optimizerNames } from '../../dist/training/recipe.js'
import { scheduleNames } from '../../dist/training/schedule.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const on = createReferenceBackend()
const train = tinyDataset('train', 30)
const validation = tinyDataset('test', 10)
const common: FitOptions = { on, validation, loaderThreads: 0 }
const recipe: FitOptions = { epochs: 3, batchSize: 8, learningRate: 0.05, schedule: 'cosine', seed: 3 }
let folders = 0
const fresh = (): string => join(folder, `run-${++folders}`)
const create = (): DenseNet => DenseNet.create(TINY, { seed: 3 })

interface Outcome {
  readonly parameters: Float32Array | Float64Array
  readonly running: Float32Array | Float64Array
  readonly events: TrainingEvent[]
  readonly folder: string
}

/** Trains; stops after each of `stops` steps (of the whole run) and goes on in a new DenseNet. */
async function trained(stops: readonly number[], options: FitOptions = {}): Promise<Outcome> {
  const output = fresh()
  const events: TrainingEvent[] = []
  let model = create()
  for (const [i, stop] of [...stops, Number.POSITIVE_INFINITY].entries()) {
    const controller = new AbortController()
    const onEvent = (event: TrainingEvent): void => {
      events.push(event)
      if (event.type === 'step' && event.step === stop) controller.abort()
    }
    if (i > 0) model = await DenseNet.load(output)
    const place = i === 0 ? { output } : { resume: output }
    const asked = { ...common, ...(i === 0 ? recipe : {}), ...options, ...place }
    const { stopped } = await model.fit(train, { ...asked, onEvent, signal: controller.signal })
    expect(stopped).toBe(stop !== Number.POSITIVE_INFINITY)
  }
  return { ...model.state, events, folder: output }
}

const unbroken = await trained([])

/** Facts that must not depend on having stopped: figures of steps and epochs, not their times. */
function facts(events: readonly TrainingEvent[]): unknown[] {
  return events.flatMap(event => {
    if (event.type === 'step') return [[event.step, event.loss, event.learningRate, event.running]]
    if (event.type === 'epoch') return [[event.epoch, event.train, event.test, event.best, event.learningRate]]
    return []
  })
}

const logged = (path: string): unknown[] =>
  readFileSync(join(path, 'log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
    .flatMap(({ type, step, loss, epoch, test }) =>
      type === 'step' ? [[step, loss]] : type === 'epoch' ? [[epoch, test]] : [],
    )

describe('stopping after a step and going on', () => {
  // 4 batches an epoch: in mid-epoch, at the end of one, after the first and the last step, and again and again.
  test.each([[[6]], [[4]], [[1]], [[11]], [[2, 3, 7, 9]]])('%j', async stops => {
    const broken = await trained(stops)
    expect(broken.parameters).toEqual(unbroken.parameters)
    expect(broken.running).toEqual(unbroken.running)
    expect(facts(broken.events)).toEqual(facts(unbroken.events))
    expect(logged(broken.folder)).toEqual(logged(unbroken.folder))
  })

  test.each([1, 3])('with %i loader threads', async loaderThreads => {
    const broken = await trained([6], { loaderThreads })
    expect(broken.parameters).toEqual(unbroken.parameters)
  })

  test('with the other memory mode', async () => {
    expect((await trained([6], { memory: 'recompute' })).parameters).toEqual(unbroken.parameters)
  })

  test('the saved files are the same', async () => {
    const { folder: path } = await trained([5])
    for (const file of ['best.safetensors', 'last.safetensors']) {
      const [a, b] = await Promise.all([path, unbroken.folder].map(run => DenseNet.load(join(run, file))))
      expect(a!.state).toEqual(b!.state)
    }
  })
})

/** Everything that training can remember beside weights and momentum. */
const ALL: FitOptions = {
  mixup: 0.5,
  cutmix: 1,
  switchProbability: 0.4,
  accumulate: 3,
  clipNorm: 0.5,
  ema: 0.9,
  labelSmoothing: 0.1,
  classWeights: 'balanced',
  heldOut: 6,
  schedule: 'plateau',
  plateauPatience: 0,
  warmupEpochs: 0.5,
  decayNorms: false,
  keepBest: 2,
  batchSize: 5,
  freeze: ['features.denseblock1.*', 'features.norm5.weight'],
}
const SETS: readonly [name: string, options: FitOptions, buffers: string[]][] = [
  ['adamw', { ...ALL, optimizer: 'adamw', learningRate: 0.01 }, ['firstMoment', 'secondMoment']],
  ['rmsprop', { ...ALL, optimizer: 'rmsprop', learningRate: 0.01 }, ['secondMoment', 'velocity']],
  ['sgd', { ...ALL, loss: 'binary-cross-entropy' }, ['velocity']],
]
const lastOf = async (path: string) => {
  const { progress, run: _, ...rest } = await readCheckpoint(join(path, 'last.safetensors'))
  return { ...rest, progress: { ...progress!, logBytes: 0 } }
}

describe.each(SETS)('with every option, %s', (_, options, buffers) => {
  // 5 batches of the 24 images that are left, in updates of 3 and of 2: within an update, after one, after an epoch.
  test('stopping anywhere and going on ends with the same checkpoint', async () => {
    const whole = await trained([], options)
    const expected = await lastOf(whole.folder)
    expect(Object.keys(expected.state.training).sort()).toEqual([...buffers, 'average', 'averageRunning'].sort())
    expect(expected.progress).toMatchObject({ step: 15, updates: 6, pendingImages: 0 })
    for (const stops of [[1], [2], [3], [5], [9], [4, 7, 8, 12]]) {
      const broken = await trained(stops, options)
      expect(await lastOf(broken.folder), `${stops}`).toEqual(expected)
      expect(facts(broken.events)).toEqual(facts(whole.events))
      expect(readdirSync(broken.folder).sort()).toEqual(readdirSync(whole.folder).sort())
    }
  })
})

test('any options, any stops', async () => {
  const anyOptions = fc.record({
    optimizer: fc.constantFrom(...optimizerNames),
    accumulate: fc.integer({ min: 1, max: 4 }),
    batchSize: fc.integer({ min: 3, max: 9 }),
    ema: fc.constantFrom(undefined, 0.5, 0.99),
    clipNorm: fc.constantFrom(undefined, 0.1, 10),
    schedule: fc.constantFrom(...scheduleNames),
    warmupEpochs: fc.constantFrom(0, 1.3),
    loss: fc.constantFrom(...lossNames),
    heldOut: fc.constantFrom(undefined, 6),
    freeze: fc.constantFrom([], ['*norm*'], ['features.denseblock1.*', 'features.conv0.*']),
    memory: fc.constantFrom('store' as const, 'recompute' as const),
  })
  // At least 9 steps: 24 images in batches of up to 9, three times.
  const anyStops = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(anyOptions, anyStops, async (given, stops) => {
      const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
      const whole = await trained([], options)
      const broken = await trained(stops.sort(), options)
      expect(await lastOf(broken.folder)).toEqual(await lastOf(whole.folder))
      expect(facts(broken.events)).toEqual(facts(whole.events))
    }),
    { numRuns: 15 },
  )
})

test('a checkpoint within an update knows how far it is', async () => {
  const output = fresh()
  const controller = new AbortController()
  const onEvent = (event: TrainingEvent): void => {
    if (event.type === 'step' && event.step === 7) controller.abort()
  }
  const options = { ...common, ...recipe, ...ALL, output, onEvent, signal: controller.signal }
  await create().fit(train, options)
  const { progress } = await lastOf(output)
  expect(progress).toMatchObject({ epoch: 2, nextBatch: 2, updates: 2, pendingImages: 10 })
})

/** Null where the addon is not built. */
const native = await createBackend({ backend: 'native' }).catch(() => null)

describe.skipIf(native === null)('on the native backend', () => {
  test('as well, with other threads and the other memory mode after it', async () => {
    const whole = await trained([], { on: native! })
    const one = await createBackend({ backend: 'native', threads: 1 })
    const broken = await trained([6], { on: one, memory: 'recompute', loaderThreads: 2 })
    expect(broken.parameters).toEqual(whole.parameters)
    expect(facts(broken.events)).toEqual(facts(whole.events))
    const [, options] = SETS[0]!
    const all = await trained([], { ...options, on: native! })
    const pieces = await trained([2, 6, 9], { ...options, on: one, memory: 'recompute' })
    expect(await lastOf(pieces.folder)).toEqual(await lastOf(all.folder))
    one.dispose()
    native!.dispose()
  })
})

test('log lines after the checkpoint are dropped', async () => {
  const { folder: path, ...stopped } = await trainedUntil(6)
  writeFileSync(
    join(path, 'log.jsonl'),
    `${readFileSync(join(path, 'log.jsonl'), 'utf8')}{"type":"step","step":7}\n{"typ`,
  )
  const model = await DenseNet.load(path)
  await model.fit(train, { ...common, resume: path })
  expect(stopped.steps).toBe(6)
  expect(logged(path)).toEqual(logged(unbroken.folder))
})

async function trainedUntil(step: number): Promise<{ folder: string; steps: number }> {
  const output = fresh()
  const controller = new AbortController()
  const onEvent = (event: TrainingEvent): void => {
    if (event.type === 'step' && event.step === step) controller.abort()
  }
  const { progress } = await create().fit(train, { ...common, ...recipe, output, onEvent, signal: controller.signal })
  return { folder: output, steps: progress.step }
}

describe('a damaged last checkpoint', () => {
  test('falls back to the one before, with one warning, and still ends with the same bits', async () => {
    const { folder: path } = await trainedUntil(6)
    const last = join(path, 'last.safetensors')
    const bytes = readFileSync(last)
    bytes[bytes.length - 5]! ^= 1
    writeFileSync(last, bytes)
    const warnings: string[] = []
    const model = await DenseNet.load(path, { onWarning: text => warnings.push(text) })
    const onEvent = (event: TrainingEvent): void => void (event.type === 'warning' && warnings.push(event.message))
    await model.fit(train, { ...common, resume: path, onEvent })
    const sentence = `${last} is damaged (checksum differs); going on from the checkpoint before it: epoch 2, step 0`
    expect(warnings).toEqual([sentence, sentence])
    expect(model.state.parameters).toEqual(unbroken.parameters)
    expect(logged(path)).toEqual(logged(unbroken.folder))
  })

  test('with a damaged one before it, too, is an error', async () => {
    const { folder: path } = await trainedUntil(6)
    for (const file of ['last.safetensors', 'last.previous.safetensors']) writeFileSync(join(path, file), 'x')
    await expect(DenseNet.load(path)).rejects.toThrow(/last.safetensors is no valid safetensors file/)
  })
})

describe('refused', () => {
  const { folder: path } = unbroken

  test('a folder that holds a run', async () => {
    await expect(create().fit(train, { ...common, ...recipe, output: path })).rejects.toThrow(/already holds a run/)
  })

  test('another network, data set or recipe', async () => {
    const other = DenseNet.create({ ...TINY, growthRate: 3 })
    await expect(other.fit(train, { ...common, resume: path })).rejects.toThrow(
      /trains DenseNet-BC with 1, 1 layers, growth rate 2, not .*rate 3/,
    )
    const less = { ...train, length: 29 }
    await expect(create().fit(less, { ...common, resume: path })).rejects.toThrow(
      /is on tiny \(30 training, 10 test images\), not on tiny \(29/,
    )
    await expect(create().fit(train, { ...common, resume: path, batchSize: 9 })).rejects.toThrow(
      'batch size is 8 in this run and cannot become 9',
    )
    await expect(create().fit(train, { ...common, resume: path, augmentation: false })).rejects.toThrow(
      /augmentation of a run cannot change/,
    )
  })

  test('images of other classes or size', async () => {
    await expect(create().fit({ ...train, classes: ['a', 'b'] }, common)).rejects.toThrow(
      'the network classifies 3 classes, tiny has 2',
    )
    await expect(create().evaluate({ ...train, height: 4, width: 16 }, { on })).rejects.toThrow(
      'the network reads images of 3 x 8 x 8, those of tiny are 3 x 4 x 16',
    )
  })
})

test("a schedule of one's own is asked for again", async () => {
  const output = fresh()
  const controller = new AbortController()
  controller.abort()
  const schedule = (): number => 0.01
  await create().fit(train, { ...common, ...recipe, schedule, output, signal: controller.signal })
  const model = await DenseNet.load(output)
  await expect(model.fit(train, { ...common, resume: output })).rejects.toThrow(/schedule of its own/)
  expect((await model.fit(train, { ...common, resume: output, schedule })).stopped).toBe(false)
})
