// What the reference leaves of each case in float64, computed once for all backends that are tested in the same process.
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { ConformanceCase } from './harness.js'
import { runInPrecision } from './in-precision.js'

const reference = createReferenceBackend()
/** By inputs, which two cases share that differ in tolerance only. */
const expectations = new Map<ConformanceCase['inputs'], Promise<Float64Array>>()

export function expectedOf(testCase: ConformanceCase): Promise<Float64Array> {
  const { inputs } = testCase
  const expected = expectations.get(inputs) ?? runInPrecision(reference, testCase, 'float64').then(({ left }) => left)
  expectations.set(inputs, expected)
  return expected
}
