// The webgpu backend against the reference, kernel by kernel. NaN in the gaps may be lost on a GPU, whose compilers may assume that there is
// none; so most cases have 1e30 there. With DENSENET_TEST_GPU every case is run with both.
import { afterAll, describe, expect, test } from 'vitest'
import { gpuAvailable, openGpu } from '../webgpu-available.js'
import { conformanceCases } from './cases.js'
import { expectedOf } from './expected.js'
import { compareCase, initialArena, onGpu, runCase, type Tolerance } from './harness.js'

const gapsOf = (number: number): number[] => {
  if (process.env.DENSENET_TEST_GPU) return [Number.NaN, 1e30]
  return [number % 3 === 0 ? Number.NaN : 1e30]
}

// Together, so that kernels are compiled by more than one thread.
describe.skipIf(!gpuAvailable).concurrent('webgpu agrees with the reference', async () => {
  const backend = gpuAvailable ? await openGpu() : null
  const worst: Record<string, Tolerance> = {}
  afterAll(() => {
    if (process.env.DENSENET_SHOW_ERRORS) console.table(worst)
    backend?.dispose()
  })
  test('refuses nothing', () => {
    for (const { program } of conformanceCases) expect(backend!.refuses(program.calls[0]!)).toBe(null)
  })
  for (const [number, testCase] of conformanceCases.entries()) {
    test(testCase.name, async () => {
      const expected = await expectedOf(testCase)
      for (const gap of gapsOf(number)) {
        // As it is stored: what must stay is compared.
        const before = Float32Array.from(initialArena(testCase, gap))
        const allowed = onGpu(testCase)
        const { errors, problems } = compareCase(allowed, expected, await runCase(backend!, testCase, before), before)
        const { kernel } = testCase.program.calls[0]!
        const { many, few } = worst[kernel] ?? errors
        worst[kernel] = { many: Math.max(many, errors.many), few: Math.max(few, errors.few) }
        expect(problems).toEqual([])
      }
    })
  }
})
