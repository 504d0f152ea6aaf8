// What compile() takes besides the buffers is known beforehand: predictions of memory count it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { plan } from '../../dist/engine/planner.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { preset } from '../../dist/model/presets.js'
import { randomStream } from '../../dist/util/random.js'
import { instructionSets, knownInstructionSets } from '../native-available.js'

for (const isa of knownInstructionSets) {
  describe.skipIf(!instructionSets.includes(isa))(`scratch, ${isa}`, () => {
    const bytes = (model: string, threads: number, batchSize = 8): number => {
      const backend = createNativeBackend({ threads, instructionSet: isa })
      const scratch = backend.scratchBytes(plan(architecture(preset(model)), { mode: 'train', batchSize }))
      backend.dispose()
      return scratch
    }

    test('is shared by all threads, and as much again for each', () => {
      const [one, two, four] = [1, 2, 4].map(threads => bytes('densenet-bc-40-12', threads)) as [number, number, number]
      expect(two).toBeGreaterThan(one)
      expect(four - two).toBe(2 * (two - one))
      expect(one).toBeGreaterThan(two - one)
    })

    test('is known for every kernel of an ImageNet network', () => {
      expect(bytes('densenet-121', 2)).toBeGreaterThan(1e6)
      expect(bytes('densenet-121', 2)).toBeLessThan(100e6)
    })

    // Kernels lay out by the run's own batch, and a smaller one may be cut into larger parts.
    const enough = (net: DenseNetOptions, batchSize: number, threads: number): void => {
      const backend = createNativeBackend({ threads, instructionSet: isa })
      const program = plan(architecture(resolveConfig(net)), { mode: 'train', batchSize })
      const given = backend.scratchBytes(program)
      for (let n = 1; n < batchSize; n++) {
        expect(backend.scratchBytes({ ...program, batchSize: n }), `${n} of ${batchSize} images`).toBeLessThanOrEqual(
          given,
        )
      }
      backend.dispose()
    }

    test('suffices for 128 of 150 images of 32 x 32, which are cut into larger strips than 150', () => {
      enough({ blocks: [6, 6, 6, 6], growthRate: 12, bottleneck: false, classes: 10 }, 150, 2)
    })

    // Here AddressSanitizer sees what is written past the end. 64 of 65 images of 4 x 8 are cut into larger strips than 65.
    test('planned for more images, a run gives the bits that it gives planned for its own', async () => {
      const net = { blocks: [1, 2], growthRate: 5, bottleneck: false, height: 4, width: 8, classes: 3 }
      const step = async (planned: number, size: number): Promise<number[]> => {
        const backend = createNativeBackend({ threads: 2, instructionSet: isa })
        const optimizer = { momentum: 0.9, weightDecay: 0, nesterov: true }
        const session = await createSession(architecture(resolveConfig(net)), backend, {
          batchSize: planned,
          optimizer,
        })
        const { table } = session
        await session.writeState({ parameters: initialParameters(table, 5), running: initialRunning(table) })
        const random = randomStream(7, 'shuffle', size)
        const images = Float32Array.from({ length: size * 96 }, () => random.normal())
        const labels = Array.from({ length: size }, () => random.integer(3))
        await session.trainStep({ size, images, labels }, { learningRate: 0.1 })
        const { parameters } = await session.readState()
        session.dispose()
        backend.dispose()
        return Array.from(parameters)
      }
      for (const size of [1, 2, 33, 48, 63, 64])
        expect(await step(65, size), `${size} of 65`).toEqual(await step(size, size))
    })

    test('suffices for every batch up to the planned one, whatever the net', () => {
      const nets = fc.record({
        blocks: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 3 }),
        growthRate: fc.integer({ min: 1, max: 40 }),
        bottleneck: fc.boolean(),
        width: fc.integer({ min: 4, max: 40 }),
        height: fc.integer({ min: 4, max: 40 }),
      })
      fc.assert(
        fc.property(nets, fc.integer({ min: 2, max: 160 }), fc.integer({ min: 1, max: 4 }), (net, batchSize, threads) =>
          enough({ ...net, classes: 3 }, batchSize, threads),
        ),
        { numRuns: 12, ...(process.env.DENSENET_SEED ? { seed: Number(process.env.DENSENET_SEED) } : {}) },
      )
    })
  })
}
