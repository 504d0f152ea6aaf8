// What the native backend says no to, and that it does so with a sentence: calls that there is no kernel for, calls that are not
// what kernels.ts says, runs of what was not compiled for them. scripts/test-sanitized.mjs runs these, too.
import { describe, expect, test } from 'vitest'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { Backend } from '../../dist/engine/backend.js'
import type { ConvolutionForward, KernelCall } from '../../dist/engine/kernels.js'
import { conformanceCases } from '../conformance/cases.js'
import { arenaElements, initialArena, makeProgram, startOf } from '../conformance/harness.js'
import { instructionSets } from '../native-available.js'

type Fields = { [name: string]: unknown }

/** Each object of a call with the names that lead to it: the call itself, "norm", "norm.gamma". */
function objectsOf(call: object, path = ''): [string, Fields][] {
  const inner = Object.entries(call).filter(([, value]) => typeof value === 'object' && value !== null)
  return [[path, call as Fields], ...inner.flatMap(([name, value]) => objectsOf(value, `${path}${name}.`))]
}

/** Of each kernel the call with the most fields. */
const calls = new Map<string, KernelCall>()
for (const { program } of conformanceCases) {
  const call = program.calls[0]!
  const fields = (of: KernelCall | undefined): number => (of ? JSON.stringify(of).split(':').length : 0)
  const seen = calls.get(call.kernel)
  if (fields(call) > fields(seen)) calls.set(call.kernel, call)
}

describe.skipIf(instructionSets.length === 0)('the native backend', () => {
  const native = instructionSets.length > 0 ? createNativeBackend({ threads: 2 }) : createReferenceBackend()

  describe.each([...calls])('reading %s', (kernel, call) => {
    /** What is said of a copy of the call in which the object at `path` was changed. */
    const changed = (path: string, change: (fields: Fields) => void): string | null => {
      const copy = structuredClone(call)
      change(objectsOf(copy).find(([at]) => at === path)![1])
      return native.refuses(copy)
    }

    test('takes it as it is', () => {
      expect(changed('', () => {})).toBe(null)
    })

    test('wants every field', () => {
      for (const [path, fields] of objectsOf(call)) {
        for (const name of Object.keys(fields)) {
          const why = changed(path, copy => delete copy[name])
          if (/^(bias|foldedBias|biasGradient)$/.test(name) && kernel.startsWith('convolution')) expect(why).toBe(null)
          else if (name === 'kernel') expect(why).toBe('kernel is missing')
          else expect(why).toBe(`${path}${name} is missing`)
        }
      }
    })

    test('knows no others', () => {
      for (const [path] of objectsOf(call)) {
        const why = changed(path, copy => {
          copy.strid = 2
        })
        expect(why).toBe(`${path}strid is no field of it`)
      }
    })

    test('takes no word, fraction or number below zero for a number of things', () => {
      for (const [path, fields] of objectsOf(call)) {
        for (const [name, value] of Object.entries(fields)) {
          if (typeof value !== 'number') continue
          for (const wrong of ['2', Number.NaN, null]) {
            const why = changed(path, copy => {
              copy[name] = wrong
            })
            expect(why).toBe(`${path}${name} must be a number`)
          }
        }
        for (const name of ['buffer', 'offset', 'first', 'stride', 'channels', 'height', 'size', 'layer', 'elements']) {
          if (!(name in fields)) continue
          for (const wrong of [-1, 0.5, 2 ** 60]) {
            const why = changed(path, copy => {
              copy[name] = wrong
            })
            expect(why).toMatch(
              new RegExp(`^${path.replaceAll('.', '\\.')}${name} must be a whole number of [01] or more$`),
            )
          }
        }
      }
    })
  })

  test('a kernel that there is none of', () => {
    for (const wrong of [{ kernel: 'convolutionFoward' }, { kernel: 3 }, {}]) {
      expect(native.refuses(wrong as KernelCall)).toMatch(/^kernel (is missing|must be the name of a kernel)$/)
      expect(createReferenceBackend().refuses(wrong as KernelCall)).toBe('there is no kernel of this name')
    }
  })

  const usual = conformanceCases.find(({ program }) => program.calls[0]!.kernel === 'convolutionForward')!
  const withNorm = conformanceCases.find(({ program }) => {
    const [call] = program.calls
    return call!.kernel === 'convolutionForward' && call!.norm !== null && call!.size === 3
  })!

  test('a program with a call that it refuses neither compiles nor has scratch; the sentence names the call', async () => {
    const call = withNorm.program.calls[0] as ConvolutionForward
    const [height, width] = [call.input.height, call.input.width].map(n => Math.ceil(n / 2)) as [number, number]
    const strided = { ...call, stride: 2, output: { ...call.output, height, width } }
    const program = { ...withNorm.program, calls: [withNorm.program.calls[0]!, strided] }
    const arena = native.createBuffer(arenaElements(program))
    const sentence =
      'This program cannot run: call 1 (convolutionForward): the native backend convolves behind a norm ' +
      'by 1x1 without padding and by 3x3 with padding 1 only, of stride 1.'
    await expect(native.compile(program, { arena })).rejects.toThrow(sentence)
    expect(() => native.scratchBytes(program)).toThrow(sentence)
  })

  test('a buffer of another type than its program is of', async () => {
    const { program } = usual
    const buffers = program.buffers.map((spec, i) => (i === 0 ? { ...spec, elementType: 'float64' as const } : spec))
    const arena = native.createBuffer(arenaElements(program))
    const sentence = `must be float32, but buffer 0 (${buffers[0]!.name}) holds float64`
    await expect(native.compile({ ...program, buffers }, { arena })).rejects.toThrow(sentence)
  })

  test('a run after its backend was disposed of', async () => {
    const other = createNativeBackend({ threads: 1 })
    const arena = other.createBuffer(arenaElements(usual.program))
    await arena.write(initialArena(usual))
    const executable = await other.compile(usual.program, { arena })
    other.dispose()
    await expect(executable.run(usual.runArguments)).rejects.toThrow('it or its backend was disposed of')
  })

  test.each<[string, Backend]>([
    ['native', native],
    ['reference', createReferenceBackend()],
  ])('a label that is no class has no loss and the last rank: %s', async (_, backend) => {
    const view = { buffer: 0, stride: 3, first: 0, channels: 3, height: 1, width: 1 }
    const at = (buffer: number) => ({ buffer, offset: 0 })
    const labels = [2, 3, -1, 0.5, Number.NaN, 1e30, Number.NEGATIVE_INFINITY]
    const sizes = [3, 1, 1, 1, 3, 3].map(n => n * labels.length)
    const buffers = sizes.map((elements, i) => ({ name: `${i}`, elements, role: 'transient' as const }))
    const call: KernelCall = {
      kernel: 'crossEntropy',
      logits: view,
      labels: at(1),
      mixed: null,
      smoothing: 0,
      classWeights: null,
      loss: at(2),
      rank: at(3),
      gradient: { ...view, buffer: 4 },
    }
    const binary: KernelCall = {
      kernel: 'binaryCrossEntropy',
      logits: view,
      labels: at(1),
      targets: { ...view, buffer: 5 },
      smoothing: 0,
      classWeights: null,
      loss: at(2),
      rank: at(3),
      gradient: null,
    }
    for (const loss of [call, binary]) {
      const program = makeProgram([loss], buffers, labels.length)
      const arena = backend.createBuffer(arenaElements(program))
      await arena.write(labels, startOf(program, 1))
      await (await backend.compile(program, { arena })).run({ batch: labels.length })
      expect([...(await arena.read(startOf(program, 3), labels.length))]).toEqual([2, 3, 3, 3, 3, 3, 3])
      const losses = await arena.read(startOf(program, 2), labels.length)
      if (loss === call) expect([...losses].map(Number.isFinite)).toEqual([true, ...Array(6).fill(false)])
    }
  })
})
