// FC-DenseNet against PyTorch's float64 numbers (test/golden/fc-densenet.json), and each backend's own bits.
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { Backend, Numbers } from '../../dist/engine/backend.js'
import type { MemoryMode } from '../../dist/engine/planner.js'
import { createSession, type SessionOptions } from '../../dist/engine/session.js'
import type { Optimizer } from '../../dist/engine/update.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { preset } from '../../dist/model/presets.js'
import { summarise } from '../../dist/model/summary.js'
import { relativeError } from '../golden/compare.js'
import {
  type Generated,
  type GeneratedTensor,
  generate,
  generateAll,
  type Summaries,
  summaryErrors,
} from '../golden/nets.js'
import { instructionSets } from '../native-available.js'
import { gpuAvailable, openGpu } from '../webgpu-available.js'

interface Golden {
  readonly options: DenseNetOptions
  readonly batch: number
  readonly seed: number
  readonly learningRate: number
  readonly rmsprop: Omit<Extract<Optimizer, { name: 'rmsprop' }>, 'name'>
  readonly classWeights: readonly number[]
  readonly input: Generated
  readonly labels: Generated
  readonly losses: readonly number[]
  readonly parameters: readonly GeneratedTensor[]
  readonly running: readonly GeneratedTensor[]
  readonly predicted1: readonly number[]
  readonly logits1: Summaries
  readonly gradient1: Summaries
  readonly parameters3: Summaries
  readonly running3: Summaries
  readonly logitsEvaluated: Summaries
  readonly logitsOwn: Summaries
}
const golden: Golden = JSON.parse(readFileSync(new URL('../golden/fc-densenet.json', import.meta.url), 'utf8'))
const { batch } = golden
const config = resolveConfig(golden.options)
const described = architecture(config)
const pixels = config.height * config.width

const images = (step: number): Float64Array =>
  generate({ ...golden.input, number: golden.input.number + step }, batch * 3 * pixels)
const labels = (step: number): Float64Array =>
  generate({ ...golden.labels, number: golden.labels.number + step }, batch * pixels).map(Math.floor)

/** Errors of three steps and two evaluations, by what they are of; and the weights after them. */
async function train(backend: Backend, memory: MemoryMode, options: Partial<SessionOptions> = {}) {
  const session = await createSession(described, backend, {
    batchSize: batch,
    memory,
    optimizer: { name: 'rmsprop', ...golden.rmsprop },
    decayShifts: false,
    classWeights: golden.classWeights,
    ...options,
  })
  const { table } = session
  await session.writeState({ parameters: generateAll(golden.parameters), running: generateAll(golden.running) })
  const logits = { name: 'logits', offset: 0, count: batch * config.classes * pixels }
  const errors: Record<string, number> = {}
  const compare = (what: string, slices: Parameters<typeof summaryErrors>[0], actual: Numbers, expected: Summaries) => {
    errors[what] = Math.max(...summaryErrors(slices, actual, expected))
  }
  for (const [step, expected] of golden.losses.entries()) {
    const given = { size: batch, images: images(step), labels: labels(step) }
    const { losses, predicted } = await session.trainStep(given, {
      learningRate: golden.learningRate,
      seed: golden.seed,
      step,
    })
    errors[`loss ${step + 1}`] = relativeError([[...losses].reduce((sum, loss) => sum + loss, 0) / batch], [expected])
    if (step > 0) continue
    expect([...predicted!]).toEqual(golden.predicted1)
    compare('logits 1', [logits], await session.logits(batch), golden.logits1)
    const gradients = await session.gradients()
    const has = ({ name }: { name: string }): boolean => golden.gradient1[name]!.squares > 1e-20
    const own = Object.entries(golden.gradient1).filter(([name]) => has({ name }))
    compare('gradient 1', table.parameters.filter(has), gradients, Object.fromEntries(own))
    // Batch norm takes away what a bias adds to all pixels: of those that nothing else reads there is none.
    const none = table.parameters.filter(entry => !has(entry))
    expect(none.map(({ name }) => name)).toEqual(['features.transitionup3.conv.bias'])
    for (const { offset, count } of none) {
      for (const value of gradients.subarray(offset, offset + count)) expect(Math.abs(value)).toBeLessThan(1e-7)
    }
  }
  const { parameters, running } = await session.readState()
  compare('parameters 3', table.parameters, parameters, golden.parameters3)
  compare('running 3', table.running, running, golden.running3)
  await session.evaluate({ size: batch, images: images(0), labels: labels(0) })
  const own = options.ownStatistics ? golden.logitsOwn : golden.logitsEvaluated
  compare('logits in evaluation', [logits], await session.logits(batch), own)
  session.dispose()
  if (process.env.DENSENET_SHOW_ERRORS) console.log(backend.description, memory, errors)
  return { errors: Object.entries(errors), bits: [...parameters, ...running] }
}

describe('the presets', () => {
  test.each([
    ['fc-densenet-56', 11, 1_376_795, 56],
    ['fc-densenet-67', 11, 3_463_243, 67],
    ['fc-densenet-103', 11, 9_322_091, 103],
    ['fc-densenet-103', 12, 9_322_348, 103],
  ])('%s for %i classes has %i parameters', (name, classes, parameters, depth) => {
    expect(summarise(preset(name, { classes }))).toMatchObject({ parameters, depth })
  })

  test('multiply-adds are those of the published definition', () => {
    expect(summarise(preset('fc-densenet-56')).multiplyAdds).toBe(8_916_982_368)
  })
})

describe("three steps are PyTorch's", () => {
  const exact = createReferenceBackend({ precision: 'float64', poisonArena: true })

  test('names and shapes', () => {
    const shapes = (entries: readonly { name: string; shape: readonly number[] }[]) =>
      entries.map(({ name, shape }) => [name, ...shape])
    const table = parameterTable(described)
    expect(shapes(table.parameters)).toEqual(shapes(golden.parameters))
    expect(shapes(table.running)).toEqual(shapes(golden.running))
  })

  test.each<[MemoryMode, number, boolean]>([
    ['store', batch, false],
    ['recompute', batch + 1, true],
  ])('in float64, memory %s, room for %i images, own statistics %s', async (memory, batchSize, ownStatistics) => {
    const { errors } = await train(exact, memory, { batchSize, ownStatistics })
    expect(errors.filter(([, error]) => !(error <= 1e-9))).toEqual([])
  })
})

describe.skipIf(instructionSets.length === 0)('the native backend', () => {
  const backends = instructionSets.length === 0 ? [] : [1, 2].map(threads => createNativeBackend({ threads }))
  afterAll(() => {
    for (const backend of backends) backend.dispose()
  })

  test('gives these numbers, and the same bits in either memory mode and with any number of threads', async () => {
    const { errors, bits } = await train(backends[0]!, 'store')
    expect(errors.filter(([, error]) => !(error <= 2e-4))).toEqual([])
    expect((await train(backends[1]!, 'recompute')).bits).toEqual(bits)
  })
})

describe.skipIf(!gpuAvailable)('a GPU', () => {
  test('gives these numbers', async () => {
    const gpu = await openGpu()
    const { errors } = await train(gpu, 'store', { ownStatistics: true })
    gpu.dispose()
    expect(errors.filter(([, error]) => !(error <= 2e-4))).toEqual([])
  })
})

test('a loss of another kind is refused', async () => {
  const backend = createReferenceBackend()
  const loss = { kind: 'crossEntropy', smoothing: 0.1 } as const
  await expect(
    createSession(described, backend, {
      batchSize: 1,
      loss,
      optimizer: { momentum: 0, weightDecay: 0, nesterov: false },
    }),
  ).rejects.toThrow('of pixels there is plain cross entropy only')
})

test('images may have any size from a pixel at the bottom on', () => {
  expect(() => resolveConfig({ ...golden.options, width: 3 })).toThrow(
    'an input width of 3 is too small for 2 blocks down',
  )
  const { output } = architecture(resolveConfig({ ...golden.options, height: 4, width: 97 })).layers.at(-1)!
  expect(output).toMatchObject({ height: 4, width: 97 })
})
