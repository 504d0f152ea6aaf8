// architecture -> program. A training step is two programs, gradient and update, with one flat gradient buffer between
// them, so that several processes can reduce it.
import type {
  Architecture,
  BatchNorm,
  Convolution,
  DenseLayer,
  HeadLayer,
  StemLayer,
  TransitionLayer,
} from '../model/architecture.js'
import { parameterTable } from '../model/parameters.js'
import { type Activation, gradientView, view } from './activation.js'
import { layOut } from './arena.js'
import type {
  AveragePoolForward,
  ConvolutionForward,
  Dropout,
  InputGradient,
  KernelCall,
  Norm,
  OutputGradient,
  Ref,
  Statistics,
  View,
} from './kernels.js'
import type { BufferSpec, ExternalRole, Program } from './program.js'

/** `store` keeps every bottleneck output for the backward pass; `recompute` makes it again there: linear memory, the
 * same bits. */
export type MemoryMode = 'store' | 'recompute'

export interface PlanOptions {
  /** `train`: forward with batch statistics, loss, backward; `eval`: forward with running statistics, loss. */
  readonly mode: 'train' | 'eval'
  readonly batchSize: number
  readonly memory?: MemoryMode
}

/** Torch's share of the new batch in the running statistics. */
const RUNNING_MOMENTUM = 0.1

/** Plans one pass of the network over a batch; `train` includes the gradients of all parameters. */
export function plan(architecture: Architecture, options: PlanOptions): Program {
  return new Planner(architecture, options).program()
}

/** The update that follows a gradient program. */
export function planUpdate(
  elements: number,
  sgd: { readonly momentum: number; readonly weightDecay: number; readonly nesterov: boolean },
): Program {
  const roles: ExternalRole[] = ['parameters', 'gradients', 'velocity']
  const at = (buffer: number): Ref => ({ buffer, offset: 0 })
  return {
    batchSize: 1,
    buffers: roles.map(role => ({ name: role, elements, role })),
    calls: [{ kernel: 'sgd', elements, ...sgd, parameters: at(0), gradients: at(1), velocity: at(2) }],
    offsets: roles.map(() => -1),
    arenaElements: 0,
  }
}

class Planner {
  private readonly buffers: BufferSpec[] = []
  private readonly calls: KernelCall[] = []
  private readonly training: boolean
  private readonly recompute: boolean
  private readonly parameterOffset: ReadonlyMap<string, number>
  private readonly runningOffset: ReadonlyMap<string, number>
  private readonly external: Record<ExternalRole, number>
  private dropouts = 0

  constructor(
    private readonly architecture: Architecture,
    private readonly options: PlanOptions,
  ) {
    this.training = options.mode === 'train'
    this.recompute = options.memory === 'recompute'
    const table = parameterTable(architecture)
    this.parameterOffset = new Map(table.parameters.map(({ name, offset }) => [name, offset]))
    this.runningOffset = new Map(table.running.map(({ name, offset }) => [name, offset]))
    const { config } = architecture
    const batch = options.batchSize
    this.external = {
      parameters: this.buffer('parameters', table.parameterCount, 'parameters'),
      gradients: this.buffer('gradients', table.parameterCount, 'gradients'),
      velocity: -1,
      running: this.buffer('running', table.runningCount, 'running'),
      input: this.buffer('input', batch * config.inputChannels * config.height * config.width, 'input'),
      labels: this.buffer('labels', batch, 'labels'),
      logits: this.buffer('logits', batch * config.classes, 'logits'),
      loss: this.buffer('loss', batch, 'loss'),
      rank: this.buffer('rank', batch, 'rank'),
    }
  }

  program(): Program {
    // Forward calls are emitted layer by layer; each layer leaves a function that emits its backward calls.
    const backward: (() => void)[] = []
    const { layers, blocks } = this.architecture
    const features = blocks.map((block, i) => this.activation(`block${i + 1}`, block.channels, block))
    for (const layer of layers) {
      if (layer.kind === 'stem') backward.push(this.stem(layer, features[0]!))
      else if (layer.kind === 'dense') backward.push(this.dense(layer, features[layer.block - 1]!))
      else if (layer.kind === 'transition') {
        backward.push(this.transition(layer, features[layer.block - 1]!, features[layer.block]!))
      } else backward.push(this.head(layer, features.at(-1)!))
    }
    if (this.training) for (const emit of backward.reverse()) emit()
    const { offsets, arenaElements } = layOut(this.buffers, this.calls)
    return { batchSize: this.options.batchSize, buffers: this.buffers, calls: this.calls, offsets, arenaElements }
  }

  private stem(layer: StemLayer, features: Activation): () => void {
    const { convolution, norm } = layer
    const { config } = this.architecture
    const input: View = {
      buffer: this.external.input,
      stride: config.inputChannels,
      first: 0,
      channels: config.inputChannels,
      height: config.height,
      width: config.width,
    }
    // Without a norm the convolution writes the block's first channels; with one it has an activation of its own.
    const made = norm ? this.activation('stem', convolution.outChannels, convolution.output) : features
    const channels = convolution.outChannels
    this.convolutionForward(convolution, input, null, view(made, 0, channels), this.statistics(made, 0), null)
    const pool = { size: 3, stride: 2, padding: 1 }
    if (norm) {
      this.calls.push({
        kernel: 'maxPoolForward',
        ...pool,
        input: view(made),
        norm: this.normForward(norm, made),
        output: view(features, 0, channels),
        statistics: this.statistics(features, 0),
      })
    }
    return () => {
      if (norm) {
        this.calls.push({
          kernel: 'maxPoolBackward',
          ...pool,
          input: view(made),
          norm: this.norm(norm, made),
          outputGradient: this.outputGradient(features, 0, channels),
          inputGradient: this.inputGradient(made, channels, norm, false),
        })
      }
      this.calls.push({
        kernel: 'convolutionBackward',
        ...geometry(convolution),
        input,
        norm: null,
        weight: this.parameter(convolution.name),
        weightGradient: this.gradient(convolution.name),
        outputGradient: this.outputGradient(made, 0, channels),
        inputGradient: null,
        dropout: null,
      })
    }
  }

  private dense(layer: DenseLayer, features: Activation): () => void {
    const { bottleneck, growth, inChannels } = layer
    const { growthRate } = this.architecture.config
    const input = view(features, 0, inChannels)
    const output = view(features, inChannels, growthRate)
    const statistics = this.statistics(features, inChannels)
    const outputGradient = (): OutputGradient => this.outputGradient(features, inChannels, growthRate)
    if (!bottleneck) {
      const dropout = this.dropout()
      this.convolutionForward(
        growth.convolution,
        input,
        this.normForward(growth.norm, features),
        output,
        statistics,
        dropout,
      )
      return () => this.convolutionBackward(growth, features, outputGradient(), true, dropout)
    }
    const y = this.activation(layer.name, bottleneck.convolution.outChannels, bottleneck.convolution.output)
    const dropouts = [this.dropout(), this.dropout()] as const
    const norm = this.normForward(bottleneck.norm, features)
    const made = this.convolutionForward(
      bottleneck.convolution,
      input,
      norm,
      view(y),
      this.statistics(y, 0),
      dropouts[0],
    )
    this.convolutionForward(
      growth.convolution,
      view(y),
      this.normForward(growth.norm, y),
      output,
      statistics,
      dropouts[1],
    )
    return () => {
      const kept = this.recompute ? this.anew(y) : y
      if (this.recompute) this.calls.push({ ...made, output: view(kept), statistics: null })
      this.convolutionBackward(growth, kept, outputGradient(), false, dropouts[1])
      this.convolutionBackward(bottleneck, features, this.outputGradient(kept, 0, y.channels), true, dropouts[0])
    }
  }

  private transition(layer: TransitionLayer, features: Activation, next: Activation): () => void {
    const dropout = this.dropout()
    return dropout
      ? this.convolveThenPool(layer, features, next, dropout)
      : this.poolThenConvolve(layer, features, next)
  }

  /** Average pooling and a 1x1 convolution commute: pooling first needs a quarter of the multiplications. */
  private poolThenConvolve(layer: TransitionLayer, features: Activation, next: Activation): () => void {
    const { norm, output } = layer
    const channels = layer.convolution.outChannels
    const convolution: Convolution = { ...layer.convolution, input: output, output }
    const pooled = this.activation(`transition${layer.block}`, features.channels, output)
    const pool: AveragePoolForward = {
      kernel: 'averagePoolForward',
      windowHeight: 2,
      windowWidth: 2,
      input: view(features),
      norm: this.normForward(norm, features),
      output: view(pooled),
      statistics: null,
    }
    this.calls.push(pool)
    this.convolutionForward(convolution, view(pooled), null, view(next, 0, channels), this.statistics(next, 0), null)
    return () => {
      const kept = this.recompute ? this.anew(pooled) : pooled
      if (this.recompute) this.calls.push({ ...pool, output: view(kept) })
      this.convolutionBackward({ norm: null, convolution }, kept, this.outputGradient(next, 0, channels), false, null)
      this.calls.push({
        kernel: 'averagePoolBackward',
        windowHeight: 2,
        windowWidth: 2,
        input: view(features),
        norm: this.norm(norm, features),
        outputGradient: { gradient: gradientView(pooled), deferred: null },
        inputGradient: this.inputGradient(features, features.channels, norm, false),
      })
    }
  }

  /** With dropout between the two they do not commute: convolution first, as the seed has it. */
  private convolveThenPool(
    layer: TransitionLayer,
    features: Activation,
    next: Activation,
    dropout: Dropout,
  ): () => void {
    const { norm, convolution } = layer
    const channels = convolution.outChannels
    const made = this.activation(`transition${layer.block}`, channels, convolution.output)
    this.convolutionForward(convolution, view(features), this.normForward(norm, features), view(made), null, dropout)
    const pool = { windowHeight: 2, windowWidth: 2, input: view(made), norm: null }
    const output = view(next, 0, channels)
    this.calls.push({ kernel: 'averagePoolForward', ...pool, output, statistics: this.statistics(next, 0) })
    return () => {
      this.calls.push({
        kernel: 'averagePoolBackward',
        ...pool,
        outputGradient: this.outputGradient(next, 0, channels),
        inputGradient: this.inputGradient(made, channels, null, false),
      })
      this.convolutionBackward(layer, features, { gradient: gradientView(made), deferred: null }, false, dropout)
    }
  }

  private head(layer: HeadLayer, features: Activation): () => void {
    const { norm, classifier, input } = layer
    const window = { windowHeight: input.height, windowWidth: input.width }
    const pixel = { height: 1, width: 1 }
    const pooled = this.activation('pooled', features.channels, pixel)
    this.calls.push({
      kernel: 'averagePoolForward',
      ...window,
      input: view(features),
      norm: this.normForward(norm, features),
      output: view(pooled),
      statistics: null,
    })
    const classes = classifier.outFeatures
    const logits: View = { buffer: this.external.logits, stride: classes, first: 0, channels: classes, ...pixel }
    const weight = this.parameter(classifier.name)
    this.calls.push({
      kernel: 'linearForward',
      input: view(pooled),
      weight,
      bias: this.parameter(classifier.name, 'bias'),
      output: logits,
    })
    const logitsGradient: View = {
      ...logits,
      buffer: this.training ? this.buffer('logits.gradient', this.options.batchSize * classes, 'transient') : -1,
    }
    this.calls.push({
      kernel: 'crossEntropy',
      logits,
      labels: { buffer: this.external.labels, offset: 0 },
      loss: { buffer: this.external.loss, offset: 0 },
      rank: { buffer: this.external.rank, offset: 0 },
      gradient: this.training ? logitsGradient : null,
    })
    return () => {
      this.calls.push({
        kernel: 'linearBackward',
        input: view(pooled),
        weight,
        weightGradient: this.gradient(classifier.name),
        biasGradient: this.gradient(classifier.name, 'bias'),
        outputGradient: logitsGradient,
        inputGradient: gradientView(pooled),
      })
      this.calls.push({
        kernel: 'averagePoolBackward',
        ...window,
        input: view(features),
        norm: this.norm(norm, features),
        outputGradient: { gradient: gradientView(pooled), deferred: null },
        inputGradient: this.inputGradient(features, features.channels, norm, false),
      })
    }
  }

  /** Emits the call and returns it, so that recompute can emit it again with another output. */
  private convolutionForward(
    convolution: Convolution,
    input: View,
    norm: Norm | null,
    output: View,
    statistics: Statistics | null,
    dropout: Dropout | null,
  ): ConvolutionForward {
    const call: ConvolutionForward = {
      kernel: 'convolutionForward',
      ...geometry(convolution),
      input,
      norm,
      weight: this.parameter(convolution.name),
      output,
      statistics,
      dropout,
    }
    this.calls.push(call)
    return call
  }

  private convolutionBackward(
    { norm, convolution }: { readonly norm: BatchNorm | null; readonly convolution: Convolution },
    input: Activation,
    outputGradient: OutputGradient,
    accumulate: boolean,
    dropout: Dropout | null,
  ): void {
    this.calls.push({
      kernel: 'convolutionBackward',
      ...geometry(convolution),
      input: view(input, 0, convolution.inChannels),
      norm: norm && this.norm(norm, input),
      weight: this.parameter(convolution.name),
      weightGradient: this.gradient(convolution.name),
      outputGradient,
      inputGradient: this.inputGradient(input, convolution.inChannels, norm, accumulate),
      dropout,
    })
  }

  /** The norm of a forward call; in training its batch statistics enter the running ones, once per step. */
  private normForward(norm: BatchNorm, input: Activation): Norm {
    if (this.training) {
      this.calls.push({
        kernel: 'runningStatistics',
        channels: norm.channels,
        pixels: input.height * input.width,
        momentum: RUNNING_MOMENTUM,
        statistics: this.statistics(input, 0)!,
        runningMean: this.running(norm, 'mean'),
        runningVariance: this.running(norm, 'var'),
      })
    }
    return this.norm(norm, input)
  }

  private norm(norm: BatchNorm, input: Activation): Norm {
    return {
      gamma: this.parameter(norm.name),
      beta: this.parameter(norm.name, 'bias'),
      epsilon: this.architecture.config.bnEpsilon,
      ...(this.statistics(input, 0) ?? { mean: this.running(norm, 'mean'), variance: this.running(norm, 'var') }),
    }
  }

  private statistics(activation: Activation, first: number): Statistics | null {
    if (!this.training) return null
    return {
      mean: { buffer: activation.statistics, offset: first },
      variance: { buffer: activation.statistics, offset: activation.channels + first },
    }
  }

  private outputGradient(activation: Activation, first: number, channels: number): OutputGradient {
    return {
      gradient: gradientView(activation, first, channels),
      deferred: {
        value: view(activation, first, channels),
        ...this.statistics(activation, first)!,
        epsilon: this.architecture.config.bnEpsilon,
        a: { buffer: activation.deferred, offset: first },
        b: { buffer: activation.deferred, offset: activation.channels + first },
      },
    }
  }

  private inputGradient(
    input: Activation,
    channels: number,
    norm: BatchNorm | null,
    accumulate: boolean,
  ): InputGradient {
    return {
      gradient: gradientView(input, 0, channels),
      accumulate,
      norm: norm && {
        gamma: this.gradient(norm.name),
        beta: this.gradient(norm.name, 'bias'),
        a: { buffer: input.deferred, offset: 0 },
        b: { buffer: input.deferred, offset: input.channels },
      },
    }
  }

  private dropout(): Dropout | null {
    const rate = this.architecture.config.dropRate
    return this.training && rate > 0 ? { rate, layer: this.dropouts++ } : null
  }

  private activation(
    name: string,
    channels: number,
    size: { readonly height: number; readonly width: number },
  ): Activation {
    const { height, width } = size
    const elements = this.options.batchSize * channels * height * width
    return {
      channels,
      height,
      width,
      data: this.buffer(name, elements, 'transient'),
      gradient: this.buffer(`${name}.gradient`, elements, 'transient'),
      statistics: this.buffer(`${name}.statistics`, 2 * channels, 'transient'),
      deferred: this.buffer(`${name}.deferred`, 2 * channels, 'transient'),
    }
  }

  /** The same activation in a buffer of its own, so that the first is free between the two passes. */
  private anew(activation: Activation): Activation {
    const { name, elements } = this.buffers[activation.data]!
    return { ...activation, data: this.buffer(`${name}.again`, elements, 'transient') }
  }

  private buffer(name: string, elements: number, role: BufferSpec['role']): number {
    return this.buffers.push({ name, elements, role }) - 1
  }

  private running(norm: BatchNorm, statistic: 'mean' | 'var'): Ref {
    return { buffer: this.external.running, offset: this.runningOffset.get(`${norm.name}.running_${statistic}`)! }
  }

  private parameter(layer: string, tensor = 'weight'): Ref {
    return { buffer: this.external.parameters, offset: this.parameterOffset.get(`${layer}.${tensor}`)! }
  }

  private gradient(layer: string, tensor = 'weight'): Ref {
    return { ...this.parameter(layer, tensor), buffer: this.external.gradients }
  }
}

function geometry({ size, stride, padding }: Convolution): { size: number; stride: number; padding: number } {
  return { size, stride, padding }
}
