// Records the conformance cases for replay.cc, which runs them where Node is too slow or in the way. scripts/recorded-cases.mjs bundles this.
//   node recorded.mjs FILE
import { closeSync, openSync, writeSync } from 'node:fs'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { encode } from '../../dist/engine/encode.js'
import { conformanceCases } from './cases.js'
import { boundsOf, initialArena, runCase } from './harness.js'

const [path = ''] = process.argv.slice(2)
const reference = createReferenceBackend({ elementType: 'float64' })
const file = openSync(path, 'w')
for (const testCase of conformanceCases) {
  const { batch, learningRate = 0, seed = 0, step = 0, keep = 0, add = 0 } = testCase.runArguments
  const code = encode(testCase.program)
  const before = initialArena(testCase)
  const { least, most } = boundsOf(testCase, await runCase(reference, testCase), before)
  writeSync(file, Float64Array.of(code.length, before.length, batch, learningRate, seed, step, keep, add))
  writeSync(file, code)
  for (const numbers of [before, least, most]) writeSync(file, Float32Array.from(numbers))
  console.log(testCase.name)
}
closeSync(file)
