// The conformance cases for an emulated processor, which is too slow to make them and to compute what the reference gives.
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Puts into the folder: recorded.mjs (test/conformance/recorded.ts and all that it imports, in one file) and what it recorded.
 * There: `node recorded.mjs replay . INSTRUCTION_SET`. Returns what went wrong. */
export async function recordCases(folder) {
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: 'test/conformance/recorded.ts',
      outDir: folder,
      emptyOutDir: false,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'recorded.mjs', codeSplitting: false } },
    },
  })
  const { status, stderr } = spawnSync(process.execPath, ['recorded.mjs', 'record', '.'], {
    cwd: folder,
    encoding: 'utf8',
  })
  return status === 0 ? '' : `the conformance cases could not be recorded: ${stderr.trim()}`
}
