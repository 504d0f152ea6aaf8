// One table says what calls hold (src/engine/vocabulary.ts): C++ has it from there, and nothing that was made for another is run.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { chooseInstructionSet, loadAddon } from '../../dist/backends/native/addon.js'
import { encode, encodeCall, FINGERPRINT } from '../../dist/engine/encode.js'
import { operandsOf } from '../../dist/engine/operands.js'
import { plan } from '../../dist/engine/planner.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { conformanceCases } from '../conformance/cases.js'
import { instructionSets } from '../native-available.js'

test('native/vocabulary.h is what scripts/vocabulary.mjs makes of the table', async () => {
  const { header, path } = await import(new URL('../../scripts/vocabulary.mjs', import.meta.url).href)
  expect(readFileSync(path, 'utf8')).toBe(header)
  expect(header).toContain(`FINGERPRINT = ${FINGERPRINT};`)
})

test('how many numbers there are at a ref follows from each call', () => {
  for (const { program } of conformanceCases) {
    const counts = operandsOf(program.calls[0]!, 2).flatMap(operand => ('ref' in operand ? [operand.count] : []))
    expect(counts.filter(count => !(Number.isInteger(count) && count > 0))).toEqual([])
  }
})

describe.skipIf(instructionSets.length === 0)('the addon', () => {
  const addon = instructionSets.length > 0 ? loadAddon() : null!
  const isa = instructionSets.length > 0 ? chooseInstructionSet(addon).name : ''
  const program = encode(
    plan(architecture(resolveConfig({ blocks: [1], growthRate: 3 })), { mode: 'eval', batchSize: 2 }),
  )
  const scratch = (code: Float64Array) => addon.scratchBytes(isa, 1, code)

  test('takes what was encoded', () => {
    expect(addon.vocabulary).toBe(FINGERPRINT)
    expect(scratch(program)).toBeGreaterThan(0)
  })

  test('reads nothing of another vocabulary, too little, too much or of a kernel that there is none of', () => {
    const sentence = "this is no program of the addon's vocabulary"
    for (const code of [
      program.with(0, FINGERPRINT + 1),
      program.slice(0, -1),
      Float64Array.of(...program, 0),
      program.slice(0, 3),
      new Float64Array(0),
    ]) {
      expect(() => scratch(code)).toThrow(sentence)
    }
    const call = encodeCall(conformanceCases[0]!.program.calls[0]!)
    expect(addon.refuses(isa, call)).toBe(null)
    for (const kernel of [-1, 18, 1e9, Number.NaN]) {
      expect(addon.refuses(isa, call.with(1, kernel))).toBe('reads no such call')
    }
  })
})
