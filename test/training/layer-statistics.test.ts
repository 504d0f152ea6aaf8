// The event `layers`: what it tells, when it comes, and that it changes nothing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/entries/model.js'
import { DenseNet, type FitOptions, type LayersEvent, type TrainingEvent } from '../../dist/index.js'
import { layerStatistics } from '../../dist/training/layer-statistics.js'
import { TINY, temporaryFolder, tinyDataset } from './fixtures.js'

const folder = temporaryFolder()
const on = createReferenceBackend()
const train = tinyDataset('train', 30)
const validation = tinyDataset('test', 10)
const options: FitOptions = { on, validation, loaderThreads: 0, epochs: 2, batchSize: 8, learningRate: 0.05, seed: 3 }

async function fitted(given: FitOptions): Promise<{ events: TrainingEvent[]; model: DenseNet }> {
  const events: TrainingEvent[] = []
  const model = DenseNet.create(TINY, { seed: 3 })
  await model.fit(train, { ...options, onEvent: event => events.push(event), ...given })
  return { events, model }
}
const layersOf = (events: readonly TrainingEvent[]): LayersEvent[] => events.filter(event => event.type === 'layers')

const plain = await fitted({})
const told = await fitted({ layerStatistics: true, output: join(folder, 'run') })

test('is sent once an epoch, between its last step and its evaluation, and only if asked for', () => {
  const types = told.events.map(({ type }) => type).filter(type => type !== 'checkpoint')
  const epoch = ['step', 'step', 'step', 'step', 'layers', 'evaluation', 'evaluation', 'epoch']
  expect(types).toEqual(['start', ...epoch, ...epoch, 'end'])
  expect(layersOf(plain.events)).toEqual([])
  expect(layersOf(told.events).map(({ epoch, step }) => [epoch, step])).toEqual([
    [1, 4],
    [2, 8],
  ])
})

test('changes no bit of the training', () => {
  expect(told.model.state).toEqual(plain.model.state)
})

test('tells of the weights that the epoch leaves', () => {
  const { tensors } = layersOf(told.events).at(-1)!
  expect(tensors[0]!.name).toBe('features.conv0.weight')
  expect(tensors.at(-1)!.name).toBe('classifier.bias')
  const { parameters } = told.model.state
  let offset = 0
  for (const { weights, gradients } of tensors) {
    const own = [...parameters.subarray(offset, offset + weights.count)]
    expect(weights.smallest).toBe(Math.min(...own))
    expect(weights.mean).toBeCloseTo(own.reduce((sum, value) => sum + value, 0) / own.length, 12)
    expect(gradients.count).toBe(weights.count)
    expect(gradients.largest).toBeGreaterThan(gradients.smallest!)
    offset += weights.count
  }
  expect(offset).toBe(parameters.length)
})

test('the gradients are those of the last update, of a frozen tensor 0', async () => {
  const { events } = await fitted({ layerStatistics: true, freeze: ['features.conv0.*'], epochs: 1 })
  const { tensors } = layersOf(events)[0]!
  expect(tensors[0]!.gradients).toMatchObject({ smallest: 0, largest: 0, standardDeviation: 0 })
  expect(tensors[1]!.gradients.standardDeviation).toBeGreaterThan(0)
})

test('the log has it, shortened to six digits', () => {
  const lines = readFileSync(join(folder, 'run', 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
  const logged = lines.map(line => JSON.parse(line)).filter(({ type }) => type === 'layers')
  expect(logged.map(({ epoch }) => epoch)).toEqual([1, 2])
  const shortened = JSON.parse(JSON.stringify(layersOf(told.events)[1]), (_, value) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value,
  )
  expect(logged[1]).toEqual({ time: expect.any(String), ...shortened })
})

test.each([4, 5, 6])('a run stopped after step %i and gone on with has the same log of them', async stop => {
  const output = join(folder, `stopped-${stop}`)
  const controller = new AbortController()
  const onEvent = (event: TrainingEvent): void => {
    if (event.type === 'step' && event.step === stop) controller.abort()
  }
  await fitted({ layerStatistics: true, output, onEvent, signal: controller.signal })
  // The run's folder remembers that they are wanted.
  const events: TrainingEvent[] = []
  const model = await DenseNet.load(output)
  await model.fit(train, { on, validation, loaderThreads: 0, resume: output, onEvent: event => events.push(event) })
  expect(layersOf(events).at(-1)).toEqual(layersOf(told.events)[1])
  expect(model.state).toEqual(plain.model.state)
  const log = (run: string): unknown[] =>
    readFileSync(join(folder, run, 'log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
      .filter(({ type }) => type === 'layers')
      .map(({ time: _, ...event }) => event)
  expect(log(`stopped-${stop}`)).toEqual(log('run'))
})

test('weights that are not finite are counted', async () => {
  const session = await createSession(architecture(plain.model.config), on, {
    batchSize: 1,
    optimizer: { momentum: 0, weightDecay: 0, nesterov: false },
  })
  const { parameters } = plain.model.state
  const broken = parameters.map((value, i) => (i === 3 ? Number.NaN : value))
  const [first, second] = layerStatistics(session.table, broken, await session.gradients())
  expect(first!.weights).toMatchObject({ nonFinite: 1 })
  expect(Number.isFinite(first!.weights.mean)).toBe(true)
  expect(second!.weights).toMatchObject({ nonFinite: 0 })
  session.dispose()
})
