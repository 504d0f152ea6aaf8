// What planning has to know of one pass: buffers and calls so far, where parameters and statistics lie, and how batch
// norms, gradients and dropouts are said in calls. planner.ts goes through the layers with it.
import type { Architecture, Layer } from '../model/architecture.js'
import type { POOLED } from '../model/feature-layers.js'
import { type ParameterTable, parameterTable } from '../model/parameters.js'
import { type BatchNorm, type Convolution, type Part, type Pool, partsOf } from '../model/parts.js'
import type { Quantization } from '../model/quantization.js'
import { type Activation, gradientView, view } from './activation.js'
import { layOut, livesOf } from './arena.js'
import { externalSizes } from './externals.js'
import type {
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
import type { Loss } from './loss.js'
import {
  type BufferSpec,
  type ElementType,
  type ExternalRole,
  imagesAtOnce,
  type Precision,
  type Program,
  parameterType,
} from './program.js'
import type { Remade } from './recompute.js'

/** `store` keeps every bottleneck output for the backward pass; `recompute` makes it again there, but for those that fit into
 * memory needed anyway: linear memory, the same bits. */
export type MemoryMode = 'store' | 'recompute'

/** What a program is for; `batchSize` is the largest batch in images. */
export interface PlanOptions {
  /** `train`: forward with batch statistics, loss, backward; `eval`: forward with running statistics, loss; `infer`: forward
   * with folded norms (fold.ts), no loss. */
  readonly mode: 'train' | 'eval' | 'infer'
  readonly batchSize: number
  readonly memory?: MemoryMode
  /** Of the backend it is for. Default: float32. */
  readonly precision?: Precision
  /** Of eval and infer: the name of the last layer to compute (see featureLayers); its output goes to the buffer `features`. */
  readonly until?: string
  /** Of training with everything frozen: instead of a loss' gradients those of a score, with respect to the output of
   * the layer of this name (see gradientLayers). The score is the sum of the logits, each times its number in the buffer
   * `targets`; the output goes to `features`, the gradient to `featureGradients`. */
  readonly scored?: string
  /** `pooled`: the network is its classifier alone, on what is in the buffer `features`. */
  readonly from?: typeof POOLED | undefined
  /** Default: plain cross entropy. */
  readonly loss?: Loss
  /** Names of parameters that are not trained. A batch norm with both of its own among them is frozen: it normalises
   * with its running statistics, as in evaluation, and leaves them alone. */
  readonly frozen?: ReadonlySet<string>
  /** Of eval and infer: batch norms take the statistics of each image, as in training on it alone, not the running ones. */
  readonly ownStatistics?: boolean
  /** Of infer: the layers that are computed in int8. */
  readonly quantization?: Quantization | undefined
}

/** Torch's share of the new batch in the running statistics. */
const RUNNING_MOMENTUM = 0.1

export class ProgramBuilder {
  protected readonly buffers: BufferSpec[] = []
  protected readonly calls: KernelCall[] = []
  /** In the order of the backward pass. */
  readonly remade: Remade[] = []
  protected readonly training: boolean
  protected readonly inference: boolean
  protected readonly precision: Precision
  protected readonly parameterType: ElementType
  protected readonly table: ParameterTable
  private readonly parameterOffset: ReadonlyMap<string, number>
  private readonly runningOffset: ReadonlyMap<string, number>
  private readonly sizes: ReturnType<typeof externalSizes>
  private readonly externals = new Map<ExternalRole, number>()
  private readonly frozen: ReadonlySet<string>
  private dropouts = 0
  /** How many calls it takes to the layer that was asked for, once it is reached. */
  protected end: number | undefined

  /** Of the outputs that could be made again, those that the backward pass comes to first are kept, `kept` of them: their
   * layers have more inputs, so that it would take longer for each byte. */
  constructor(
    protected readonly architecture: Architecture,
    protected readonly options: PlanOptions,
    private kept: number,
  ) {
    this.training = options.mode === 'train'
    this.inference = options.mode === 'infer'
    this.precision = options.precision ?? 'float32'
    this.parameterType = parameterType(this.precision)
    this.frozen = options.frozen ?? new Set()
    this.sizes = externalSizes(architecture, options.until ?? options.scored)
    this.table = parameterTable(architecture)
    this.parameterOffset = new Map(this.table.parameters.map(({ name, offset }) => [name, offset]))
    this.runningOffset = new Map(this.table.running.map(({ name, offset }) => [name, offset]))
  }

  /** Of the calls so far. */
  protected finished(): Program {
    const calls = this.calls.slice(0, this.end)
    const { batchSize } = this.options
    const { precision } = this
    const kind = { batchSize, precision, imageByImage: !this.training, fixedParameters: this.inference }
    const { offsets, arenaBytes } = layOut(livesOf(this.buffers, calls, imagesAtOnce(kind)))
    return { ...kind, buffers: this.buffers, calls, offsets, arenaBytes }
  }

  /** What the backward pass reads of an output: itself, or another buffer that a second call has made it into. */
  protected keptOrAgain(output: Activation, callInto: (output: View) => KernelCall): Activation {
    if (this.kept-- > 0) return output
    const again = this.anew(output)
    this.remade.push({ output: output.data, again: again.data })
    this.calls.push(callInto(view(again)))
    return again
  }

  /** Emits the call and returns it, so that recompute can emit it again with another output. */
  protected convolutionForward(
    convolution: Convolution,
    input: View,
    norm: Norm | null,
    output: View,
    statistics: Statistics | null,
    dropout: Dropout | null,
    folded: BatchNorm | null = null,
  ): ConvolutionForward {
    const call: ConvolutionForward = {
      kernel: 'convolutionForward',
      ...geometry(convolution),
      input,
      norm,
      weight: this.parameter(convolution.name),
      ...(hasBias(convolution) ? { bias: this.parameter(convolution.name, 'bias') } : {}),
      ...(folded ? { foldedBias: this.parameter(folded.name, 'bias') } : {}),
      output,
      statistics,
      dropout,
    }
    this.calls.push(call)
    return call
  }

  /** Both convolutions of a dense layer with a bottleneck, for inference; where it is in int8, its scales are in places of the folded
   * norm that nothing else reads (quantized.ts). */
  protected denseLayerForward(
    layer: string,
    bottleneck: Convolution,
    folded: BatchNorm,
    growth: Convolution,
    input: View,
    norm: Norm,
    output: View,
  ): void {
    const call = {
      input,
      norm,
      channels: bottleneck.output.channels,
      weight: this.parameter(bottleneck.name),
      foldedBias: this.parameter(folded.name, 'bias'),
      growthWeight: this.parameter(growth.name),
      output,
    }
    const quantized = this.options.quantization?.find(({ name }) => name === layer)
    if (!quantized) return void this.calls.push({ kernel: 'denseLayerForward', ...call })
    const { inputStep } = quantized
    const scales = { scale: this.parameter(folded.name), growthScale: this.running(folded, 'mean') }
    this.calls.push({ kernel: 'quantizedDenseLayerForward', ...call, inputStep, ...scales })
  }

  protected convolutionBackward(
    { norm, convolution }: { readonly norm: BatchNorm | null; readonly convolution: Convolution },
    input: Activation,
    outputGradient: OutputGradient,
    accumulate: boolean,
    dropout: Dropout | null,
  ): void {
    this.calls.push({
      kernel: 'convolutionBackward',
      ...geometry(convolution),
      input: view(input, 0, convolution.input.channels),
      norm: norm && this.norm(norm, input),
      weight: this.parameter(convolution.name),
      weightGradient: this.gradient(convolution.name),
      ...(hasBias(convolution) ? { biasGradient: this.gradient(convolution.name, 'bias') } : {}),
      outputGradient,
      inputGradient: this.inputGradient(input, convolution.input.channels, norm, accumulate),
      dropout,
    })
  }

  /** A frozen norm keeps to its running statistics. */
  private isFrozen({ name }: BatchNorm): boolean {
    return this.frozen.has(`${name}.weight`) && this.frozen.has(`${name}.bias`)
  }

  /** Whether any parameter of these parts is trained. */
  protected trains(parts: readonly Part[]): boolean {
    return parts.some(({ parameters }) => parameters.some(({ name }) => !this.frozen.has(name)))
  }

  /** The norm of a forward call; in training its batch statistics enter the running ones, once per step. */
  protected normForward(norm: BatchNorm, input: Activation): Norm {
    if (this.training && !this.isFrozen(norm)) {
      this.calls.push({
        kernel: 'runningStatistics',
        channels: norm.input.channels,
        pixels: input.height * input.width,
        momentum: RUNNING_MOMENTUM,
        statistics: this.statistics(input, 0)!,
        runningMean: this.running(norm, 'mean'),
        runningVariance: this.running(norm, 'var'),
      })
    }
    return this.norm(norm, input)
  }

  protected norm(norm: BatchNorm, input: Activation): Norm {
    const ofBatch = this.isFrozen(norm) ? null : this.statistics(input, 0)
    return {
      gamma: this.parameter(norm.name),
      beta: this.parameter(norm.name, 'bias'),
      epsilon: this.architecture.config.bnEpsilon,
      ...(ofBatch ?? { mean: this.running(norm, 'mean'), variance: this.running(norm, 'var') }),
    }
  }

  protected statistics(activation: Activation, first: number): Statistics | null {
    if (!this.training && !this.options.ownStatistics) return null
    return {
      mean: { buffer: activation.statistics, offset: first },
      variance: { buffer: activation.statistics, offset: activation.channels + first },
    }
  }

  protected outputGradient(activation: Activation, first: number, channels: number): OutputGradient {
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

  /** Emits what must come before the call that uses it. */
  protected inputGradient(
    input: Activation,
    channels: number,
    norm: BatchNorm | null,
    accumulate: boolean,
  ): InputGradient {
    const frozen = norm !== null && this.isFrozen(norm)
    // Through constant statistics no gradient flows: what a frozen norm adds to a and b goes where nobody reads it.
    const deferred = frozen ? this.transient(`${norm.name}.ignored`, 2 * input.channels) : input.deferred
    if (frozen) {
      const target = { buffer: accumulate ? deferred : input.deferred, offset: 0 }
      this.calls.push({ kernel: 'fill', elements: 2 * input.channels, value: 0, target })
    }
    return {
      gradient: gradientView(input, 0, channels),
      accumulate,
      norm: norm && {
        gamma: this.gradient(norm.name),
        beta: this.gradient(norm.name, 'bias'),
        a: { buffer: deferred, offset: 0 },
        b: { buffer: deferred, offset: input.channels },
      },
    }
  }

  /** Copies a layer's output to the buffer `features`, if it is the one asked for, with batch norm and ReLU where the
   * layer ends with them. */
  protected offer(name: string, output: View, norm: Norm | null = null): void {
    const { until, scored } = this.options
    if (name === until || name === scored) this.copy(output, norm, 'features')
    if (name === until) this.end = this.calls.length
  }

  /** Copies the gradient with respect to a layer's output, which is complete now, if it is the one asked for. A frozen
   * batch norm puts nothing off, so that the plane is all of it. */
  protected offerGradient(name: string, gradient: View): void {
    if (name !== this.options.scored) return
    this.copy(gradient, null, 'featureGradients')
    this.end = this.calls.length
  }

  /** As a mean over windows of one pixel. */
  private copy(input: View, norm: Norm | null, to: ExternalRole): void {
    const output: View = { ...input, buffer: this.external(to, this.precision), stride: input.channels, first: 0 }
    const window = { windowHeight: 1, windowWidth: 1 }
    this.calls.push({ kernel: 'averagePoolForward', ...window, input, norm, output, statistics: null })
  }

  protected dropout(): Dropout | null {
    const rate = this.architecture.config.dropRate
    return this.training && rate > 0 ? { rate, layer: this.dropouts++ } : null
  }

  protected activation(
    name: string,
    channels: number,
    size: { readonly height: number; readonly width: number },
  ): Activation {
    const { height, width } = size
    const pixels = channels * height * width
    return {
      channels,
      height,
      width,
      data: this.planes(name, pixels),
      gradient: this.planes(`${name}.gradient`, pixels),
      statistics: this.transient(`${name}.statistics`, 2 * channels),
      deferred: this.transient(`${name}.deferred`, 2 * channels),
    }
  }

  /** The same activation in a buffer of its own, so that the first is free between the two passes. */
  protected anew(activation: Activation): Activation {
    const { name, elements } = this.buffers[activation.data]!
    return { ...activation, data: this.planes(`${name}.again`, elements) }
  }

  /** The buffer of a role, which every pass names at most once. */
  protected external(role: ExternalRole, elementType = this.parameterType): number {
    const known = this.externals.get(role)
    if (known !== undefined) return known
    const number = this.buffers.push({ name: role, ...this.sizes[role], elementType, role }) - 1
    this.externals.set(role, number)
    return number
  }

  protected transient(name: string, elements: number): number {
    return this.buffers.push({ name, elements, elementType: this.parameterType, role: 'transient' }) - 1
  }

  /** Of each image: by default activations. */
  protected planes(name: string, elements: number, elementType = this.precision): number {
    return this.buffers.push({ name, elements, perImage: true, elementType, role: 'transient' }) - 1
  }

  protected running(norm: BatchNorm, statistic: 'mean' | 'var'): Ref {
    return { buffer: this.external('running'), offset: this.runningOffset.get(`${norm.name}.running_${statistic}`)! }
  }

  protected parameter(layer: string, tensor = 'weight'): Ref {
    return { buffer: this.external('parameters'), offset: this.parameterOffset.get(`${layer}.${tensor}`)! }
  }

  protected gradient(layer: string, tensor = 'weight'): Ref {
    return { ...this.parameter(layer, tensor), buffer: this.external('gradients') }
  }
}

/** Convolutions with the norm before each. */
export function composites({ parts }: Pick<Layer, 'parts'>) {
  const norms = partsOf(parts, 'norm')
  return partsOf(parts, 'convolution').map((convolution, i) => ({ norm: norms[i]!, convolution }))
}

const hasBias = ({ parameters }: Convolution): boolean => parameters.length > 1

export function geometry({ size, stride, padding }: Convolution | Pool): {
  size: number
  stride: number
  padding: number
} {
  return { size, stride, padding }
}
