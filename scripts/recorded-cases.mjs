// The conformance cases for an emulated processor, which is too slow to make them and to compute what the reference gives.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const kept = join(root, 'node_modules/.cache/cases')

/** The program that records, with all that it imports. */
async function recorder() {
  const { output } = await build({
    root,
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: 'test/conformance/recorded.ts',
      write: false,
      target: 'node20',
      rollupOptions: { output: { codeSplitting: false } },
    },
  })
  return output[0].code
}

/** A file with the cases for the program that test/conformance/replay.cc is, which stays until they are others; and what makes names of
 * the numbers that it prints. */
export async function recordedCases() {
  const code = await recorder()
  const folder = join(kept, createHash('sha256').update(`${process.version} ${code}`).digest('hex'))
  if (!existsSync(folder)) record(code, folder)
  const names = readFileSync(join(folder, 'names'), 'utf8').trim().split('\n')
  return {
    path: join(folder, 'cases'),
    named: printed => printed.replace(/\bcase (\d+)/g, (_, number) => names[number]),
  }
}

function record(code, folder) {
  mkdirSync(kept, { recursive: true })
  const others = readdirSync(kept).map(name => join(kept, name))
  const made = mkdtempSync(join(kept, 'new-'))
  const program = join(made, 'recorder.mjs')
  writeFileSync(program, code)
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, join(made, 'cases')], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the conformance cases could not be recorded: ${stderr.trim()}`)
  writeFileSync(join(made, 'names'), stdout)
  // Another process may have been as fast.
  if (existsSync(folder)) rmSync(made, { recursive: true })
  else renameSync(made, folder)
  for (const other of others) if (!other.startsWith(join(kept, 'new-'))) rmSync(other, { recursive: true, force: true })
}
