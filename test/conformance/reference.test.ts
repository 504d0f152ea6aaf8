// The reference in float32 storage against itself in float64: what rounding alone costs, a floor for every other
// backend, and a check of the cases themselves.
import { afterAll, describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { conformanceCases } from './cases.js'
import { compareCase, runCase } from './harness.js'

const exact = createReferenceBackend({ elementType: 'float64' })
const single = createReferenceBackend({ elementType: 'float32' })

describe('float32 storage agrees with float64', () => {
  test('every kernel has cases, no two of the same name', () => {
    const names = conformanceCases.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(new Set(conformanceCases.map(({ program }) => program.calls[0]!.kernel)).size).toBe(18)
  })

  const worst: Record<string, number> = {}
  afterAll(() => {
    if (process.env.DENSENET_SHOW_ERRORS) console.table(worst)
  })

  for (const testCase of conformanceCases) {
    test(testCase.name, async () => {
      const expected = await runCase(exact, testCase)
      for (const { name, positions } of testCase.outputs) {
        const finite = positions.every(position => Number.isFinite(expected[position]))
        expect(finite, `${name} is finite`).toBe(true)
      }
      expect(compareCase(testCase, expected, expected).problems).toEqual([])
      const { errors, problems } = compareCase(testCase, expected, await runCase(single, testCase))
      const { kernel } = testCase.program.calls[0]!
      worst[kernel] = Math.max(worst[kernel] ?? 0, ...errors.values())
      expect(problems).toEqual([])
    })
  }
})
