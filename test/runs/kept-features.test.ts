// Training the classifier alone on features that are kept ends where ordinary frozen training ends: the oracle is the run
// that computes everything anew in every step.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createBackend } from '../../dist/backends/registry.js'
import { imageFiles } from '../../dist/data/sets/image-files.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import { predictMemory } from '../../dist/runs/memory.js'
import type { TrainingEvent } from '../../dist/training/events.js'
import { relativeError } from '../golden/compare.js'
import { instructionSets } from '../native-available.js'
import { markedDataset, TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const exact = createReferenceBackend({ precision: 'float64' })
// Features are kept as float32, whatever the backend computes with.
const ROUNDING = 1e-7
const NET = { ...TINY, dropRate: 0 }
const train = tinyDataset('train', 30)
const validation = tinyDataset('test', 10)
const AUGMENTED: FitOptions = { augmentation: { flip: true, pad: 1 } }
const common: FitOptions = {
  on: exact,
  validation,
  loaderThreads: 0,
  epochs: 5,
  batchSize: 8,
  learningRate: 0.05,
  seed: 3,
  freeze: ['features.*'],
}

async function fitted(options: FitOptions, model = DenseNet.create(NET, { seed: 3 }), images = train) {
  const events: TrainingEvent[] = []
  const result = await model.fit(images, { ...common, ...options, onEvent: event => events.push(event) })
  const steps = events.flatMap(event => (event.type === 'step' ? [event.loss] : []))
  const epochs = events.flatMap(event => (event.type === 'epoch' ? [event.test!.loss, event.train.loss] : []))
  const start = events.find(event => event.type === 'start')!
  const images_ = events.flatMap(event => (event.type === 'features' ? [`${event.on} ${event.pass}`] : []))
  return {
    model,
    result,
    events,
    recipe: start.recipe,
    computed: [...new Set(images_)],
    figures: [...steps, ...epochs],
  }
}
type Fitted = Awaited<ReturnType<typeof fitted>>

function difference(a: Fitted, b: Fitted): number {
  expect(a.model.state.running).toEqual(b.model.state.running)
  const weights = relativeError(a.model.state.parameters, b.model.state.parameters)
  return Math.max(weights, relativeError(a.figures, b.figures))
}

test('features that are known are not computed, and give the same numbers; others are refused', async () => {
  const model = DenseNet.create(NET, { seed: 3 })
  const of = async (images: typeof train) => (await model.features(images, { on: exact, loaderThreads: 0 })).data
  const known = { train: await of(train), validation: await of(validation) }
  const plain = await fitted({ augmentation: false })
  const given = await fitted({ augmentation: false, knownFeatures: known })
  expect(plain.computed).toEqual(['test 1', 'train 1'])
  expect(given.computed).toEqual([])
  expect(difference(given, plain)).toBeLessThan(ROUNDING)
  const few = { ...known, train: known.train.subarray(1) }
  await expect(fitted({ augmentation: false, knownFeatures: few })).rejects.toThrow(
    /known features of .* are 30 x \d+ numbers, of one pass; there are \d+/,
  )
  await expect(fitted({ freeze: [], knownFeatures: known })).rejects.toThrow(/for training the classifier alone/)
})

describe('the same as ordinary frozen training', () => {
  test.each<[string, FitOptions]>([
    ['without augmentation', { augmentation: false }],
    [
      'SGD, everything that training can remember',
      {
        ...{
          augmentation: false,
          accumulate: 2,
          clipNorm: 0.1,
          ema: 0.9,
          labelSmoothing: 0.1,
          classWeights: 'balanced',
        },
        heldOut: 6,
        schedule: 'plateau',
        warmupEpochs: 0.5,
        decayNorms: false,
      },
    ],
    ['AdamW', { augmentation: false, optimizer: 'adamw', learningRate: 0.01, loss: 'binary-cross-entropy' }],
    ['as many augmented passes as epochs', { ...AUGMENTED, featurePasses: 5 }],
    ['only the bias trained', { augmentation: false, freeze: ['features.*', 'classifier.weight'] }],
  ])('%s', async (_, options) => {
    const kept = await fitted({ featurePasses: 1, ...options })
    const ordinary = await fitted({ ...options, featurePasses: 0 })
    expect(kept.recipe.featurePasses).toBeGreaterThan(0)
    expect(ordinary.computed).toEqual([])
    expect(kept.figures.length).toBe(ordinary.figures.length)
    expect(difference(kept, ordinary)).toBeLessThan(ROUNDING)
    const before = DenseNet.create(NET, { seed: 3 }).state.parameters
    const trained = [...kept.model.state.parameters].filter((value, i) => value !== before[i]).length
    expect(trained).toBe(options.freeze ? 3 : 3 * (kept.model.summary().rows.at(-1)!.inChannels + 1))
  })

  test('images of several classes at once', async () => {
    const options = { validation: markedDataset('test', 10), augmentation: false } as const
    const marks = markedDataset('train', 30)
    const create = () => DenseNet.create(NET, { seed: 3 })
    const kept = await fitted({ ...options, featurePasses: 1 }, create(), marks)
    const ordinary = await fitted({ ...options, featurePasses: 0 }, create(), marks)
    expect(kept.recipe.loss).toBe('binary-cross-entropy')
    expect(difference(kept, ordinary)).toBeLessThan(ROUNDING)
    expect(kept.result.final).toMatchObject({ top1Error: ordinary.result.final!.top1Error })
  })

  test.skipIf(instructionSets.length === 0)('on the native backend, up to float32', async () => {
    const on = await createBackend({ backend: 'native' })
    const kept = await fitted({ on, augmentation: false })
    expect(difference(kept, await fitted({ on, augmentation: false, featurePasses: 0 }))).toBeLessThan(1e-5)
    on.dispose()
  })
})

describe('what is kept', () => {
  test('one pass without augmentation, where nothing is said of it', async () => {
    const { recipe, computed } = await fitted({})
    expect(recipe).toMatchObject({ featurePasses: 1, augmentation: { flip: false, pad: 0 } })
    expect(computed).toEqual(['test 1', 'train 1'])
  })

  test('so many augmented passes, in turn', async () => {
    const { recipe, computed, events } = await fitted({ ...AUGMENTED, featurePasses: 2 })
    expect(recipe).toMatchObject({ featurePasses: 2, ...AUGMENTED })
    expect(computed).toEqual(['test 1', 'train 1', 'train 2'])
    const order = events.flatMap(({ type }) => (type === 'epoch' || type === 'features' ? [type] : []))
    // Nothing is computed any more after the first step of the second epoch.
    expect(order.slice(order.indexOf('epoch')).lastIndexOf('features')).toBeLessThan(
      order.slice(order.indexOf('epoch')).indexOf('epoch', 1),
    )
  })

  test.each<[string, FitOptions, object]>([
    ['augmentation is asked for', AUGMENTED, NET],
    ['more than the classifier is trained', { freeze: ['features.denseblock*'] }, NET],
    ['nothing is frozen', { freeze: [] }, NET],
    ['there is dropout', {}, TINY],
  ])('nothing where %s', async (_, options, net) => {
    const { recipe, computed } = await fitted({ epochs: 1, ...options }, DenseNet.create(net, { seed: 3 }))
    expect([recipe.featurePasses, computed]).toEqual([0, []])
    expect(recipe.augmentation).not.toEqual({ flip: false, pad: 0 })
  })

  test.each<[FitOptions, object, string]>([
    [{ freeze: [], featurePasses: 1 }, NET, 'features can be kept only where the classifier alone is trained'],
    [{ featurePasses: 1 }, TINY, 'features can be kept only of networks without dropout'],
    [{ augmentation: false, featurePasses: 2 }, NET, 'without augmentation one pass of features is like the other'],
    [{ featurePasses: 1.5 }, NET, 'expected a whole number of at least 0 for feature passes, got 1.5'],
    [{ featurePasses: -1 }, NET, 'expected a whole number of at least 0 for feature passes, got -1'],
  ])('%j is refused', async (options, net, message) => {
    await expect(fitted(options, DenseNet.create(net))).rejects.toMatchObject({ code: 'usage', message })
  })

  test('counts in the predicted memory', () => {
    const { config } = DenseNet.create(NET)
    const session = { optimizer: { momentum: 0.9, weightDecay: 0, nesterov: true }, from: 'pooled' as const }
    const of = (keptImages: number) =>
      predictMemory(config, { batchSize: 8, memory: 'store', scratchBytes: () => 0, session, keptImages })
    const width = DenseNet.create(NET).summary().rows.at(-1)!.inChannels
    expect(of(1000).total - of(0).total).toBe(4 * width * 1000)
  })
})

describe('stopping and going on', () => {
  /** Stops at the first event that `when` knows, and goes on. */
  async function broken(when: (event: TrainingEvent) => boolean, options: FitOptions, output: string) {
    const controller = new AbortController()
    const onEvent = (event: TrainingEvent): void => {
      if (when(event)) controller.abort()
    }
    const first = DenseNet.create(NET, { seed: 3 })
    const stopped = await first.fit(train, { ...common, ...options, output, onEvent, signal: controller.signal })
    expect(stopped.stopped).toBe(true)
    const { epochs: _, ...rest } = common
    const second = await DenseNet.load(output)
    await second.fit(train, { on: exact, validation, loaderThreads: rest.loaderThreads, resume: output })
    return second
  }

  test.each<[string, (event: TrainingEvent) => boolean, FitOptions]>([
    ['while features of the test images are computed', e => e.type === 'features' && e.on === 'test', {}],
    ['while those of the training images are', e => e.type === 'features' && e.on === 'train', {}],
    ['in mid-epoch', e => e.type === 'step' && e.step === 6, {}],
    ['within the second pass', e => e.type === 'features' && e.pass === 2, { ...AUGMENTED, featurePasses: 3 }],
    ['after an epoch of the second turn', e => e.type === 'epoch' && e.epoch === 4, { ...AUGMENTED, featurePasses: 2 }],
  ])('%s: the same bits', async (name, when, options) => {
    const whole = await fitted({ ...options, output: join(folder, `whole ${name}`) })
    const model = await broken(when, options, join(folder, `broken ${name}`))
    expect(model.state).toEqual(whole.model.state)
    const log = (run: string) => readFileSync(join(folder, run, 'log.jsonl'), 'utf8').split('\n').length
    expect(log(`broken ${name}`)).toBeGreaterThanOrEqual(log(`whole ${name}`))
    expect(existsSync(join(folder, `broken ${name}`, 'best.safetensors'))).toBe(true)
  })

  test('keeps to its passes', async () => {
    const output = join(folder, 'passes')
    await fitted({ output, epochs: 1 })
    const model = await DenseNet.load(output)
    await expect(model.fit(train, { on: exact, resume: output, epochs: 2, featurePasses: 0 })).rejects.toThrow(
      'feature passes is 1 in this run and cannot become 0 in the middle of it',
    )
  })
})

test('photographs, one of them unreadable: left out as in ordinary training', async () => {
  const { mkdirSync } = await import('node:fs')
  for (const [i, colour] of ['red', 'green', 'blue'].entries()) {
    const own = join(folder, 'photos', colour)
    mkdirSync(own, { recursive: true })
    for (let n = 0; n < 8; n++) {
      const background = { r: 20 * n, g: 90, b: 15 * n, [colour[0]!]: 255 - i }
      const image = sharp({ create: { width: 12 + n, height: 10, channels: 3, background } })
      await image.png().toFile(join(own, `${n}.png`))
    }
  }
  writeFileSync(join(folder, 'photos', 'red', '3.png'), 'no image at all')
  const sets = await imageFiles(join(folder, 'photos'), { size: 8 })
  const options = { validation: sets.test, batchSize: 4 }
  const kept = await fitted(options, DenseNet.create(NET, { seed: 3 }), sets.train as never)
  const ordinary = await fitted(
    { ...options, augmentation: false, featurePasses: 0 },
    DenseNet.create(NET, { seed: 3 }),
    sets.train as never,
  )
  expect(kept.computed).toEqual(['test 1', 'train 1'])
  expect(difference(kept, ordinary)).toBeLessThan(ROUNDING)
})
