// What the reference leaves of each case, computed once for all backends that are tested in the same process.
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { Precision } from '../../dist/engine/program.js'
import type { ConformanceCase } from './harness.js'
import { runInPrecision } from './in-precision.js'

const reference = createReferenceBackend()
const expectations = new Map<ConformanceCase, Map<Precision, Promise<Float64Array>>>()

/** In a precision: by default, as exactly as it can. */
export function expectedOf(testCase: ConformanceCase, precision: Precision = 'float64'): Promise<Float64Array> {
  const inPrecisions = expectations.get(testCase) ?? new Map<Precision, Promise<Float64Array>>()
  const expected =
    inPrecisions.get(precision) ?? runInPrecision(reference, testCase, precision).then(({ left }) => left)
  expectations.set(testCase, inPrecisions.set(precision, expected))
  return expected
}
