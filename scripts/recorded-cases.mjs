// The conformance cases for an emulated processor, which is too slow to make them and to compute what the reference gives.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Writes them to a file, for the program that test/conformance/replay.cc is. Returns what makes names of the numbers that it prints. */
export async function recordCases(file) {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-record-'))
  try {
    // With all that it imports, in one program.
    await build({
      root,
      configFile: false,
      logLevel: 'error',
      ssr: { noExternal: true },
      build: {
        ssr: 'test/conformance/recorded.ts',
        outDir: folder,
        target: 'node20',
        rollupOptions: { output: { entryFileNames: 'recorded.mjs', codeSplitting: false } },
      },
    })
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'recorded.mjs'), file], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`the conformance cases could not be recorded: ${stderr.trim()}`)
    const names = stdout.trim().split('\n')
    return printed => printed.replace(/\bcase (\d+)/g, (_, number) => names[number])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
