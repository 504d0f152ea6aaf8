// The webgpu backend against the reference, kernel by kernel. NaN in the gaps may be lost on a GPU, whose compilers may assume that there is
// none; so most cases have 1e30 there. With DENSENET_TEST_GPU every case is run with both.
import { afterAll, describe, expect, test } from 'vitest'
import { operandsOf } from '../../dist/engine/operands.js'
import { gpuAvailable, openGpu } from '../webgpu-available.js'
import { conformanceCases } from './cases.js'
import { expectedOf } from './expected.js'
import { type ConformanceCase, compareCase, initialArena, onGpu, runCase, type Tolerance } from './harness.js'
import { LARGE_BITS, ofStored, precisionCases, roundedCase, runInPrecision } from './in-precision.js'

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
  test('refuses layers in int8, and nothing else', () => {
    const refused = conformanceCases
      .map(({ program }) => backend!.refuses(program.calls[0]!))
      .filter(why => why !== null)
    expect([...new Set(refused)]).toEqual(['the webgpu backend has no layers in int8'])
  })
  for (const [number, testCase] of conformanceCases.entries()) {
    test(testCase.name, async ({ skip }) => {
      const why = backend!.refuses(testCase.program.calls[0]!)
      if (why !== null) skip(why)
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

/** Of each kernel the case with the most fields where the planes that it writes have an odd number of pixels, and of convolutions and pools the one
 * where it is even: bfloat16 comes in pairs. With DENSENET_TEST_GPU all of few numbers. */
function halfCases(): ConformanceCase[] {
  if (process.env.DENSENET_TEST_GPU) return precisionCases
  const chosen = new Map<string, ConformanceCase>()
  for (const testCase of precisionCases) {
    const [call] = testCase.program.calls
    const views = operandsOf(call!, 1).flatMap(operand =>
      'view' in operand && operand.activations ? [{ ...operand.view, access: operand.access }] : [],
    )
    const target = views.find(({ access }) => access !== 'read') ?? views[0]
    if (!target) continue
    const odd = (target.height * target.width) % 2 === 1
    if (!odd && !/^(convolution|maxPool|averagePool)/.test(call!.kernel)) continue
    const key = `${call!.kernel} ${odd}`
    if (testCase.name.length > (chosen.get(key)?.name.length ?? 0)) chosen.set(key, testCase)
  }
  return [...chosen.values()]
}

describe.skipIf(!gpuAvailable).concurrent('webgpu agrees with the reference, in bfloat16', async () => {
  const backend = gpuAvailable ? await openGpu({ precision: 'bfloat16' }) : null
  const worst: Record<string, Tolerance> = {}
  afterAll(() => {
    if (process.env.DENSENET_SHOW_ERRORS) console.table(worst)
    backend?.dispose()
  })
  for (const testCase of halfCases()) {
    test(testCase.name, async ({ skip }) => {
      const { kernel } = testCase.program.calls[0]!
      const why = backend!.refuses(testCase.program.calls[0]!)
      if (why !== null) skip(why)
      const rounded = roundedCase(onGpu(testCase), 'bfloat16')
      const expected = await expectedOf(rounded)
      const { left, stray } = await runInPrecision(backend!, rounded, 'bfloat16', LARGE_BITS)
      const { errors, problems } = compareCase(rounded, ofStored(rounded, expected, left), left)
      const { many, few } = worst[kernel] ?? errors
      worst[kernel] = { many: Math.max(many, errors.many), few: Math.max(few, errors.few) }
      expect(problems).toEqual([])
      expect(stray).toBe(-1)
    })
  }
})
