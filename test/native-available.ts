// Which instruction sets the tests of the native backend can use. Without a native build they are skipped, and say so;
// in CI that is a failure.
import { type InstructionSet, loadAddon, usableSets } from '../dist/backends/native/addon.js'
import type { Precision } from '../dist/engine/backend.js'

/** Every instruction set, and where it can be tested when this processor lacks it. */
const KNOWN: Readonly<Record<string, string>> = {
  avx512: 'npm run test:avx512 runs their conformance cases on an emulated one',
  avx2: 'npm run test:emulated runs their conformance cases on an emulated one',
  neon: 'npm run test:emulated runs all their tests',
  portable: '',
}

function find(): InstructionSet[] {
  try {
    return usableSets(loadAddon())
  } catch (error) {
    if (process.env.CI) throw error
    console.log(`skipped: ${(error as Error).message}`)
    return []
  }
}

/** Names of those that this machine can run, best first. */
export const instructionSets: readonly string[] = find().map(({ name }) => name)

for (const [name, elsewhere] of Object.entries(KNOWN)) {
  if (instructionSets.length === 0 || instructionSets.includes(name)) continue
  console.log(`skipped: the ${name} kernels cannot run on this processor; ${elsewhere}`)
}

/** All names, for describe.skipIf(!instructionSets.includes(name)). */
export const knownInstructionSets: readonly string[] = Object.keys(KNOWN)

/** Names of those that can be run in another precision. */
export const instructionSetsFor = (precision: Precision): readonly string[] =>
  instructionSets.length === 0 ? [] : usableSets(loadAddon(), precision).map(({ name }) => name)
