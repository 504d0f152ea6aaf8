// Same seed, same bits: the weights after ten steps do not depend on the number of threads, nor on the memory mode.
import { describe, expect, test } from 'vitest'
import { DenseNet } from '../../dist/densenet.js'
import type { MemoryMode } from '../../dist/engine/planner.js'
import {
  createSession,
  type SessionBatch,
  type SessionOptions,
  type SessionState,
  type TrainingBuffer,
} from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { randomStream } from '../../dist/util/random.js'
import { type CompiledBuild, compiledBuilds } from '../compiled-builds.js'
import { instructionSets } from '../native-available.js'
import { TINY, tinyDataset } from '../training/fixtures.js'

const STEPS = 10
const BATCH = 5

interface Training {
  readonly net: DenseNetOptions
  readonly session: Omit<SessionOptions, 'batchSize' | 'memory'>
}

const NETS: Readonly<Record<string, Training>> = {
  'BC net with dropout': {
    net: {
      blocks: [2, 3, 1],
      growthRate: 5,
      bottleneck: true,
      dropRate: 0.2,
      initialChannels: 11,
      height: 13,
      width: 10,
      classes: 7,
    },
    session: { optimizer: { momentum: 0.9, weightDecay: 1e-4, nesterov: true } },
  },
  'plain net': {
    net: { blocks: [2, 2], growthRate: 7, height: 9, width: 12, classes: 3 },
    session: {
      optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
      clipNorm: 0.5,
      averages: true,
      decayNorms: false,
      loss: { kind: 'crossEntropy', smoothing: 0.1 },
    },
  },
  'net with ImageNet stem': {
    net: {
      blocks: [1, 2],
      growthRate: 4,
      bottleneck: true,
      stem: 'imagenet',
      height: 37,
      width: 26,
      classes: 4,
    },
    session: { optimizer: { momentum: 0.9, weightDecay: 1e-4, nesterov: true } },
  },
}

/** What it is trained on, which a seed makes; the last batch of every five is smaller. */
function batchesOf(net: DenseNetOptions): SessionBatch[] {
  const { height, width, classes } = resolveConfig(net)
  return Array.from({ length: STEPS }, (_, step) => {
    const size = step % 5 === 4 ? 3 : BATCH
    const random = randomStream(1, 'shuffle', step)
    const images = Float32Array.from({ length: size * 3 * height * width }, () => random.normal())
    return { size, images, labels: Float32Array.from({ length: size }, () => random.integer(classes)) }
  })
}

/** Returns everything that changed. */
async function train(
  { net, session: options }: Training,
  batches: readonly SessionBatch[],
  run: { readonly build: CompiledBuild; readonly threads: number; readonly memory: MemoryMode },
): Promise<SessionState & { readonly losses: readonly number[] }> {
  const backend = await run.build.open(run.threads)
  const session = await createSession(architecture(resolveConfig(net)), backend, {
    batchSize: BATCH,
    memory: run.memory,
    ...options,
  })
  await session.writeState({ parameters: initialParameters(session.table, 3), running: initialRunning(session.table) })
  const losses: number[] = []
  for (const [step, batch] of batches.entries()) {
    const result = await session.trainStep(batch, { learningRate: 0.01, seed: 9, step, averageKeeps: 0.9 })
    losses.push(...result.losses)
  }
  const state = await session.readState()
  session.dispose()
  backend.dispose()
  return { ...state, losses }
}

/** How many numbers differ in any bit. */
function differences(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  return Array.from(a).filter((value, i) => !Object.is(value, b[i])).length
}

const made = Object.entries(NETS).map(([name, options]) => [name, options, batchesOf(options.net)] as const)

for (const build of compiledBuilds) {
  describe.skipIf(!build.available)(`${build.name}, ${STEPS} steps`, () => {
    describe.each(made)('%s', (_, options, batches) => {
      const first = { build, threads: 1, memory: 'store' } as const
      let expected: Awaited<ReturnType<typeof train>>

      test('learns something with one thread', async () => {
        expected = await train(options, batches, first)
        expect(expected.losses.every(Number.isFinite)).toBe(true)
        const initial = initialParameters(parameterTable(architecture(resolveConfig(options.net))), 3)
        expect(differences(expected.parameters, initial)).toBeGreaterThan(0.99 * initial.length)
      })

      test.each<[number, MemoryMode]>([
        [2, 'store'],
        [3, 'store'],
        [8, 'store'],
        [1, 'recompute'],
        [2, 'recompute'],
        [3, 'recompute'],
        [8, 'recompute'],
      ])('%i threads, memory "%s": the same bits', async (threads, memory) => {
        const actual = await train(options, batches, { build, threads, memory })
        expect(differences(actual.losses, expected.losses), 'losses').toBe(0)
        expect(differences(actual.parameters, expected.parameters), 'parameters').toBe(0)
        for (const [name, values] of Object.entries(expected.training)) {
          expect(differences(actual.training[name as TrainingBuffer]!, values), name).toBe(0)
        }
        expect(differences(actual.running, expected.running), 'running statistics').toBe(0)
      })
    })
  })
}

describe.skipIf(instructionSets.length === 0)('a whole run of DenseNet.fit, images and augmentation included', () => {
  const weights = async (threads: number, memory: MemoryMode, loaderThreads: number) => {
    using network = DenseNet.create(TINY, { seed: 5 })
    // Six batches of 8 and one of 2 an epoch.
    const options = { epochs: 8, batchSize: 8, seed: 5, backend: 'native', threads, memory, loaderThreads } as const
    await network.fit(tinyDataset('train', 50), options)
    return network.state
  }

  test('gives the same weights for 1, 2, 3 and 8 threads, either way of memory and any number of loader threads', async () => {
    const one = await weights(1, 'store', 0)
    expect(await weights(1, 'store', 0)).toEqual(one)
    for (const [threads, memory, loaderThreads] of [
      [2, 'store', 1],
      [3, 'recompute', 2],
      [8, 'store', 0],
      [8, 'recompute', 1],
    ] as const) {
      expect(await weights(threads, memory, loaderThreads), `${threads} threads, ${memory}`).toEqual(one)
    }
  })
})
