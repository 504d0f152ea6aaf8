// PyTorch's float64 numbers (test/golden/training.json): optimisers, clipping and losses.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { DeviceBuffer } from '../../dist/engine/backend.js'
import type { KernelCall, Ref, View } from '../../dist/engine/kernels.js'
import type { BufferSpec, ExternalRole, Program } from '../../dist/engine/program.js'
import { type Optimizer, planUpdate, type UpdateOptions } from '../../dist/engine/update.js'
import { relativeError } from '../golden/compare.js'
import { generate } from '../golden/nets.js'
import { readMissing, readTraining } from '../golden/training.js'

const TOLERANCE = 1e-12
const golden = readTraining()
const backend = createReferenceBackend({ precision: 'float64' })
type Buffers = Partial<Record<ExternalRole, DeviceBuffer>>

describe('optimisers', () => {
  const { steps, sizes } = golden.optimizers
  const elements = sizes.reduce((a, b) => a + b)
  const [first = 0, second = 0, third = 0] = sizes
  const trained = first + second
  // The first tensor decays, the second does not, the third is frozen.
  const regions = [
    { offset: 0, elements: first, decays: true, frozen: false },
    { offset: first, elements: second, decays: false, frozen: false },
    { offset: trained, elements: third, decays: true, frozen: true },
  ]
  const many = (number: number, count = sizes.length): number[] =>
    sizes.flatMap((size, i) => (i < count ? [...generate({ number: number + i, low: -1, high: 1 }, size)] : []))

  const sgd: Optimizer = { momentum: 0.9, weightDecay: 0.01, nesterov: true }
  const rmsprop = { name: 'rmsprop', alpha: 0.9, epsilon: 1e-5, momentum: 0.7, weightDecay: 0.01 } as const
  const moments = { firstMoment: 'exp_avg', secondMoment: 'exp_avg_sq' }
  const rms = { secondMoment: 'square_avg', velocity: 'momentum_buffer' }
  type Case = [keyof typeof golden.optimizers, Optimizer, Record<string, string>, UpdateOptions?]
  test.each<Case>([
    ['sgd', sgd, { velocity: 'momentum_buffer' }],
    ['sgdClipped', sgd, { velocity: 'momentum_buffer' }, { clipNorm: 0.7 }],
    ['sgdClippedLoosely', sgd, { velocity: 'momentum_buffer' }, { clipNorm: 70 }],
    ['adamw', { name: 'adamw', beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.3 }, moments],
    ['rmsprop', rmsprop, rms],
    ['rmspropPlain', { ...rmsprop, alpha: 0.99, epsilon: 1e-8, momentum: 0 }, { secondMoment: 'square_avg' }],
  ])('%s', async (name, optimizer, names, options = {}) => {
    const expected = golden.optimizers[name as 'sgd']
    const program = planUpdate(elements, optimizer, { regions, precision: 'float64', ...options })
    const buffers: Buffers = Object.fromEntries(
      program.buffers.map(({ role }) => [role, backend.createBuffer(elements)]),
    )
    const initial = many(1)
    await buffers.parameters!.write(initial)
    const executable = await backend.compile(program, buffers)
    for (let step = 0; step < steps; step++) {
      // The frozen tensor's gradient must not count in the norm.
      await buffers.gradients!.write([...many(100 + 10 * step, 2), ...new Array(third).fill(1000)])
      await executable.run({ batch: 1, learningRate: 0.1 / (step + 1), step })
    }
    const parameters = await buffers.parameters!.read()
    expect(relativeError(parameters, expected.parameters)).toBeLessThan(TOLERANCE)
    expect([...parameters.subarray(trained)]).toEqual(initial.slice(trained))
    for (const [role, key] of Object.entries(names)) {
      const actual = await buffers[role as ExternalRole]!.read(0, trained)
      expect(relativeError(actual, expected.state[key]!), key).toBeLessThan(TOLERANCE)
    }
  })
})

describe('losses', () => {
  const batch = 6
  const classes = 5
  const logits = generate({ number: 500, low: -4, high: 4 }, batch * classes)
  const classWeights = generate({ number: 501, low: 0.5, high: 2 }, classes)

  /** Runs one call on buffers of these contents; all operands are buffers of that name. */
  async function run(inputs: Record<string, ArrayLike<number>>, call: (at: Operands) => KernelCall) {
    const specs: BufferSpec[] = []
    const buffer = (name: string, elements: number): number =>
      specs.push({ name, elements, elementType: 'float64', role: 'transient' }) - 1
    const at: Operands = {
      ref: name => ({ buffer: buffer(name, name === 'classWeights' ? classes : batch), offset: 0 }),
      view: name => ({
        buffer: buffer(name, batch * classes),
        stride: classes,
        first: 0,
        channels: classes,
        height: 1,
        width: 1,
      }),
    }
    const calls = [call(at)]
    const offsets = specs.map((_, i) => 100 * i)
    const program: Program = {
      batchSize: batch,
      precision: 'float64',
      buffers: specs,
      calls,
      offsets: offsets.map(offset => 8 * offset),
      arenaBytes: 800 * specs.length,
    }
    const arena = backend.createBuffer(100 * specs.length)
    for (const [i, { name }] of specs.entries()) if (inputs[name]) await arena.write(inputs[name], offsets[i])
    await (await backend.compile(program, { arena })).run({ batch })
    return (name: string, count: number) => arena.read(offsets[specs.findIndex(spec => spec.name === name)]!, count)
  }
  interface Operands {
    readonly ref: (name: string) => Ref
    readonly view: (name: string) => View
  }
  const common = ({ ref, view }: Operands, smoothing: number, weighted: boolean) => ({
    logits: view('logits'),
    smoothing,
    classWeights: weighted ? ref('classWeights') : null,
    loss: ref('loss'),
    rank: ref('rank'),
    gradient: view('gradient'),
  })

  const title = (row: { weighted: boolean; smoothing: number; mixed?: boolean }): string =>
    `smoothing ${row.smoothing}${row.weighted ? ', weighted' : ''}${row.mixed ? ', mixed' : ''}`

  for (const row of golden.crossEntropy) {
    const { weighted, smoothing, mixed, first, second, share, losses, gradient } = row
    test(`cross entropy, ${title(row)}`, async () => {
      const inputs = { logits, classWeights, labels: first, otherLabels: second, share }
      const read = await run(inputs, at => ({
        kernel: 'crossEntropy',
        ...common(at, smoothing, weighted),
        labels: at.ref('labels'),
        mixed: mixed ? { labels: at.ref('otherLabels'), share: at.ref('share') } : null,
      }))
      expect(relativeError(await read('loss', batch), losses)).toBeLessThan(TOLERANCE)
      expect(relativeError(await read('gradient', batch * classes), gradient)).toBeLessThan(TOLERANCE)
    })
  }

  for (const row of golden.binaryCrossEntropy) {
    const { weighted, smoothing, targets, losses, ranks, gradient } = row
    const mixed = targets.every(Number.isInteger) ? '' : ', targets of mixed images'
    test(`binary cross entropy, ${title(row)}${mixed}`, async () => {
      const read = await run({ logits, classWeights, targets }, at => ({
        kernel: 'binaryCrossEntropy',
        ...common(at, smoothing, weighted),
        targets: at.view('targets'),
        labels: null,
      }))
      expect(relativeError(await read('loss', batch), losses)).toBeLessThan(TOLERANCE)
      expect([...(await read('rank', batch))]).toEqual(ranks)
      expect(relativeError(await read('gradient', batch * classes), gradient)).toBeLessThan(TOLERANCE)
    })
  }

  const missing = readMissing()
  for (const row of missing.losses) {
    const { weighted, smoothing, losses, ranks, gradient } = row
    test(`binary cross entropy, ${title(row)}, some labels not known`, async () => {
      const targets = missing.targets.map(target => target ?? Number.NaN).slice(0, batch * classes)
      const inputs = { logits: missing.logits.slice(0, batch * classes), classWeights: missing.weights, targets }
      const read = await run(inputs, at => ({
        kernel: 'binaryCrossEntropy',
        ...common(at, smoothing, weighted),
        targets: at.view('targets'),
        labels: null,
      }))
      expect(relativeError(await read('loss', batch), losses)).toBeLessThan(TOLERANCE)
      expect([...(await read('rank', batch))]).toEqual(ranks)
      expect(relativeError(await read('gradient', batch * classes), gradient)).toBeLessThan(TOLERANCE)
    })
  }
})
