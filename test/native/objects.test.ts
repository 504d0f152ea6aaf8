// What the compiler made: no instruction that a processor may lack stands outside the kernels of its own instruction set,
// where dispatch.cc keeps it from running, and the linker finds nothing to confuse between two of them.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { instructionSets } from '../native-available.js'

const addon =
  process.env.DENSENET_NATIVE ?? fileURLToPath(new URL('../../native/build/Release/densenet.node', import.meta.url))
const folder = join(dirname(addon), 'obj.target')

const wanted = instructionSets.length > 0 && process.arch === 'x64' && process.platform === 'linux'
if (!wanted) console.log('skipped: the look at the object files needs a native build on Linux on x64')

const objects = wanted
  ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(path => path.endsWith('.o'))
      .map(path => ({ path, target: path.split('/')[0]!, name: basename(path, '.o') }))
  : []
const tool = (name: string, ...args: string[]): string =>
  execFileSync(name, args, { encoding: 'utf8', maxBuffer: 2 ** 28 })

/** Instructions as text. */
const code = (path: string): string[] =>
  [...tool('objdump', '-d', '--no-show-raw-insn', join(folder, path)).matchAll(/^\s+[0-9a-f]+:\t(.*)$/gm)].map(
    ([, instruction]) => instruction!,
  )

/** Anything encoded as AVX; AVX-512's registers and masks. */
const AVX = /^v[a-z]|%[yz]mm/
const AVX512 = /%zmm|%k[0-7]|%[xy]mm(?:1[6-9]|2\d|3[01])/

describe.skipIf(!wanted)('object files', () => {
  test('are all there', () => {
    expect([...new Set(objects.map(({ target }) => target))].sort()).toEqual([
      'densenet',
      'kernels_avx2',
      'kernels_avx512',
      'kernels_portable',
    ])
    expect(objects.length).toBeGreaterThan(7)
  })

  test.each(objects)('$target, $name: no wider instructions than it may have', ({ path, target }) => {
    const instructions = code(path)
    expect(instructions.length).toBeGreaterThan(10)
    if (target === 'kernels_avx512') return expect(instructions.some(text => AVX512.test(text))).toBe(true)
    const forbidden = target === 'kernels_avx2' ? AVX512 : AVX
    if (target === 'kernels_avx2') expect(instructions.some(text => AVX.test(text))).toBe(true)
    expect(instructions.filter(text => forbidden.test(text))).toEqual([])
  })

  // An inline function outside an anonymous namespace would be in all three, and the linker would keep any one of them.
  test.each(objects.filter(({ target }) => target !== 'densenet'))(
    '$target: one symbol comes out',
    ({ path, target }) => {
      const defined = tool('nm', '--defined-only', '--extern-only', '--demangle', join(folder, path)).trim().split('\n')
      const name = target.replace('kernels_', '')
      expect(defined.map(line => line.replace(/^[0-9a-f]+ /, ''))).toEqual([
        `T densenet::${name}Implementations(densenet::Call const&)`,
      ])
    },
  )
})
