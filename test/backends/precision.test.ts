// Which backend has which precision, and the reference's bfloat16 against PyTorch's.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createBackend } from '../../dist/backends/registry.js'
import { createArena } from '../../dist/engine/backend.js'
import { fromBfloat16, toBfloat16 } from '../../dist/engine/bfloat16.js'
import type { KernelCall, Ref, View } from '../../dist/engine/kernels.js'
import type { BufferSpec, Program } from '../../dist/engine/program.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { conversions, layer } from '../golden/bfloat16/numbers.js'
import { relativeError } from '../golden/compare.js'
import { generate, generateAll, readGolden } from '../golden/nets.js'

describe('a backend', () => {
  test.each([
    ['wasm', 'bfloat16', 'the wasm backend computes in float32 (--precision single), not in bfloat16'],
    [
      'webgpu',
      'float64',
      'the webgpu backend computes in float32 or bfloat16 (--precision single or half), not in float64',
    ],
    [
      'gpu',
      'float64',
      'the webgpu backend computes in float32 or bfloat16 (--precision single or half), not in float64',
    ],
  ] as const)('without a precision refuses it: %s, %s', async (backend, precision, message) => {
    await expect(createBackend({ backend, precision })).rejects.toMatchObject({
      code: 'usage',
      message,
      hint: 'take --backend native or reference, or leave out --precision',
    })
  })

  test('of a precision that there is none of', async () => {
    await expect(createBackend({ precision: 'half' as never })).rejects.toThrow(
      'there is no precision "half"; there are float32, float64, bfloat16',
    )
  })

  test.each(['float32', 'bfloat16', 'float64'] as const)('keeps parameters as float32, or float64: %s', precision => {
    const backend = createReferenceBackend({ precision })
    expect(backend).toMatchObject({ precision, elementType: precision === 'float64' ? 'float64' : 'float32' })
  })
})

test('a bfloat16 is the one of PyTorch: the nearest, ties to even; of subnormals, infinities and the largest, too', () => {
  expect(conversions.length).toBeGreaterThan(200)
  for (const [single, half] of conversions) {
    const value = new Float32Array(Uint32Array.of(single).buffer)
    const bits = toBfloat16(value)
    if (Number.isNaN(value[0])) expect(fromBfloat16(bits, value)[0]).toBeNaN()
    else expect([single, bits[0]]).toEqual([single, half])
  }
})

test('a layer of bfloat16 has the bits that PyTorch makes of the same numbers', async () => {
  const backend = createReferenceBackend({ precision: 'bfloat16' })
  const buffers: BufferSpec[] = []
  const values: (readonly number[])[] = []
  const buffer = (name: string, numbers: readonly number[], elementType: BufferSpec['elementType']): number => {
    values.push(numbers)
    return buffers.push({ name, elements: numbers.length, elementType, role: 'transient' }) - 1
  }
  const view = (name: string, channels: number, numbers: readonly number[]): View => {
    return { buffer: buffer(name, numbers, 'bfloat16'), stride: channels, first: 0, channels, height: 4, width: 5 }
  }
  const ref = (name: string, numbers: readonly number[]): Ref => ({
    buffer: buffer(name, numbers, 'float32'),
    offset: 0,
  })
  const empty = (like: readonly number[]): number[] => like.map(() => 0)
  const { epsilon } = layer
  const common = {
    size: 3,
    stride: 1,
    padding: 1,
    dropout: null,
    input: view('input', 3, layer.x),
    norm: {
      gamma: ref('gamma', layer.gamma),
      beta: ref('beta', layer.beta),
      mean: ref('mean', layer.mean),
      variance: ref('variance', layer.variance),
      epsilon,
    },
    weight: ref('weight', layer.weight),
  }
  const output = view('output', 4, empty(layer.output))
  const weightGradient = ref('weightGradient', empty(layer.weight))
  const gradient = view('inputGradient', 3, empty(layer.x))
  const [gamma, beta, a, b] = ['dGamma', 'dBeta', 'a', 'b'].map(name => ref(name, [0, 0, 0]))
  const calls: KernelCall[] = [
    { kernel: 'convolutionForward', ...common, output, statistics: null },
    {
      kernel: 'convolutionBackward',
      ...common,
      outputGradient: { gradient: view('upstream', 4, layer.upstream), deferred: null },
      weightGradient,
      inputGradient: { gradient, accumulate: false, norm: { gamma: gamma!, beta: beta!, a: a!, b: b! } },
    },
  ]
  const offsets = buffers.map((_, i) => 2048 * i)
  const arenaBytes = 2048 * buffers.length
  const program: Program = { batchSize: 2, precision: 'bfloat16', buffers, calls, offsets, arenaBytes }
  const arena = createArena(backend, arenaBytes)
  const bytes = new ArrayBuffer(arenaBytes)
  const half = (buffer: number) => new Uint16Array(bytes, offsets[buffer]!, values[buffer]!.length)
  const single = (buffer: number) => new Float32Array(bytes, offsets[buffer]!, values[buffer]!.length)
  for (const [i, numbers] of values.entries()) {
    if (buffers[i]!.elementType === 'float32') single(i).set(numbers)
    else half(i).set(toBfloat16(numbers))
  }
  await arena.write(new Float32Array(bytes))
  await (await backend.compile(program, { arena })).run({ batch: 2 })
  new Float32Array(bytes).set(await arena.read())
  for (const [{ buffer }, expected] of [
    [output, layer.output],
    [gradient, layer.inputGradient],
  ] as const) {
    expect([...fromBfloat16(half(buffer), new Float32Array(expected.length))]).toEqual(expected)
  }
  expect(relativeError(single(weightGradient.buffer), layer.weightGradient)).toBeLessThan(1e-7)
})

test.each(['plain', 'bc', 'imagenet'])(
  'a step of the golden net "%s" in bfloat16 is near the one in float64',
  async name => {
    const { options, batch, sgd, parameters, running, input, labels, learningRate, losses, logits1 } = readGolden(name)
    const { height, width } = resolveConfig(options)
    const backend = createReferenceBackend({ precision: 'bfloat16', poisonArena: true })
    const session = await createSession(architecture(resolveConfig(options)), backend, {
      batchSize: batch,
      optimizer: sgd,
    })
    await session.writeState({ parameters: generateAll(parameters), running: generateAll(running) })
    const images = generate(input, batch * 3 * height * width)
    const result = await session.trainStep({ size: batch, images, labels: labels[0]! }, { learningRate })
    const loss = Array.from(result.losses).reduce((sum, x) => sum + x, 0) / batch
    const errors = {
      loss: Math.abs(loss / losses[0]! - 1),
      logits: relativeError(await session.logits(batch), logits1),
    }
    if (process.env.DENSENET_SHOW_ERRORS) console.log(name, errors)
    expect(errors.loss).toBeLessThan(0.01)
    expect(errors.logits).toBeLessThan(0.1)
    session.dispose()
  },
)
