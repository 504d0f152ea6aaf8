// Every build of the compiled engine: the native addon on each instruction set, and the two modules of wasm. Those that cannot be run
// here are skipped, and it is said why.
import type { CompiledBackend } from '../dist/backends/compiled/backend.js'
import { createNativeBackend } from '../dist/backends/native/backend.js'
import { builds, runnableBuilds } from '../dist/backends/wasm/builds.js'
import { createWasmBackend } from '../dist/backends/wasm-node/backend.js'
import { instructionSets, knownInstructionSets } from './native-available.js'

export interface CompiledBuild {
  readonly name: string
  readonly available: boolean
  open(threads: number): Promise<CompiledBackend>
}

export const nativeBuilds: readonly CompiledBuild[] = knownInstructionSets.map(instructionSet => ({
  name: `native ${instructionSet}`,
  available: instructionSets.includes(instructionSet),
  open: async threads => createNativeBackend({ threads, instructionSet }),
}))

/** On emulated processors and under sanitizers only what is compiled for them is tested. */
const runnable = process.env.DENSENET_TEST_NODE || process.env.DENSENET_SANITIZED ? [] : runnableBuilds()

export const wasmBuilds: readonly CompiledBuild[] = builds.map(build => ({
  name: `wasm ${build}`,
  available: runnable.includes(build),
  open: threads => createWasmBackend({ threads, instructionSet: build }),
}))

if (runnable.length === 1) {
  console.log('skipped: relaxed SIMD; Node 20 has it with --experimental-relaxed-simd, Node 22 without')
}

export const compiledBuilds: readonly CompiledBuild[] = [...nativeBuilds, ...wasmBuilds]
