// What the reference leaves of each case in float64, computed once for all backends that are tested in the same process.
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { ConformanceCase } from './harness.js'
import { runInPrecision } from './in-precision.js'

const reference = createReferenceBackend()
const expectations = new Map<ConformanceCase, Promise<Float64Array>>()

export function expectedOf(testCase: ConformanceCase): Promise<Float64Array> {
  const expected = expectations.get(testCase) ?? runInPrecision(reference, testCase, 'float64').then(({ left }) => left)
  expectations.set(testCase, expected)
  return expected
}
