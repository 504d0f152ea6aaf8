// The reference in float32 storage against itself in float64: what rounding alone costs, a floor for every other
// backend, and a check of the cases themselves.
import { afterAll, describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { conformanceCases } from './cases.js'
import { expectedOf } from './expected.js'
import { compareCase, runCase, type Tolerance } from './harness.js'

const single = createReferenceBackend()

describe('float32 storage agrees with float64', () => {
  test('every kernel has cases, no two of the same name', () => {
    const names = conformanceCases.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(new Set(conformanceCases.map(({ program }) => program.calls[0]!.kernel)).size).toBe(21)
  })

  test('what is wrong with a weak channel shows', async () => {
    const testCase = conformanceCases.find(
      ({ name }) => name.startsWith('convolutionForward') && name.endsWith('weak'),
    )!
    const expected = Array.from(await expectedOf(testCase))
    const { positions, inner, channels } = testCase.outputs[0]!
    const largest = (of: number[]): number => Math.max(...of.map(position => Math.abs(expected[position]!)))
    const weakest = [...positions].filter((_, i) => Math.floor(i / inner) % channels === 1)
    expect(largest(weakest)).toBeLessThan(largest([...positions]) / 50)
    const actual = expected.slice()
    actual[weakest[3]!]! += 1e-5 * largest(weakest)
    expect(compareCase(testCase, expected, actual).problems).toEqual([expect.stringContaining('channel 1')])
  })

  const worst: Record<string, Tolerance> = {}
  afterAll(() => {
    if (process.env.DENSENET_SHOW_ERRORS) console.table(worst)
  })

  for (const testCase of conformanceCases) {
    test(testCase.name, async () => {
      const expected = await expectedOf(testCase)
      for (const { name, positions } of testCase.outputs) {
        const finite = positions.every(position => Number.isFinite(expected[position]))
        expect(finite, `${name} is finite`).toBe(true)
      }
      expect(compareCase(testCase, expected, expected).problems).toEqual([])
      const { errors, problems } = compareCase(testCase, expected, await runCase(single, testCase))
      const { kernel } = testCase.program.calls[0]!
      const { many, few } = worst[kernel] ?? errors
      worst[kernel] = { many: Math.max(many, errors.many), few: Math.max(few, errors.few) }
      expect(problems).toEqual([])
    })
  }
})
