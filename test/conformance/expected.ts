// What the reference leaves of each case, computed once for all backends that are tested in the same process.
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { type ConformanceCase, runCase } from './harness.js'

const reference = createReferenceBackend({ elementType: 'float64' })
const expectations = new Map<ConformanceCase, Promise<ArrayLike<number>>>()

export function expectedOf(testCase: ConformanceCase): Promise<ArrayLike<number>> {
  const expected = expectations.get(testCase) ?? runCase(reference, testCase)
  expectations.set(testCase, expected)
  return expected
}
