// Trainings on a GPU with the limits that every one has: a golden net, odd ones, the same bits twice, both memory modes, diverged ones.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { WebGpuBackend } from '../../dist/backends/webgpu/backend.js'
import type { Backend } from '../../dist/engine/backend.js'
import { createInference } from '../../dist/engine/inference.js'
import type { MemoryMode } from '../../dist/engine/planner.js'
import { createSession, type SessionOptions, type SessionState } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { randomStream } from '../../dist/util/random.js'
import { relativeError } from '../golden/compare.js'
import { testGoldenNets, testOriginalSteps } from '../golden/steps.js'
import { ODD_NETS } from '../odd-nets.js'
import { gpuAvailable, gpuBuild, openGpu } from '../webgpu-available.js'

const own = process.env.DENSENET_TEST_GPU === 'own'
// Of a GPU that is played by a processor the others say no more: its kernels are the reference's (test/conformance), and so are odd nets.
testGoldenNets(gpuBuild, ['store'], own ? undefined : ['bc'])
// A minute for each step there.
if (own) testOriginalSteps(gpuBuild)

/** Some: a processor that plays a GPU takes seconds for each. */
const { 'BC with dropout': dropout, 'ImageNet stem': imagenet, 'down to one pixel': small } = ODD_NETS
const ODD = { 'BC with dropout': dropout, 'ImageNet stem': imagenet, 'down to one pixel': small }
const SGD = { momentum: 0.9, weightDecay: 1e-4, nesterov: true }

interface Trained {
  readonly losses: number[]
  readonly state: SessionState
  readonly logits: Float64Array
}

/** Steps with batches of several sizes, then the logits of inference. */
async function train(
  backend: Backend,
  options: DenseNetOptions,
  memory: MemoryMode = 'store',
  more: Partial<SessionOptions> = {},
  learningRate = 0.02,
): Promise<Trained> {
  const config = resolveConfig(options)
  const net = architecture(config)
  const session = await createSession(net, backend, { batchSize: 5, memory, optimizer: SGD, ...more })
  await session.writeState({ parameters: initialParameters(session.table, 5), running: initialRunning(session.table) })
  const losses: number[] = []
  const imagesOf = (step: number, size: number): Float32Array => {
    const random = randomStream(7, 'shuffle', step)
    return Float32Array.from({ length: size * 3 * config.height * config.width }, () => random.normal())
  }
  for (const [step, size] of [4, 5, 3].entries()) {
    const labels = Float32Array.from({ length: size }, (_, i) => (i + step) % config.classes)
    const accumulated = more.accumulates ? { pendingImages: step === 1 ? 4 : 0, update: step !== 0 } : {}
    const averaged = more.averages ? { averageKeeps: 0.5 } : {}
    const made = await session.trainStep(
      { size, images: imagesOf(step, size), labels },
      { learningRate, seed: 1, step, ...accumulated, ...averaged },
    )
    losses.push(...made.losses)
  }
  const state = await session.readState()
  session.dispose()
  const inference = await createInference(net, backend, state, { batchSize: 5 })
  const logits = Float64Array.from(await inference.run(imagesOf(9, 3), 3))
  inference.dispose()
  return { losses, state, logits }
}

describe.skipIf(!gpuAvailable)('on a GPU', async () => {
  const backend = gpuAvailable ? await gpuBuild.open() : (null as unknown as WebGpuBackend)
  const reference = createReferenceBackend({ precision: 'float64' })
  const expectations = new Map<DenseNetOptions, Promise<Trained>>()
  const expectedOf = (options: DenseNetOptions): Promise<Trained> => {
    const expected = expectations.get(options) ?? train(reference, options)
    expectations.set(options, expected)
    return expected
  }
  test('it has the limits that every GPU has', () => {
    expect(backend.device.limits.maxStorageBuffersPerShaderStage).toBe(8)
  })

  test.each(Object.entries(ODD))('%s: losses, weights and logits are those of the reference', async (_, options) => {
    const [actual, expected] = [await train(backend, options), await expectedOf(options)]
    expect(relativeError(actual.losses, expected.losses)).toBeLessThan(2e-5)
    expect(relativeError(actual.state.parameters, expected.state.parameters)).toBeLessThan(1e-4)
    expect(relativeError(actual.state.running, expected.state.running)).toBeLessThan(1e-4)
    expect(relativeError(actual.logits, expected.logits)).toBeLessThan(1e-3)
  })

  test('the same bits again, with the other memory mode', async () => {
    const [once, again] = [await train(backend, dropout), await train(backend, dropout, 'recompute')]
    expect(again.losses).toEqual(once.losses)
    expect(again.state.parameters).toEqual(once.state.parameters)
    expect(again.logits).toEqual(once.logits)
  })

  test('in bfloat16: near the reference, the same bits again with the other memory mode', async () => {
    const half = await openGpu({ precision: 'bfloat16', defaults: true })
    const once = await train(half, dropout)
    const expected = await expectedOf(dropout)
    expect(relativeError(once.losses, expected.losses)).toBeLessThan(0.02)
    expect(relativeError(once.state.running, expected.state.running)).toBeLessThan(0.02)
    expect(relativeError(once.logits, expected.logits)).toBeLessThan(0.1)
    const again = await train(half, dropout, 'recompute')
    expect(again.losses).toEqual(once.losses)
    expect(again.state.parameters).toEqual(once.state.parameters)
    expect(again.logits).toEqual(once.logits)
    half.dispose()
  })

  test('gradients of several batches, averages, clipping, adamW', async () => {
    const more: Partial<SessionOptions> = {
      accumulates: true,
      averages: true,
      clipNorm: 0.5,
      optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
    }
    const options = dropout
    const actual = await train(backend, options, 'store', more, 1e-3)
    const expected = await train(reference, options, 'store', more, 1e-3)
    expect(relativeError(actual.losses, expected.losses)).toBeLessThan(2e-5)
    expect(relativeError(actual.state.training.average!, expected.state.training.average!)).toBeLessThan(1e-3)
  })

  test('a training that diverges has no finite loss', async () => {
    const { losses, state } = await train(backend, dropout, 'store', {}, 1e30)
    expect(losses.slice(-3).filter(Number.isFinite)).toEqual([])
    expect([...state.parameters].every(Number.isFinite)).toBe(false)
  })
})
