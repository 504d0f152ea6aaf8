// The backward kernels of the reference against central differences of its forward kernels, in float64. Chains of
// calls, because the deferred gradient of batch norm is whole only after its last consumer. Batch norm's statistics
// depend on the input here, as in training. The seeds keep clear of ReLU's kinks: a step across one would show.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { Dropout, InputGradient, KernelCall, Norm, OutputGradient, Ref, View } from '../../dist/engine/kernels.js'
import type { BufferSpec } from '../../dist/engine/program.js'
import { randomStream } from '../../dist/util/random.js'
import { arenaElements, makeProgram, startOf } from '../conformance/harness.js'

const TOLERANCE = 1e-6
const STEP = 1e-5
const EPSILON = 1e-5
/** Elements of each tensor that are varied. */
const VARIED = 40

/** An activation, or some channels of one, with all that training keeps about it. */
interface Activation {
  readonly data: View
  readonly gradient: View
  readonly mean: Ref
  readonly variance: Ref
  readonly a: Ref
  readonly b: Ref
}

function slice(activation: Activation, first: number, channels: number): Activation {
  const view = (view: View): View => ({ ...view, first: view.first + first, channels })
  const ref = ({ buffer, offset }: Ref): Ref => ({ buffer, offset: offset + first })
  const { data, gradient, mean, variance, a, b } = activation
  return { data: view(data), gradient: view(gradient), mean: ref(mean), variance: ref(variance), a: ref(a), b: ref(b) }
}

interface Link {
  /** Normalise the input, and so defer its gradient. */
  readonly norm?: string
  /** Whether a later call reads this input too, so that its backward call, which comes earlier, has written already. */
  readonly accumulate?: boolean
  /** The output is normalised by who reads it, so its gradient arrives deferred. */
  readonly deferred?: boolean
}

/** A net of a few kernels: forward calls, backward calls, and the tensors whose gradients they make. */
class Chain {
  readonly buffers: BufferSpec[] = []
  readonly values: Float64Array[] = []
  readonly forward: KernelCall[] = []
  readonly backward: KernelCall[] = []
  readonly leaves: { name: string; buffer: number; gradient: number; count: number }[] = []
  private readonly random
  private dropouts = 0
  /** What is differentiated, of the arena after a forward run. */
  objective: (read: (buffer: number) => Float64Array) => number = () => Number.NaN

  constructor(
    seed: number,
    readonly batch: number,
  ) {
    this.random = randomStream(seed, 'initialisation')
  }

  buffer(name: string, elements: number, value: () => number = () => Number.NaN): number {
    this.values.push(Float64Array.from({ length: elements }, value))
    return this.buffers.push({ name, elements, role: 'transient' }) - 1
  }

  leaf(name: string, count: number, value: () => number): { value: Ref; gradient: Ref } {
    const buffer = this.buffer(name, count, value)
    const gradient = this.buffer(`${name}.gradient`, count)
    this.leaves.push({ name, buffer, gradient, count })
    return { value: { buffer, offset: 0 }, gradient: { buffer: gradient, offset: 0 } }
  }

  activation(name: string, channels: number, height: number, width: number): Activation {
    const elements = this.batch * channels * height * width
    const view = (name: string): View => {
      return { buffer: this.buffer(name, elements), stride: channels, first: 0, channels, height, width }
    }
    const vector = (what: string): Ref => ({ buffer: this.buffer(`${name}.${what}`, channels), offset: 0 })
    const [data, gradient] = [view(name), view(`${name}.gradient`)]
    return { data, gradient, mean: vector('mean'), variance: vector('variance'), a: vector('a'), b: vector('b') }
  }

  /** The net's input: its gradient is looked at too. */
  input(channels: number, height: number, width: number): Activation {
    const input = this.activation('input', channels, height, width)
    const { buffer } = input.data
    const count = this.batch * channels * height * width
    for (let i = 0; i < count; i++) this.values[buffer]![i] = 1 + this.random.normal()
    this.leaves.push({ name: 'input', buffer, gradient: input.gradient.buffer, count })
    return input
  }

  /** The net's output: the objective is its product with a random gradient. */
  output(channels: number, height: number, width: number): Activation {
    const output = this.activation('output', channels, height, width)
    const upstream = this.values[output.gradient.buffer]!
    for (let i = 0; i < upstream.length; i++) upstream[i] = this.random.normal()
    this.objective = read => read(output.data.buffer).reduce((sum, x, i) => sum + x * upstream[i]!, 0)
    return output
  }

  private link(from: Activation, to: Activation, { norm: name, accumulate = false, deferred = false }: Link) {
    const { mean, variance } = from
    const { channels } = from.data
    const gamma = name === undefined ? null : this.leaf(`${name}.gamma`, channels, () => 0.5 + this.random.normal())
    const beta = name === undefined ? null : this.leaf(`${name}.beta`, channels, () => 0.5 * this.random.normal())
    const norm: Norm | null = gamma &&
      beta && { gamma: gamma.value, beta: beta.value, mean, variance, epsilon: EPSILON }
    const inputGradient: InputGradient = {
      gradient: from.gradient,
      accumulate,
      norm: gamma && beta && { gamma: gamma.gradient, beta: beta.gradient, a: from.a, b: from.b },
    }
    const outputGradient: OutputGradient = {
      gradient: to.gradient,
      deferred: deferred
        ? { value: to.data, mean: to.mean, variance: to.variance, epsilon: EPSILON, a: to.a, b: to.b }
        : null,
    }
    const statistics = deferred ? { mean: to.mean, variance: to.variance } : null
    return {
      forward: { input: from.data, norm, output: to.data, statistics },
      backward: { input: from.data, norm, outputGradient, inputGradient },
    }
  }

  private add(forward: KernelCall, backward: KernelCall): void {
    this.forward.push(forward)
    this.backward.unshift(backward)
  }

  convolve(
    name: string,
    size: number,
    from: Activation,
    to: Activation,
    link: Link & { dropRate?: number; stride?: number; padding?: number; biased?: boolean } = {},
  ): void {
    const { forward, backward } = this.link(from, to, link)
    const count = to.data.channels * from.data.channels * size * size
    const weight = this.leaf(name, count, () => this.random.normal() / size)
    const { stride = size === 7 ? 2 : 1, padding = (size - 1) / 2 } = link
    const geometry = { size, stride, padding }
    const dropout: Dropout | null = link.dropRate === undefined ? null : { rate: link.dropRate, layer: this.dropouts++ }
    const shared = { ...geometry, weight: weight.value, dropout }
    const bias = link.biased ? this.leaf(`${name}.bias`, to.data.channels, () => this.random.normal()) : null
    const biasGradient = bias?.gradient ?? null
    this.add(
      { kernel: 'convolutionForward', ...shared, ...forward, bias: bias?.value ?? null },
      { kernel: 'convolutionBackward', ...shared, ...backward, weightGradient: weight.gradient, biasGradient },
    )
  }

  /** Lets all readers add to its gradient: to be called last. */
  zero({ gradient, a, b }: Activation): void {
    for (const buffer of [gradient.buffer, a.buffer, b.buffer]) {
      const { elements } = this.buffers[buffer]!
      this.backward.unshift({ kernel: 'fill', elements, value: 0, target: { buffer, offset: 0 } })
    }
  }

  /** Of size 3 and stride 2. */
  transpose(name: string, from: Activation, to: Activation, { deferred = false, accumulate = false }: Link = {}): void {
    const { forward, backward } = this.link(from, to, { deferred, accumulate })
    const weight = this.leaf(name, 9 * from.data.channels * to.data.channels, () => this.random.normal() / 3)
    const bias = this.leaf(`${name}.bias`, to.data.channels, () => this.random.normal())
    const shared = { size: 3, stride: 2, input: from.data, weight: weight.value }
    const { inputGradient, outputGradient } = backward
    const { norm: _, ...gradient } = inputGradient
    const { output, statistics } = forward
    this.add(
      { kernel: 'transposedConvolutionForward', ...shared, bias: bias.value, output, statistics },
      {
        kernel: 'transposedConvolutionBackward',
        ...shared,
        weightGradient: weight.gradient,
        biasGradient: bias.gradient,
        outputGradient,
        inputGradient: gradient,
      },
    )
  }

  /** Cross entropy of pixels, some without a label: the objective is the mean of `loss`. */
  classifyPixels(logits: Activation, weighted: boolean): void {
    const { channels, height, width } = logits.data
    const pixels = this.batch * height * width
    const at = (buffer: number): Ref => ({ buffer, offset: 0 })
    const loss = this.buffer('loss', this.batch)
    this.forward.push({
      kernel: 'pixelCrossEntropy',
      logits: logits.data,
      gradient: logits.gradient,
      labels: at(this.buffer('labels', pixels, () => this.random.integer(channels + 1) - 1)),
      classWeights: weighted ? at(this.buffer('classWeights', channels, () => this.random.uniform())) : null,
      loss: at(loss),
      predicted: at(this.buffer('predicted', pixels)),
    })
    this.objective = read => read(loss).reduce((sum, x) => sum + x, 0) / this.batch
  }

  averagePool(windowHeight: number, windowWidth: number, from: Activation, to: Activation, link: Link): void {
    const { forward, backward } = this.link(from, to, link)
    const window = { windowHeight, windowWidth }
    this.add(
      { kernel: 'averagePoolForward', ...window, ...forward },
      { kernel: 'averagePoolBackward', ...window, ...backward },
    )
  }

  maxPool(from: Activation, to: Activation, link: Link, geometry = { size: 3, stride: 2, padding: 1 }): void {
    const { forward, backward } = this.link(from, to, link)
    this.add(
      { kernel: 'maxPoolForward', ...geometry, ...forward },
      { kernel: 'maxPoolBackward', ...geometry, ...backward },
    )
  }

  /** Linear classifier and cross entropy: the objective is the mean loss. */
  classify(from: Activation, classes: number): void {
    const { channels } = from.data
    const logits = this.activation('logits', classes, 1, 1)
    const weight = this.leaf('classifier.weight', classes * channels, () => this.random.normal())
    const bias = this.leaf('classifier.bias', classes, () => this.random.normal())
    const labels = this.buffer('labels', this.batch, () => this.random.integer(classes))
    const loss = this.buffer('loss', this.batch)
    const rank = this.buffer('rank', this.batch)
    this.add(
      { kernel: 'linearForward', input: from.data, weight: weight.value, bias: bias.value, output: logits.data },
      {
        kernel: 'linearBackward',
        input: from.data,
        weight: weight.value,
        weightGradient: weight.gradient,
        biasGradient: bias.gradient,
        outputGradient: logits.gradient,
        inputGradient: from.gradient,
      },
    )
    const at = (buffer: number): Ref => ({ buffer, offset: 0 })
    this.forward.push({
      kernel: 'crossEntropy',
      logits: logits.data,
      gradient: logits.gradient,
      labels: at(labels),
      mixed: null,
      smoothing: 0,
      classWeights: null,
      loss: at(loss),
      rank: at(rank),
    })
    this.objective = read => read(loss).reduce((sum, x) => sum + x, 0) / this.batch
  }

  /** For each leaf, the largest difference from central differences, relative to the leaf's largest gradient. */
  async errors(): Promise<Map<string, number>> {
    const backend = createReferenceBackend({ precision: 'float64' })
    const forward = makeProgram(this.forward, this.buffers, this.batch, 'float64')
    const arena = backend.createBuffer(arenaElements(forward))
    const at = (buffer: number): number => startOf(forward, buffer)
    for (const [buffer, values] of this.values.entries()) await arena.write(values, at(buffer))
    const forwards = await backend.compile(forward, { arena })
    const backwards = await backend.compile(makeProgram(this.backward, this.buffers, this.batch, 'float64'), { arena })
    const args = { batch: this.batch, seed: 3, step: 2 }

    await forwards.run(args)
    await backwards.run(args)
    const gradients = (await arena.read()) as Float64Array
    const evaluate = async (position: number, value: number): Promise<number> => {
      await arena.write([value], position)
      await forwards.run(args)
      const after = (await arena.read()) as Float64Array
      return this.objective(buffer => after.subarray(at(buffer), at(buffer) + this.buffers[buffer]!.elements))
    }
    const errors = new Map<string, number>()
    for (const { name, buffer, gradient, count } of this.leaves) {
      let difference = 0
      let largest = 0
      const varied = Math.min(count, VARIED)
      for (let j = 0; j < varied; j++) {
        const i = Math.floor((j * count) / varied)
        const value = this.values[buffer]![i]!
        const up = await evaluate(at(buffer) + i, value + STEP)
        const down = await evaluate(at(buffer) + i, value - STEP)
        await arena.write([value], at(buffer) + i)
        const expected = (up - down) / (2 * STEP)
        difference = Math.max(difference, Math.abs(gradients[at(gradient) + i]! - expected))
        largest = Math.max(largest, Math.abs(expected))
      }
      errors.set(name, difference / largest)
    }
    return errors
  }
}

async function check(chain: Chain): Promise<void> {
  const errors = await chain.errors()
  if (process.env.DENSENET_SHOW_ERRORS) console.log(expect.getState().currentTestName, Math.max(...errors.values()))
  expect([...errors].filter(([, error]) => !(error <= TOLERANCE))).toEqual([])
}

/** An input and a first convolution that makes `channels` normalised channels of it. */
function stem(chain: Chain, channels: number, height: number, width: number): Activation {
  const made = chain.activation('stem', channels, height, width)
  chain.convolve('stem.weight', 1, chain.input(3, height, width), made, { deferred: true })
  return made
}

describe('one kernel behind a normalised activation', () => {
  test.each([
    [1, undefined],
    [1, 0.3],
    [3, undefined],
    [3, 0.3],
  ])('convolution of size %i, dropout %s', async (size, dropRate) => {
    const chain = new Chain(21, 3)
    const from = stem(chain, 5, 4, 6)
    chain.convolve('weight', size, from, chain.output(4, 4, 6), { norm: 'norm', ...(dropRate ? { dropRate } : {}) })
    await check(chain)
  })

  test('convolution 7 x 7, stride 2', async () => {
    const chain = new Chain(22, 2)
    const from = stem(chain, 3, 7, 10)
    chain.convolve('weight', 7, from, chain.output(4, 4, 5), { norm: 'norm' })
    await check(chain)
  })

  // No DenseNet has these; the conformance cases that the native backend refuses do.
  test.each([
    [3, 2, 1, 3, 4],
    [3, 1, 0, 3, 5],
    [1, 2, 0, 3, 4],
    [1, 1, 1, 7, 9],
    [5, 1, 2, 5, 7],
    [5, 3, 1, 1, 2],
    [2, 2, 0, 2, 3],
    [4, 2, 3, 4, 5],
  ])('convolution of size %i, stride %i, padding %i', async (size, stride, padding, height, width) => {
    const chain = new Chain(26, 2)
    const link = { norm: 'norm', stride, padding, dropRate: 0.2 }
    chain.convolve('weight', size, stem(chain, 3, 5, 7), chain.output(4, height, width), link)
    await check(chain)
    const plain = new Chain(27, 2)
    plain.convolve('weight', size, plain.input(3, 5, 7), plain.output(4, height, width), { stride, padding })
    await check(plain)
  })

  test.each([1, 3])('convolution of size %i with bias and dropout', async size => {
    const chain = new Chain(28, 3)
    const link = { norm: 'norm', dropRate: 0.3, biased: true }
    chain.convolve('weight', size, stem(chain, 5, 4, 6), chain.output(4, 4, 6), link)
    await check(chain)
  })

  test('average pool 2 x 2 that leaves a row and a column over', async () => {
    const chain = new Chain(23, 3)
    chain.averagePool(2, 2, stem(chain, 4, 5, 7), chain.output(4, 2, 3), { norm: 'norm' })
    await check(chain)
  })

  test('global average pool', async () => {
    const chain = new Chain(24, 3)
    chain.averagePool(3, 5, stem(chain, 4, 3, 5), chain.output(4, 1, 1), { norm: 'norm' })
    await check(chain)
  })

  test.each([
    [5, 6],
    [4, 9],
    [1, 2],
  ])('max pool of %i x %i', async (height, width) => {
    const chain = new Chain(25, 4)
    const output = chain.output(4, Math.ceil(height / 2), Math.ceil(width / 2))
    chain.maxPool(stem(chain, 4, height, width), output, { norm: 'norm' })
    await check(chain)
  })
})

describe('one kernel on the input itself', () => {
  test.each([1, 3, 7])('convolution of size %i', async size => {
    const chain = new Chain(31, 2)
    const [height, width] = size === 7 ? [3, 4] : [6, 7]
    chain.convolve('weight', size, chain.input(3, 6, 7), chain.output(4, height, width))
    await check(chain)
  })

  test('average and max pool', async () => {
    const average = new Chain(32, 2)
    average.averagePool(2, 2, average.input(3, 7, 6), average.output(3, 3, 3), {})
    await check(average)
    const max = new Chain(33, 2)
    max.maxPool(max.input(3, 7, 6), max.output(3, 4, 3), {})
    await check(max)
  })

  test.each([
    [7, 5],
    [6, 4],
    [6, 5],
  ])('transposed convolution to %i x %i', async (height, width) => {
    const chain = new Chain(35, 2)
    chain.transpose('weight', chain.input(4, 3, 2), chain.output(5, height, width))
    await check(chain)
  })

  test.each([true, false])('cross entropy of pixels, weighted %s', async weighted => {
    const chain = new Chain(36, 3)
    const logits = chain.activation('logits', 4, 3, 5)
    chain.convolve('weight', 1, chain.input(3, 3, 5), logits, { biased: true })
    chain.classifyPixels(logits, weighted)
    await check(chain)
  })

  test('linear and cross entropy', async () => {
    const chain = new Chain(34, 5)
    chain.classify(chain.input(7, 1, 1), 4)
    await check(chain)
  })
})

describe('chains', () => {
  test('a dense block without bottlenecks: three readers of a channel, gradients finalised by the layers that made it', async () => {
    const chain = new Chain(41, 3)
    const features = chain.activation('features', 11, 4, 5)
    chain.convolve('stem', 3, chain.input(3, 4, 5), slice(features, 0, 5), { deferred: true })
    for (const [i, channels] of [5, 8].entries()) {
      const link = { norm: `norm${i}`, accumulate: true, deferred: true }
      chain.convolve(`layer${i}`, 3, slice(features, 0, channels), slice(features, channels, 3), link)
    }
    chain.averagePool(2, 2, features, chain.output(11, 2, 2), { norm: 'transition' })
    await check(chain)
  })

  test('a dense block with bottlenecks and dropout', async () => {
    const chain = new Chain(42, 3)
    const features = chain.activation('features', 10, 5, 4)
    chain.convolve('stem', 3, chain.input(3, 5, 4), slice(features, 0, 4), { deferred: true })
    for (const [i, channels] of [4, 7].entries()) {
      const y = chain.activation(`y${i}`, 12, 5, 4)
      const [inner, outer] = [`norm${i}.1`, `norm${i}.2`]
      const from = slice(features, 0, channels)
      chain.convolve(`bottleneck${i}`, 1, from, y, { norm: inner, accumulate: true, deferred: true, dropRate: 0.2 })
      const to = slice(features, channels, 3)
      chain.convolve(`growth${i}`, 3, y, to, { norm: outer, deferred: true, dropRate: 0.2 })
    }
    chain.averagePool(5, 4, features, chain.output(10, 1, 1), { norm: 'head' })
    await check(chain)
  })

  test('two transitions: pool then convolution, convolution with dropout then pool', async () => {
    const chain = new Chain(43, 2)
    const from = stem(chain, 6, 9, 8)
    const pooled = chain.activation('pooled', 6, 4, 4)
    const between = chain.activation('between', 3, 4, 4)
    const convolved = chain.activation('convolved', 4, 4, 4)
    const last = chain.activation('last', 4, 2, 2)
    chain.averagePool(2, 2, from, pooled, { norm: 'norm1' })
    chain.convolve('transition1', 1, pooled, between, { deferred: true })
    chain.convolve('transition2', 1, between, convolved, { norm: 'norm2', dropRate: 0.2 })
    chain.averagePool(2, 2, convolved, last, { deferred: true })
    chain.convolve('next', 1, last, chain.output(2, 2, 2), { norm: 'norm3' })
    await check(chain)
  })

  test('down and up again: a channel is read by norms of two blocks and by a convolution without one', async () => {
    const chain = new Chain(45, 2)
    const features = chain.activation('features', 9, 5, 6)
    const below = chain.activation('below', 6, 2, 3)
    chain.convolve('stem', 3, chain.input(3, 5, 6), slice(features, 0, 4), { deferred: true, biased: true })
    const made = chain.activation('made', 4, 5, 6)
    const accumulate = true
    chain.convolve('down', 1, slice(features, 0, 4), made, { norm: 'norm1', biased: true, dropRate: 0.2, accumulate })
    chain.maxPool(made, slice(below, 0, 4), { deferred: true }, { size: 2, stride: 2, padding: 0 })
    const link = { accumulate, deferred: true, biased: true }
    chain.convolve('bottom', 3, slice(below, 0, 4), slice(below, 4, 2), { norm: 'norm2', ...link })
    chain.transpose('up', slice(below, 4, 2), slice(features, 4, 2), { deferred: true, accumulate })
    chain.convolve('layer', 3, slice(features, 0, 6), slice(features, 6, 3), { norm: 'norm3', ...link })
    const logits = chain.activation('logits', 3, 5, 6)
    chain.convolve('classifier', 1, features, logits, { biased: true, accumulate })
    chain.classifyPixels(logits, true)
    chain.zero(features)
    chain.zero(below)
    await check(chain)
  })

  test('the ImageNet stem, then a classifier', async () => {
    const chain = new Chain(44, 3)
    const made = chain.activation('conv0', 4, 6, 5)
    const pooled = chain.activation('pool0', 4, 3, 3)
    const last = chain.activation('global', 4, 1, 1)
    chain.convolve('conv0', 7, chain.input(3, 11, 10), made, { deferred: true })
    chain.maxPool(made, pooled, { norm: 'norm0', deferred: true })
    chain.averagePool(3, 3, pooled, last, { norm: 'norm5' })
    chain.classify(last, 5)
    await check(chain)
  })
})
