// What the compiler made: no instruction that a processor may lack stands outside the kernels of its own instruction set,
// where dispatch.cc keeps it from running, and the linker finds nothing to confuse between two of them.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { instructionSets } from '../native-available.js'

const folder = dirname(
  process.env.DENSENET_NATIVE ?? fileURLToPath(new URL('../../native/build/linux-x64/densenet.node', import.meta.url)),
)

const wanted =
  instructionSets.length > 0 &&
  existsSync(join(folder, 'addon.o')) &&
  ['objdump', 'nm'].every(tool => spawnSync(tool, ['--version']).status === 0)
if (!wanted) console.log('skipped: the look at the object files needs those for Linux on x64, objdump and nm')

const objects = wanted
  ? readdirSync(folder)
      .filter(name => name.endsWith('.o'))
      .map(name => basename(name, '.o'))
  : []
const ofPairs = 'kernels_avx512bf16_bfloat16'
const ofTiles = 'kernels_amx_bfloat16'
const kernels = ['avx512', 'avx2', 'portable'].flatMap(set =>
  ['float32', 'float64', 'bfloat16'].map(precision => `kernels_${set}_${precision}`),
)
kernels.push(ofPairs, ofTiles, 'kernels_avx512vnni_float32', 'kernels_avxvnni_float32')
const tool = (name: string, ...args: string[]): string =>
  execFileSync(name, args, { encoding: 'utf8', maxBuffer: 2 ** 28 })

/** Instructions as text. */
const code = (name: string): string[] =>
  [...tool('objdump', '-d', '--no-show-raw-insn', join(folder, `${name}.o`)).matchAll(/^\s+[0-9a-f]+:\t(.*)$/gm)].map(
    ([, instruction]) => instruction!,
  )

/** Anything encoded as AVX; AVX-512's registers and masks. */
const AVX = /^v[a-z]|%[yz]mm/
const AVX512 = /%zmm|%k[0-7]|%[xy]mm(?:1[6-9]|2\d|3[01])/
/** Products of bytes, added at once. */
const VNNI = /vpdpbusd/

if (!/\bavx512_vnni\b|\bavx_vnni\b/.test(wanted ? readFileSync('/proc/cpuinfo', 'utf8') : ''))
  console.log(
    'skipped: layers in int8 by VNNI cannot run on this processor; only what they are compiled to is looked at',
  )

describe.skipIf(!wanted)('object files', () => {
  test('are all there', () => {
    expect(objects).toEqual(expect.arrayContaining([...kernels, 'addon', 'dispatch', 'program', 'thread_pool']))
  })

  test.each(objects)('%s: no wider instructions than it may have', name => {
    const instructions = code(name)
    expect(instructions.length).toBeGreaterThan(0)
    expect(instructions.some(text => text.startsWith('vdpbf16ps'))).toBe(name === ofPairs)
    expect(instructions.some(text => text.startsWith('tdpbf16ps'))).toBe(name === ofTiles)
    expect(instructions.some(text => VNNI.test(text))).toBe(name.includes('vnni'))
    if (name.startsWith('kernels_avx512') || name === ofTiles)
      return expect(instructions.some(text => AVX512.test(text))).toBe(true)
    const hasAvx = name.startsWith('kernels_avx')
    expect(instructions.some(text => AVX.test(text))).toBe(hasAvx)
    expect(instructions.filter(text => (hasAvx ? AVX512 : AVX).test(text))).toEqual([])
  })

  // An inline function outside an anonymous namespace would be in all three, and the linker would keep any one of them. Tiles are in
  // a namespace of their instruction set and of what it works on.
  test.each(objects.filter(name => kernels.includes(name)))('%s: one symbol comes out, and its own tiles', name => {
    const [, set, precision] = name.split('_')
    const tiles = `tiles_${set}_${precision === 'float64' ? 'double' : 'float'}::`
    const defined = tool('nm', '--defined-only', '--extern-only', '--demangle', join(folder, `${name}.o`))
    const symbols = defined
      .trim()
      .split('\n')
      .map(line => line.replace(/^[0-9a-f]+ /, ''))
    const others = symbols.filter(symbol => !new RegExp(`^W (void )?${tiles}`).test(symbol))
    expect(others).toEqual([`T densenet::${name}(densenet::Call const&)`])
    expect(symbols.some(symbol => symbol.includes(`${tiles}tilesTo<`))).toBe(
      (/^kernels_\w+_float/.test(name) && !name.includes('vnni')) || name === ofPairs,
    )
  })
})
