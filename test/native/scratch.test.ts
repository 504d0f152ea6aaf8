// What compile() takes besides the buffers is known beforehand: predictions of memory count it.
import { describe, expect, test } from 'vitest'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { plan } from '../../dist/engine/planner.js'
import { architecture } from '../../dist/model/architecture.js'
import { preset } from '../../dist/model/presets.js'
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
  })
}
