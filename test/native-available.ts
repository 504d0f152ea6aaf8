// Which instruction sets the tests of the native backend can use. Without a native build they are skipped, and say so;
// in CI that is a failure.
import { type InstructionSet, loadAddon } from '../dist/backends/native/addon.js'

const KNOWN = ['avx512', 'avx2', 'neon', 'portable']

function find(): InstructionSet[] {
  try {
    return loadAddon().instructionSets()
  } catch (error) {
    if (process.env.CI) throw error
    console.log(`skipped: ${(error as Error).message}`)
    return []
  }
}

/** Names of those that this machine can run, best first. */
export const instructionSets: readonly string[] = find().map(({ name }) => name)

for (const name of KNOWN) {
  if (!instructionSets.includes(name)) console.log(`skipped: the ${name} kernels cannot run here`)
}

/** All names, for describe.skipIf(!instructionSets.includes(name)). */
export const knownInstructionSets: readonly string[] = KNOWN
