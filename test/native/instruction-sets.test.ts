// Which kernels are taken: the best that the processor can run, or the ones that are asked for by name; what it cannot
// run is refused in a sentence. scripts/test-emulated.mjs runs this on processors that it knows (DENSENET_EXPECTED_ISA).
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { type Addon, chooseInstructionSet, loadAddon } from '../../dist/backends/native/addon.js'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { instructionSets, knownInstructionSets } from '../native-available.js'

/** What the processor's own list of features calls for. */
function expectedBest(): string | undefined {
  if (process.env.DENSENET_EXPECTED_ISA) return process.env.DENSENET_EXPECTED_ISA
  if (process.arch === 'arm64') return 'neon'
  if (process.platform !== 'linux') return undefined
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))![1]!.split(' ')
  const has = (...wanted: string[]): boolean => wanted.every(flag => flags.includes(flag))
  if (has('avx2', 'fma', 'avx512f', 'avx512dq', 'avx512bw', 'avx512vl')) return 'avx512'
  return has('avx2', 'fma') ? 'avx2' : 'portable'
}

const before = process.env.DENSENET_ISA
afterEach(() => {
  if (before === undefined) delete process.env.DENSENET_ISA
  else process.env.DENSENET_ISA = before
})

describe.skipIf(instructionSets.length === 0)('instruction sets', () => {
  test.skipIf(expectedBest() === undefined)('the best one is taken', () => {
    expect(instructionSets[0]).toBe(expectedBest())
    delete process.env.DENSENET_ISA
    expect(chooseInstructionSet(loadAddon()).name).toBe(expectedBest())
    process.env.DENSENET_ISA = ''
    expect(chooseInstructionSet(loadAddon()).name).toBe(expectedBest())
  })

  test('there is a portable one everywhere, last', () => {
    expect(instructionSets.at(-1)).toBe('portable')
  })

  test.each(instructionSets)('%s is taken when asked for', async name => {
    const { title } = loadAddon()
      .instructionSets('float32')
      .find(set => set.name === name)!
    process.env.DENSENET_ISA = name
    for (const options of [{ threads: 1 }, { threads: 1, instructionSet: name }]) {
      const backend = createNativeBackend(options)
      expect(backend.description).toBe(`native: ${title}, 1 thread`)
      backend.dispose()
      process.env.DENSENET_ISA = 'unheard of, and overruled'
    }
  })

  const lacking = [...knownInstructionSets.filter(name => !instructionSets.includes(name)), 'mmx']
  test.each(lacking)('%s is refused', name => {
    const expected = `expected an instruction set that this processor can run (${instructionSets.join(', ')})`
    process.env.DENSENET_ISA = name
    expect(() => createNativeBackend()).toThrow(
      expect.objectContaining({ code: 'usage', message: `${expected} for DENSENET_ISA, got "${name}"` }),
    )
    expect(() => createNativeBackend({ instructionSet: name })).toThrow(
      expect.objectContaining({ code: 'usage', message: `${expected} for instructionSet, got "${name}"` }),
    )
  })
})

describe('a build with the kernels of another processor', () => {
  const addon = {
    instructionSets: () => [
      { name: 'avx512', title: 'AVX-512', built: false },
      { name: 'avx2', title: 'AVX2', built: true },
      { name: 'portable', title: 'portable', built: true },
    ],
  } as unknown as Addon
  const choose = (wanted?: string) => {
    const warnings: string[] = []
    delete process.env.DENSENET_ISA
    const { name } = chooseInstructionSet(addon, wanted, message => warnings.push(message))
    return { name, warnings }
  }

  test('is used, and it is said what there could be', () => {
    const message = 'this build has no AVX-512 kernels, which are faster here. To have them, npm run build:native'
    expect(choose()).toEqual({ name: 'avx2', warnings: [message] })
    expect(choose('portable')).toEqual({ name: 'portable', warnings: [] })
  })

  test('refuses what it lacks, and says how to get it', () => {
    expect(() => choose('avx512')).toThrow(
      expect.objectContaining({
        code: 'usage',
        message:
          'expected an instruction set that this build has kernels for (avx2, portable) for instructionSet, got "avx512"',
        hint: 'build the others with: npm run build:whole',
      }),
    )
  })
})
