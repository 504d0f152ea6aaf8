// The native backend in other precisions than float32, on every instruction set that this processor can run, against the reference.
import { afterAll, describe, expect, test } from 'vitest'
import { loadAddon, usableSets } from '../../dist/backends/native/addon.js'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { instructionSets, knownInstructionSets } from '../native-available.js'
import { expectedOf } from './expected.js'
import { type ConformanceCase, compareCase, type Tolerance } from './harness.js'
import { ofStored, precisionCases, roundedCase, runInPrecision } from './in-precision.js'

/** Of bfloat16 only. */
const PAIRS = ['amx', 'avx512bf16']

/** What is multiplied as pairs is rounded before. */
const toleranceOf = (testCase: ConformanceCase, instructionSet: string): ConformanceCase => {
  const { many, few } = testCase.tolerance
  return PAIRS.includes(instructionSet)
    ? { ...testCase, tolerance: { many: many + 2 ** -7, few: few + 2 ** -5 } }
    : testCase
}

for (const precision of ['float64', 'bfloat16'] as const) {
  const cases = precisionCases.map(testCase => {
    const rounded = roundedCase(testCase, precision)
    return { testCase: rounded, expected: expectedOf(rounded) }
  })
  const available = instructionSets.length > 0 ? usableSets(loadAddon(), precision).map(({ name }) => name) : []
  const known = [...(precision === 'bfloat16' ? PAIRS : []), ...knownInstructionSets]
  const lacking = PAIRS.filter(set => known.includes(set) && !available.includes(set))
  if (lacking.length > 0)
    console.log(
      `skipped: this processor has no products of bfloat16 by ${lacking.join(', ')}; npm run test:played plays them`,
    )
  for (const instructionSet of known) {
    describe.skipIf(!available.includes(instructionSet))(`native ${instructionSet}, ${precision}`, () => {
      const worst: Record<string, Tolerance> = {}
      const backend = available.includes(instructionSet)
        ? createNativeBackend({ threads: 2, instructionSet, precision })
        : null
      afterAll(() => {
        if (process.env.DENSENET_SHOW_ERRORS) console.table(worst)
        backend?.dispose()
      })
      test.for(cases.map(each => [each.testCase.name, each] as const))(
        '%s',
        async ([, { testCase, expected }], { skip }) => {
          const [call] = testCase.program.calls
          const why = backend!.refuses(call!)
          if (why !== null) skip(why)
          const { left, stray } = await runInPrecision(backend!, testCase, precision)
          const { errors, problems } = compareCase(
            toleranceOf(testCase, instructionSet),
            ofStored(testCase, await expected, left),
            left,
          )
          const { many, few } = worst[call!.kernel] ?? errors
          worst[call!.kernel] = { many: Math.max(many, errors.many), few: Math.max(few, errors.few) }
          expect(problems).toEqual([])
          expect(stray).toBe(-1)
        },
      )
    })
  }
}
