// The plain module computes what the native portable build does, bit for bit, and neither threads nor denormal numbers change that.
import { describe, expect, test } from 'vitest'
import { createSession, type SessionState } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { randomStream } from '../../dist/util/random.js'
import { type CompiledBuild, nativeBuilds, wasmBuilds } from '../compiled-builds.js'

const NETS: Readonly<Record<string, DenseNetOptions>> = {
  'like densenet-bc-100-12': { blocks: [4, 4, 4], growthRate: 12, bottleneck: true, reduction: 0.5, classes: 10 },
  'like densenet-121': {
    blocks: [2, 3, 2],
    growthRate: 32,
    bottleneck: true,
    reduction: 0.5,
    stem: 'imagenet',
    height: 64,
    width: 64,
    classes: 100,
  },
}

const SGD = { momentum: 0.9, weightDecay: 1e-4, nesterov: true }

async function train(build: CompiledBuild, threads: number, options: DenseNetOptions): Promise<SessionState> {
  const config = resolveConfig(options)
  const backend = await build.open(threads)
  const session = await createSession(architecture(config), backend, { batchSize: 6, optimizer: SGD })
  await session.writeState({ parameters: initialParameters(session.table, 3), running: initialRunning(session.table) })
  for (let step = 0; step < 4; step++) {
    const size = step === 2 ? 5 : 6
    const random = randomStream(1, 'shuffle', step)
    const images = Float32Array.from({ length: size * 3 * config.height * config.width }, () => random.normal())
    const labels = Float32Array.from({ length: size }, () => random.integer(config.classes))
    await session.trainStep({ size, images, labels }, { learningRate: 0.1, seed: 9, step })
  }
  const state = await session.readState()
  session.dispose()
  backend.dispose()
  return state
}

const portable = nativeBuilds.find(({ name }) => name === 'native portable')!
const simd = wasmBuilds.find(({ name }) => name === 'wasm simd')!

describe.skipIf(!portable.available || !simd.available)('weights after four steps', () => {
  describe.each(Object.entries(NETS))('%s', (_, options) => {
    test('are those of the native portable build, with one thread and two', async () => {
      const expected = await train(portable, 2, options)
      expect(expected.parameters.every(Number.isFinite)).toBe(true)
      for (const threads of [1, 2]) {
        const actual = await train(simd, threads, options)
        expect(actual.parameters).toEqual(expected.parameters)
        expect(actual.running).toEqual(expected.running)
        expect(actual.training).toEqual(expected.training)
      }
    })
  })
})

describe.each(wasmBuilds)('$name', ({ available, open }) => {
  // They would cost a hundred times as much, in every step from then on.
  test.skipIf(!available)('momentum and averages that die out become zeros, not denormal numbers', async () => {
    const backend = await open(1)
    const net = architecture(resolveConfig({ blocks: [2, 2], growthRate: 5, height: 8, width: 8, classes: 3 }))
    for (const optimizer of [
      { ...SGD, weightDecay: 0 },
      { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
      { name: 'rmsprop', alpha: 0.9, momentum: 0.9, epsilon: 1e-8, weightDecay: 0 },
    ] as const) {
      const session = await createSession(net, backend, { batchSize: 2, optimizer, averages: true })
      const tiny = new Float32Array(session.table.parameterCount).fill(1.2e-38)
      await session.writeState({
        parameters: tiny,
        training: { velocity: tiny, firstMoment: tiny, secondMoment: tiny, average: tiny },
      })
      await session.writeGradients(new Float32Array(tiny.length))
      await session.update({ learningRate: 1e-3, averageKeeps: 0.5 })
      const { training } = await session.readState()
      const denormal = Object.entries(training).flatMap(([name, values]) =>
        values.some(value => value !== 0 && Math.abs(value) < 2 ** -126) ? [name] : [],
      )
      expect(denormal).toEqual([])
      expect((training.velocity ?? training.firstMoment)!.every(value => value === 0)).toBe(true)
      session.dispose()
    }
    backend.dispose()
  })
})
