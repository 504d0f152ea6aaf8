// The native backend against the reference, kernel by kernel, on every instruction set that this processor can run.
import { afterAll, describe, expect, test } from 'vitest'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { instructionSets, knownInstructionSets } from '../native-available.js'
import { conformanceCases, unusualCases } from './cases.js'
import { type ConformanceCase, compareCase, runCase, type Tolerance } from './harness.js'

const reference = createReferenceBackend({ elementType: 'float64' })
/** What the reference leaves, computed once for all instruction sets. */
const expectations = new Map<ConformanceCase, Promise<ArrayLike<number>>>()
function expectedOf(testCase: ConformanceCase): Promise<ArrayLike<number>> {
  const known = expectations.get(testCase) ?? runCase(reference, testCase)
  expectations.set(testCase, known)
  return known
}

for (const isa of knownInstructionSets) {
  describe.skipIf(!instructionSets.includes(isa))(`native ${isa} agrees with the reference`, () => {
    const worst: Record<string, Tolerance> = {}
    afterAll(() => {
      if (process.env.DENSENET_SHOW_ERRORS) console.table(worst)
    })
    const asked = instructionSets.includes(isa) ? createNativeBackend({ threads: 1, instructionSet: isa }) : null
    const refusal = ({ program }: ConformanceCase): string | null => asked?.refuses(program.calls[0]!) ?? null
    afterAll(() => asked?.dispose())
    test('refuses nothing that DenseNets have', () => {
      const refused = conformanceCases.filter(testCase => refusal(testCase) !== null)
      expect(refused.filter(testCase => !unusualCases.includes(testCase)).map(({ name }) => name)).toEqual([])
    })
    for (const testCase of conformanceCases) {
      const why = refusal(testCase)
      test(testCase.name, async ({ skip }) => {
        if (why !== null) skip(why)
        const native = createNativeBackend({ threads: 2, instructionSet: isa })
        const expected = await expectedOf(testCase)
        const { errors, problems } = compareCase(testCase, expected, await runCase(native, testCase))
        const { kernel } = testCase.program.calls[0]!
        const { many, few } = worst[kernel] ?? errors
        worst[kernel] = { many: Math.max(many, errors.many), few: Math.max(few, errors.few) }
        native.dispose()
        expect(problems).toEqual([])
      })
    }
  })
}
