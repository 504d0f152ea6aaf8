// What the reference backend promises besides arithmetic: buffers, and complaints about what cannot run.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { Bindings } from '../../dist/engine/backend.js'
import type { KernelCall, View } from '../../dist/engine/kernels.js'
import type { BufferSpec, Program } from '../../dist/engine/program.js'
import { planUpdate } from '../../dist/engine/update.js'
import { DenseNetError } from '../../dist/errors.js'
import { arenaElements, makeProgram, startOf } from '../conformance/harness.js'

const backend = createReferenceBackend()

describe('buffers', () => {
  test('hold zeros, then what was written, as float32 unless told otherwise', async () => {
    const buffer = backend.createBuffer(4)
    await buffer.write([0.1, 2], 1)
    expect(await buffer.read()).toEqual(Float32Array.of(0, 0.1, 2, 0))
    expect(await buffer.read(2, 1)).toEqual(Float32Array.of(2))
    const exact = createReferenceBackend({ precision: 'float64' }).createBuffer(1)
    await exact.write([0.1])
    expect(await exact.read()).toEqual(Float64Array.of(0.1))
  })

  test('give copies', async () => {
    const buffer = backend.createBuffer(1)
    const copy = await buffer.read()
    await buffer.write([5])
    expect(copy[0]).toBe(0)
  })

  test('refuse what is outside, and everything once disposed of', async () => {
    const buffer = backend.createBuffer(3)
    await expect(buffer.write([1, 2], 2)).rejects.toThrow('outside a buffer of 3 elements')
    await expect(buffer.read(1, 3)).rejects.toThrow(DenseNetError)
    buffer.dispose()
    await expect(buffer.read()).rejects.toThrow('disposed')
  })
})

/** 2 images of 3 channels to 4 channels, 5 x 5 pixels, all in the arena but weights and input. */
function convolution(change: object = {}): { program: Program; bindings: Bindings } {
  const view = (buffer: number, channels: number): View => {
    return { buffer, stride: channels, first: 0, channels, height: 5, width: 5 }
  }
  const call = {
    kernel: 'convolutionForward',
    size: 3,
    stride: 1,
    padding: 1,
    norm: null,
    statistics: null,
    dropout: null,
    input: view(0, 3),
    weight: { buffer: 1, offset: 0 },
    output: view(2, 4),
    ...change,
  } as KernelCall
  const buffers: BufferSpec[] = [
    { name: 'images', elements: 150, role: 'input' },
    { name: 'weights', elements: 108, role: 'parameters' },
    { name: 'made', elements: 200, role: 'transient' },
    { name: 'unused', elements: 1000, role: 'gradients' },
  ]
  return {
    program: { batchSize: 2, buffers, calls: [call], offsets: [-1, -1, 0, -1], arenaBytes: 800 },
    bindings: {
      input: backend.createBuffer(150),
      parameters: backend.createBuffer(108),
      arena: backend.createBuffer(200),
    },
  }
}

describe('compile', () => {
  test('takes a sound program, whose unused buffers need no memory', async () => {
    const { program, bindings } = convolution()
    const executable = await backend.compile(program, bindings)
    await executable.run({ batch: 2 })
    executable.dispose()
  })

  test.each<[string, Partial<Bindings>, string]>([
    ['a missing role', { input: undefined }, 'nothing is bound to the role "input"'],
    ['a small buffer', { parameters: backend.createBuffer(107) }, 'needs 108 elements, but "parameters" has 107'],
    ['no arena', { arena: undefined }, 'needs an arena of 800 bytes, but got 0'],
    ['a small arena', { arena: backend.createBuffer(199) }, 'needs an arena of 800 bytes, but got 796'],
    [
      'a buffer of another type',
      { input: createReferenceBackend({ precision: 'float64' }).createBuffer(150) },
      'bound to "input" holds float64, the program\'s float32',
    ],
  ])('refuses %s', async (_, change, message) => {
    const { program, bindings } = convolution()
    await expect(backend.compile(program, { ...bindings, ...change })).rejects.toThrow(message)
  })

  const view = { stride: 4, first: 0, channels: 4, height: 5, width: 5 }
  test.each<[string, object, string]>([
    ['a ref that leaves its buffer', { weight: { buffer: 1, offset: 1 } }, 'weight lies outside buffer 1 (weights'],
    ['a view that leaves its buffer', { output: { ...view, buffer: 2, stride: 5 } }, 'output lies outside buffer 2'],
    ['a view that leaves its image', { output: { ...view, buffer: 2, first: 1 } }, 'output lies outside buffer 2'],
    ['a buffer that is not there', { output: { ...view, buffer: 7 } }, 'names buffer 7, which does not exist'],
    ['sizes that do not fit', { padding: 0 }, 'the output is 5 x 5, but the window makes 3 x 3'],
  ])('refuses %s', async (_, change, message) => {
    const { program, bindings } = convolution(change)
    await expect(backend.compile(program, bindings)).rejects.toThrow(message)
  })

  test('refuses a buffer that leaves the arena', async () => {
    const { program, bindings } = convolution()
    const shifted = { ...program, offsets: [-1, -1, 4, -1] }
    await expect(backend.compile(shifted, bindings)).rejects.toThrow('does not fit into the arena')
  })
})

describe('run', () => {
  test.each([0, 3, 1.5])('refuses a batch of %f where 2 images fit', async batch => {
    const { program, bindings } = convolution()
    const executable = await backend.compile(program, bindings)
    await expect(executable.run({ batch })).rejects.toThrow(`expected 1 to 2 images for batch, got ${batch}`)
  })

  test('an update needs a learning rate', async () => {
    const program = planUpdate(3, { momentum: 0.9, weightDecay: 0, nesterov: true })
    const [parameters, gradients, velocity] = [1, 2, 3].map(() => backend.createBuffer(3))
    const executable = await backend.compile(program, { parameters, gradients, velocity })
    await expect(executable.run({ batch: 1 })).rejects.toThrow('learningRate')
  })

  test('lets others have the event loop between calls', async () => {
    const { program, bindings } = convolution()
    const executable = await backend.compile({ ...program, calls: Array(20_000).fill(program.calls[0]) }, bindings)
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await executable.run({ batch: 2 })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(1)
  })

  test('poisons the arena when asked to: what nobody wrote is NaN', async () => {
    const poisonous = createReferenceBackend({ poisonArena: true })
    const { program, bindings } = convolution()
    const executable = await poisonous.compile(program, bindings)
    await executable.run({ batch: 1 })
    const arena = await bindings.arena!.read()
    expect(arena.subarray(0, 100).every(Number.isFinite)).toBe(true)
    expect(arena.subarray(100).every(Number.isNaN)).toBe(true)
  })
})

describe('what the contracts decide', () => {
  /** Runs a call on one image; each buffer is given by its values, and given back. */
  async function run(call: KernelCall, values: readonly number[][]): Promise<number[][]> {
    const buffers = values.map(({ length }, i): BufferSpec => ({ name: `${i}`, elements: length, role: 'transient' }))
    const program = makeProgram([call], buffers, 1)
    const arena = backend.createBuffer(arenaElements(program))
    for (const [i, numbers] of values.entries()) await arena.write(numbers, startOf(program, i))
    await (await backend.compile(program, { arena })).run({ batch: 1 })
    return Promise.all(values.map(async ({ length }, i) => [...(await arena.read(startOf(program, i), length))]))
  }
  const view = (buffer: number, channels: number, height = 1, width = 1): View => {
    return { buffer, stride: channels, first: 0, channels, height, width }
  }
  const pool = { size: 3, stride: 2, padding: 1, norm: null }

  test.each([
    [0, 1],
    [1, 0],
    [2, 2],
    [3, 3],
  ])(
    'the rank of class %i among scores 2, 3, 2, 1 is %i: of equal ones the smaller number is first',
    async (label, rank) => {
      const at = (buffer: number) => ({ buffer, offset: 0 })
      const call: KernelCall = {
        kernel: 'crossEntropy',
        logits: view(0, 4),
        labels: at(1),
        loss: at(2),
        rank: at(3),
        gradient: null,
        mixed: null,
        smoothing: 0,
        classWeights: null,
      }
      const [, , loss, ranks] = await run(call, [[2, 3, 2, 1], [label], [0], [0]])
      expect(ranks).toEqual([rank])
      const sum = 2 * Math.exp(2) + Math.exp(3) + Math.exp(1)
      expect(loss![0]).toBeCloseTo(Math.log(sum) - [2, 3, 2, 1][label]!, 6)
    },
  )

  test('the padding of a max pool never wins, even against negative numbers', async () => {
    const call: KernelCall = {
      kernel: 'maxPoolForward',
      ...pool,
      input: view(0, 1, 2, 3),
      output: view(1, 1, 1, 2),
      statistics: null,
    }
    const [, output] = await run(call, [
      [-5, -2, -9, -4, -3, -1],
      [0, 0],
    ])
    expect(output).toEqual([-2, -1])
  })

  test('of equal numbers the first in row order gets the gradient of a max pool', async () => {
    const call: KernelCall = {
      kernel: 'maxPoolBackward',
      ...pool,
      input: view(0, 1, 3, 3),
      outputGradient: { gradient: view(1, 1, 2, 2), deferred: null },
      inputGradient: { gradient: view(2, 1, 3, 3), accumulate: false, norm: null },
    }
    const [, , gradient] = await run(call, [[1, 1, 1, 1, 7, 7, 1, 7, 1], [1, 10, 100, 1000], Array(9).fill(Number.NaN)])
    expect(gradient).toEqual([0, 0, 0, 0, 1111, 0, 0, 0, 0])
  })

  test('the running variance is unbiased, but for a single number as it is', async () => {
    const call = (pixels: number): KernelCall => ({
      kernel: 'runningStatistics',
      channels: 1,
      pixels,
      momentum: 0.25,
      statistics: { mean: { buffer: 0, offset: 0 }, variance: { buffer: 0, offset: 1 } },
      runningMean: { buffer: 1, offset: 0 },
      runningVariance: { buffer: 1, offset: 1 },
    })
    const before = [
      [4, 12],
      [8, 4],
    ]
    expect((await run(call(4), before))[1]).toEqual([7, 7])
    expect((await run(call(1), before))[1]).toEqual([7, 6])
  })
})
