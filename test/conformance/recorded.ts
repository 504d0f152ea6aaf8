// Records the conformance cases for replay.cc, which runs them where Node is too slow or in the way. scripts/recorded-cases.mjs bundles this.
//   node recorded.mjs FILE
import { closeSync, openSync, writeSync } from 'node:fs'
import { encode } from '../../dist/engine/encode.js'
import type { Precision } from '../../dist/engine/program.js'
import { conformanceCases } from './cases.js'
import { expectedOf } from './expected.js'
import { arenaElements, boundsOf, type ConformanceCase, initialArena, startOf } from './harness.js'
import { inPrecision, ofStored, precisionCases, rounded, roundedCase } from './in-precision.js'

const [path = ''] = process.argv.slice(2)
const file = openSync(path, 'w')

/** The numbers of replay.cc's Head; the encoded program; the arena before the run; then of each buffer that is written its Span, and the
 * least and the most that its elements may be after it. */
async function record(testCase: ConformanceCase, precision: Precision): Promise<void> {
  const { batch, learningRate = 0, seed = 0, step = 0, keep = 0, add = 0 } = testCase.runArguments
  const { program, before } = inPrecision(testCase, precision)
  const code = encode(program)
  const initial = initialArena(testCase)
  const reference = await expectedOf(testCase)
  const expected = precision === 'bfloat16' ? ofStored(testCase, reference, rounded(reference, precision)) : reference
  const bounds = boundsOf(testCase, expected, initial)
  const spans = program.buffers.flatMap(({ elementType = 'float32', elements }, number) => {
    const start = startOf(testCase.program, number)
    const [least, most, was] = [bounds.least, bounds.most, initial].map(all => all.slice(start, start + elements))
    const stays = was!.every((value, i) => Object.is(value, least![i]) && Object.is(value, most![i]))
    const span = Float64Array.of(number, bitsOf[elementType], program.offsets[number]!, elements)
    return stays ? [] : [[span, least!, most!]]
  })
  const counts = [code.length, program.arenaBytes, spans.length]
  writeSync(file, Float64Array.of(...counts, batch, learningRate, seed, step, keep, add))
  writeSync(file, code)
  writeSync(file, new Uint8Array(before))
  for (const numbers of spans.flat()) writeSync(file, numbers)
  console.log(precision === 'float32' ? testCase.name : `${precision}: ${testCase.name}`)
}

const bitsOf = { float32: 32, float64: 64, bfloat16: 16 } as const

for (const testCase of conformanceCases) await record(testCase, 'float32')
// Emulators are slow: the small ones.
const small = precisionCases.filter(({ program }) => arenaElements(program) < 3000)
for (const testCase of small) await record(roundedCase(testCase, 'float64'), 'float64')
// The reference does not round what is multiplied.
for (const testCase of small) {
  const tolerance = { many: testCase.tolerance.many + 2 ** -6, few: 2 ** -5 }
  await record({ ...roundedCase(testCase, 'bfloat16'), tolerance }, 'bfloat16')
}
closeSync(file)
