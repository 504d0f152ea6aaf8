// The conformance cases for a machine that is too slow to make and compute them: what the arenas held before and after the
// reference's run goes into files, and another process runs them on the native backend. scripts/recorded-cases.mjs bundles this.
//   node recorded.mjs record FOLDER
//   node recorded.mjs replay FOLDER [INSTRUCTION_SET]      default: all that this processor can run
import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { loadAddon } from '../../dist/backends/native/addon.js'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { type ConformanceCase, compareCase, initialArena, outputsOf, runCase } from './harness.js'

/** What JSON can hold of a case. The rest follows from it and from the arena before the run. */
type Recorded = Omit<ConformanceCase, 'inputs' | 'outputs'>

const filesOf = (folder: string) => ({ cases: join(folder, 'cases.json'), arenas: join(folder, 'arenas.f32') })

async function record(folder: string): Promise<void> {
  // Only here: making them takes seconds, minutes on an emulated processor.
  const { conformanceCases } = await import('./cases.js')
  const { cases, arenas } = filesOf(folder)
  const reference = createReferenceBackend({ elementType: 'float64' })
  const file = openSync(arenas, 'w')
  const recorded: Recorded[] = []
  for (const testCase of conformanceCases) {
    writeSync(file, Float32Array.from(initialArena(testCase)))
    writeSync(file, Float32Array.from(await runCase(reference, testCase)))
    const { inputs, outputs, ...rest } = testCase
    recorded.push(rest)
  }
  closeSync(file)
  writeFileSync(cases, JSON.stringify(recorded))
}

/** Returns how many failed. */
async function replay(folder: string, instructionSet: string): Promise<number> {
  const { cases, arenas } = filesOf(folder)
  const recorded: readonly Recorded[] = JSON.parse(readFileSync(cases, 'utf8'))
  const native = createNativeBackend({ threads: 2, instructionSet })
  const file = openSync(arenas, 'r')
  let failed = 0
  let refused = 0
  for (const rest of recorded) {
    const { program, batch } = rest
    const [before, expected] = [new Float32Array(program.arenaElements), new Float32Array(program.arenaElements)]
    for (const arena of [before, expected]) {
      if (readSync(file, arena) !== arena.byteLength) throw new Error(`${arenas} ends early`)
    }
    if (native.refuses(program.calls[0]!) !== null) {
      refused++
      continue
    }
    const testCase: ConformanceCase = {
      ...rest,
      inputs: new Map(), // they are in `before`
      outputs: outputsOf(program.calls[0]!, program.offsets, batch),
    }
    const { problems } = compareCase(testCase, expected, await runCase(native, testCase, before), before)
    if (problems.length === 0) continue
    failed++
    console.log(`failed: ${rest.name}: ${problems.join('; ')}`)
  }
  native.dispose()
  console.log(`${instructionSet}: ${recorded.length - failed - refused} passed, ${failed} failed, ${refused} refused`)
  return failed
}

const [task, folder = '.', only] = process.argv.slice(2)
if (task === 'record') await record(folder)
else {
  const sets = only
    ? [only]
    : loadAddon()
        .instructionSets()
        .map(({ name }) => name)
  for (const set of sets) if ((await replay(folder, set)) > 0) process.exitCode = 1
}
