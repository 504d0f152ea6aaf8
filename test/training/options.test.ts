// What a recipe asks of a run, seen from its outside: frozen weights, averages, held-out images, files that are kept.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import { splitDataset } from '../../dist/images/split.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { predictMemory } from '../../dist/runs/memory.js'
import type { TrainingEvent } from '../../dist/training/events.js'
import { PAPER_RECIPE, type Recipe, resolveRecipe } from '../../dist/training/recipe.js'
import { frozenParameters, sessionOptions } from '../../dist/training/session-options.js'
import { TINY, temporaryFolder, tinyDataset } from './fixtures.js'

const folder = temporaryFolder()
const on = createReferenceBackend()
const train = tinyDataset('train', 30)
const test_ = tinyDataset('test', 10)
const config = resolveConfig(TINY)
const common: FitOptions = { on, validation: test_, loaderThreads: 0, epochs: 2, batchSize: 8, learningRate: 0.05 }

async function fitted(options: FitOptions) {
  const model = DenseNet.create(TINY, { seed: 3 })
  const events: TrainingEvent[] = []
  const result = await model.fit(train, { ...common, ...options, onEvent: event => events.push(event) })
  return { model, result, events }
}

describe('averages', () => {
  test('are what is evaluated, saved as the best and left in the model', async () => {
    const output = join(folder, 'averages')
    const { model, result } = await fitted({ ema: 0.95, output, batchSize: 10 })
    const { top1Error, loss } = await model.evaluate(test_, { on, loaderThreads: 0 })
    expect({ top1Error, loss }).toEqual({ top1Error: result.final!.top1Error, loss: result.final!.loss })
    const { state } = await readCheckpoint(join(output, 'last.safetensors'))
    expect(state.training.average).toEqual(model.state.parameters)
    expect(state.training.averageRunning).toEqual(model.state.running)
    expect(state.parameters).not.toEqual(model.state.parameters)
    expect((await DenseNet.load(output)).state).toEqual(model.state)
    const best = await DenseNet.load(join(output, 'best.safetensors'))
    const again = await best.evaluate(test_, { on, loaderThreads: 0, batchSize: 10 })
    expect(again.loss).toBe(result.best!.loss)
  })
})

describe('freezing', () => {
  test('names with a star, and only those', () => {
    const names = [...frozenParameters(config, ['features.denseblock1.*norm1*', 'classifier.bias'])]
    expect(names).toEqual([
      'features.denseblock1.denselayer1.norm1.weight',
      'features.denseblock1.denselayer1.norm1.bias',
      'classifier.bias',
    ])
    expect(() => frozenParameters(config, ['features.conv'])).toThrow('no parameter is called "features.conv"')
    expect(() => frozenParameters(config, ['featuresXconv0.weight'])).toThrow('no parameter is called')
    expect(() => frozenParameters(config, ['*'])).toThrow('all parameters are frozen')
  })

  test('leaves all but the classifier as it was', async () => {
    const before = DenseNet.create(TINY, { seed: 3 }).state
    const { model } = await fitted({ freeze: ['features.*'] })
    for (const { name, offset, count } of parameterTable(architecture(config)).parameters) {
      const of = (values: Float32Array | Float64Array) => values.subarray(offset, offset + count)
      const same = of(model.state.parameters).every((value, i) => value === of(before.parameters)[i])
      expect(same, name).toBe(name.startsWith('features.'))
    }
    expect(model.state.running).toEqual(before.running)
  })
})

describe('held-out images', () => {
  test('are chosen by the seed alone, and are not trained on', () => {
    const { train: rest, validation } = splitDataset(train, 12, 5)
    expect([rest.length, validation.length]).toEqual([18, 12])
    expect(splitDataset(train, 12, 5)).toEqual({ train: rest, validation })
    expect(splitDataset(train, 12, 6).validation.images).not.toEqual(validation.images)
    const images = ({ images, labels, length }: typeof train): string[] =>
      Array.from({ length }, (_, i) => `${labels[i]} ${images.subarray(192 * i, 192 * i + 192).join()}`)
    expect([...images(rest), ...images(validation)].sort()).toEqual(images(train).sort())
    expect(() => splitDataset(train, 30, 0)).toThrow('30 of the 30 training images of tiny cannot be held out')
  })

  test('are what a run is judged by', async () => {
    const { model, result, events } = await fitted({ heldOut: 12, seed: 5 })
    expect(events[0]).toMatchObject({ type: 'start', trainImages: 18, testImages: 12 })
    expect(events.find(({ type }) => type === 'epoch')).toMatchObject({ on: 'validation' })
    const { validation } = splitDataset(train, 12, 5)
    const { loss, top1Error } = await model.evaluate(validation, { on, loaderThreads: 0, batchSize: 8 })
    expect([loss, top1Error]).toEqual([result.final!.loss, result.final!.top1Error])
    expect(result.heldOut).toBe(true)
  })
})

test('the best few epochs have files, and no others', async () => {
  const output = join(folder, 'kept')
  const { result } = await fitted({ keepBest: 2, epochs: 5, output })
  const kept = readdirSync(output).filter(file => file.startsWith('epoch-'))
  const { ranking } = result.progress
  expect(kept.sort()).toEqual(ranking.map(({ epoch }) => `epoch-${epoch}.safetensors`).sort())
  for (const { epoch, loss } of ranking) {
    const model = await DenseNet.load(join(output, `epoch-${epoch}.safetensors`))
    expect((await model.evaluate(test_, { on, loaderThreads: 0, batchSize: 8 })).loss).toBe(loss)
  }
  // One more epoch, with one file fewer to keep.
  await DenseNet.create(TINY).fit(train, { ...common, resume: output, epochs: 6, keepBest: 1 })
  expect(readdirSync(output).filter(file => file.startsWith('epoch-')).length).toBeLessThanOrEqual(1)
  expect(existsSync(join(output, 'best.safetensors'))).toBe(true)
})

test.each([
  [{ memory: 'keep' }, 'expected one of store, recompute, auto for memory, got "keep"'],
  [{ keepBest: 0 }, 'expected a whole number of at least 1 for keepBest, got 0'],
  [{ layerStatistics: 'yes' }, 'expected true or false for layerStatistics, got "yes"'],
])('%j is refused', async (options, message) => {
  await expect(fitted(options as FitOptions)).rejects.toThrow(message)
})

describe('class weights', () => {
  const weights = (classWeights: Recipe['classWeights'], labels: number[], targets?: number[]) =>
    sessionOptions({ ...PAPER_RECIPE, classWeights }, config, {
      labels: Uint16Array.from(labels),
      ...(targets ? { targets: Uint8Array.from(targets) } : {}),
    }).classWeights
  test('balanced: images / (classes * images of the class)', () => {
    expect(weights('balanced', [0, 0, 1, 0])).toEqual([4 / 9, 4 / 3, 4 / 3])
    expect(weights(null, [0])).toBe(null)
    // Two images, of the classes 0 and 1, and of 0 alone: three labels.
    expect(weights('balanced', [0, 0], [1, 1, 0, 1, 0, 0])).toEqual([3 / 6, 3 / 3, 3 / 3])
  })
  test('of another number of classes are refused', () => {
    expect(() => weights([1, 2], [0])).toThrow('there are 2 class weights for 3 classes')
  })
})

describe('refused', () => {
  test.each<[FitOptions, string]>([
    [{ schedule: 'plateau' }, 'the schedule plateau needs images to be judged by'],
    [{ patience: 3 }, 'early stopping needs images to be judged by'],
  ])('%j without images', async (options, message) => {
    const { validation: _, ...rest } = common
    await expect(DenseNet.create(TINY).fit(train, { ...rest, ...options })).rejects.toThrow(message)
    expect((await DenseNet.create(TINY).fit(train, { ...rest, ...options, heldOut: 6 })).heldOut).toBe(true)
  })

  test.each<[Partial<Recipe>, string]>([
    [{ optimizer: 'adamw', momentum: 0.8 }, 'adamw has no momentum'],
    [{ optimizer: 'rmsprop', nesterov: false }, 'rmsprop has no nesterov'],
    [{ beta1: 0.8 }, 'sgd has no beta1'],
    [{ plateauPatience: 3 }, 'the schedule multistep has no plateau patience'],
    [{ ema: 1 }, 'expected a number from 0 up to, but not including, 1 for ema, got 1'],
    [{ clipNorm: 0 }, 'expected a number above 0 for clip norm, got 0'],
    [{ accumulate: 0 }, 'expected a whole number of at least 1 for accumulate, got 0'],
    [{ classWeights: [1, -1] }, 'for class weights, got [1,-1]'],
    [{ freeze: [''] }, 'expected patterns of parameter names for freeze, got [""]'],
    [{ learningRate: 1000 }, 'expected a number above 0 and up to 100 for learning rate, got 1000'],
    [{ weightDecay: 5 }, 'expected a number from 0 to 1 for weight decay, got 5'],
    [{ optimizer: 'adamw', epsilon: 10 }, 'expected a number above 0 and up to 1 for epsilon, got 10'],
    [{ classWeights: [0, 0] }, 'at least 0 for each class, not all of them 0 for class weights, got [0,0]'],
  ])('%j', (options, message) => expect(() => resolveRecipe(options)).toThrow(message))

  test.each<[FitOptions, string]>([
    [{ ema: 0.8 }, 'ema is 0.9 in this run and cannot become 0.8 in the middle of it'],
    [{ freeze: ['features.*'] }, 'freeze is classifier.bias in this run and cannot become features.*'],
  ])('%j on going on', async (options, message) => {
    const output = join(folder, `going-on-${Object.keys(options)}`)
    await fitted({ ema: 0.9, freeze: ['classifier.bias'], output })
    await expect(DenseNet.create(TINY).fit(train, { ...common, ...options, resume: output })).rejects.toThrow(message)
  })
})

test('an optimiser brings rate and decay that suit it', () => {
  expect(resolveRecipe({ optimizer: 'adamw' })).toMatchObject({ learningRate: 1e-3, weightDecay: 1e-2 })
  expect(resolveRecipe({ optimizer: 'adamw', learningRate: 0.1 })).toMatchObject({ learningRate: 0.1 })
  expect(resolveRecipe({ optimizer: 'rmsprop' })).toMatchObject({ learningRate: 1e-3, weightDecay: 1e-4 })
  expect(resolveRecipe({})).toEqual(PAPER_RECIPE)
})

test('what training remembers is counted in its memory', () => {
  const bytes = (recipe: Partial<Recipe>): number => {
    const session = sessionOptions(resolveRecipe(recipe), config, train)
    return predictMemory(config, { batchSize: 8, memory: 'store', scratchBytes: () => 0, session }).parameters
  }
  const { parameters, running } = DenseNet.create(TINY).state
  expect(bytes({})).toBe(predictMemory(config, { batchSize: 8, memory: 'store', scratchBytes: () => 0 }).parameters)
  expect(bytes({ optimizer: 'adamw' }) - bytes({})).toBe(4 * parameters.length)
  expect(bytes({ accumulate: 2 }) - bytes({})).toBe(4 * parameters.length)
  expect(bytes({ ema: 0.9 }) - bytes({})).toBe(4 * (parameters.length + running.length))
})
