// A network with its weights as an ONNX graph: images [batch][channels][height][width] in, logits [batch][classes] out, or
// [batch][classes][height][width], for evaluation. Layers in int8 are written as pairs of QuantizeLinear and DequantizeLinear around
// their convolutions, which runtimes make one of. A batch norm that directly follows a convolution (the stem's, a bottleneck's second) can be folded into
// it; those that read the features of a block cannot, since each layer has its own.
import { DenseNetError, usageError } from '../errors.js'
import { type Architecture, architecture, type Layer, scoresOf } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import { parameterTable } from '../model/parameters.js'
import {
  type BatchNorm,
  type Convolution,
  foldableNorms,
  type Maps,
  type Part,
  type Pool,
  type TransposedConvolution,
} from '../model/parts.js'
import {
  LARGEST_ACTIVATION,
  type QuantizableLayer,
  type Quantization,
  type QuantizedLayer,
  quantizedLayers,
  wholeWeights,
} from '../model/quantization.js'
import { float16Bits } from '../util/half.js'
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from './onnx-model.js'

/** int8: the weights of convolutions and of the classifier, one scale for each output channel; arithmetic stays float32. */
export const onnxPrecisions = ['float32', 'float16', 'int8'] as const
/** How the weights of an ONNX file are stored. */
export type OnnxPrecision = (typeof onnxPrecisions)[number]

export interface Weights {
  /** In parameter order. */
  readonly parameters: Float32Array | Float64Array
  readonly running: Float32Array | Float64Array
}

export interface NetworkWeights extends Weights {
  readonly config: DenseNetConfig
  /** The layers that are computed in int8. */
  readonly quantization?: Quantization | null
}

export interface OnnxOptions {
  /** Fold batch norms into the convolutions before them; default true. */
  readonly fold?: boolean | undefined
  readonly precision?: OnnxPrecision | undefined
  readonly metadata?: Readonly<Record<string, string>>
  /** Default `images`. */
  readonly inputName?: string
}

type Values = Float32Array | Float64Array

export const onnxGraph = (network: NetworkWeights, options: OnnxOptions = {}): OnnxModel =>
  graphOf(architecture(network.config), network, { ...options, quantization: network.quantization })

export function graphOf(
  described: Architecture,
  weights: Weights,
  options: OnnxOptions & Pick<NetworkWeights, 'quantization'> = {},
): OnnxModel {
  const { config, layers } = described
  const { quantization, precision = 'float32', fold = true } = options
  if (quantization && (precision !== 'float32' || !fold)) {
    throw usageError(
      'the layers of this network are in int8 already, batch norms folded',
      'leave the precision float32',
    )
  }
  const writer = new GraphWriter(described, weights, precision, fold)
  for (const layer of quantizedLayers(described, quantization ?? [])) writer.quantize(layer)
  const input = {
    name: options.inputName ?? 'images',
    shape: ['batch', config.inputChannels, config.height, config.width],
  }
  let x = writer.begin(input.name)
  for (const [i, layer] of layers.entries()) x = writer.layer(layer, x, layers[i - 1]?.output)
  const { height, width } = scoresOf(described)
  const output = { name: 'logits', shape: ['batch', config.classes, ...(height * width > 1 ? [height, width] : [])] }
  writer.end(x, output.name)
  const { nodes, initializers } = writer
  return { name: 'densenet', nodes, initializers, input, output, metadata: options.metadata ?? {} }
}

class GraphWriter {
  readonly nodes: OnnxNode[] = []
  readonly initializers: OnnxTensor[] = []
  readonly #values = new Map<string, { shape: readonly number[]; data: Values }>()
  /** What each layer makes. */
  readonly #made = new Map<string, string>()
  /** In what steps what is read by a convolution in int8 is counted. */
  readonly #steps = new Map<Convolution, number>()

  constructor(
    readonly described: Architecture,
    weights: Weights,
    readonly precision: OnnxPrecision,
    readonly fold: boolean,
  ) {
    const table = parameterTable(described)
    for (const [entries, data] of [
      [table.parameters, weights.parameters],
      [table.running, weights.running],
    ] as const) {
      for (const { name, shape, offset, count } of entries) {
        this.#values.set(name, { shape, data: data.subarray(offset, offset + count) })
      }
    }
  }

  quantize({ convolutions, inputStep, betweenStep }: QuantizableLayer & QuantizedLayer): void {
    this.#steps.set(convolutions[0], inputStep).set(convolutions[1], betweenStep)
  }

  /** Images come and logits go as float32 in any case. */
  begin(images: string): string {
    return this.precision === 'float16' ? this.#add('Cast', [images], 'images_float16', { to: 10 }) : images
  }

  end(logits: string, name: string): void {
    if (this.precision === 'float16') this.#add('Cast', [logits], name, { to: 1 })
    else this.#add('Identity', [logits], name)
  }

  /** `x` is `before`: what the layer before it makes. */
  layer({ name, parts, input, concatenates, skip }: Layer, x: string, before: Maps = input): string {
    const folds = new Map(this.fold ? foldableNorms(parts) : [])
    const folded = new Set<Part>(folds.values())
    let y = before.channels > input.channels ? this.#last(x, before.channels - input.channels, `${name}.input`) : x
    for (const part of parts) if (!folded.has(part)) y = this.#part(part, y, folds)
    const made =
      concatenates || skip ? this.#add('Concat', [skip ? this.#made.get(skip)! : x, y], name, { axis: 1 }) : y
    this.#made.set(name, made)
    return made
  }

  /** All channels but the first ones. */
  #last(x: string, first: number, name: string): string {
    const ends = [first, 2 ** 31 - 1, 1].map((value, i) => {
      const part = `${name}.${['first', 'end', 'axis'][i]}`
      this.initializers.push({
        name: part,
        type: 'int64',
        shape: [1],
        bytes: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer),
      })
      return part
    })
    return this.#add('Slice', [x, ...ends], name)
  }

  /** `folds`: the norms that become a part of convolutions. */
  #part(part: Part, x: string, folds: ReadonlyMap<Convolution, BatchNorm>): string {
    switch (part.kind) {
      case 'convolution':
        return this.#convolution(part, x, folds.get(part))
      case 'transposedConvolution':
        return this.#transposed(part, x)
      case 'norm':
        return this.#norm(part, x)
      case 'relu':
        return this.#add('Relu', [x], `${x}.relu`)
      case 'dropout':
        return x
      case 'maxPool':
        return this.#add('MaxPool', [x], part.name, { ...windowOf(part), ...ceilOf(part) })
      case 'averagePool': {
        const { kernel_shape, strides } = windowOf(part)
        return this.#add('AveragePool', [x], part.name, { kernel_shape, strides, ...ceilOf(part) })
      }
      case 'globalPool':
        return this.#add('Flatten', [this.#add('GlobalAveragePool', [x], part.name)], 'flat', { axis: 1 })
      case 'linear':
        return this.#add('Gemm', [x, ...this.#weights(part)], part.name, { transB: 1 })
    }
  }

  #of = (name: string): Values => this.#values.get(name)!.data
  #shape = (name: string): readonly number[] => this.#values.get(name)!.shape

  #add(op: string, inputs: readonly string[], output: string, attributes: Record<string, OnnxAttribute> = {}): string {
    this.nodes.push({ op, inputs, output, attributes })
    return output
  }

  /** `norm`: one to fold into it. */
  #convolution(convolution: Convolution, x: string, norm?: BatchNorm): string {
    const { name } = convolution
    const step = this.#steps.get(convolution)
    if (step !== undefined) {
      const inputs = [this.#counted(x, step), ...this.#wholes(convolution, norm)]
      return this.#add('Conv', inputs, name, windowOf(convolution))
    }
    const inputs = norm ? this.#folded(name, this.#affine(norm)) : this.#weights(convolution)
    return this.#add('Conv', [x, ...inputs], name, windowOf(convolution))
  }

  /** Activations of 0 or more, counted and made numbers again: in 256 steps of the range that has 128 here, since runtimes know bytes
   * without a sign as a whole only. */
  #counted(x: string, step: number): string {
    const scale = `${x}.step`
    const zero = `${x}.zero`
    const finer = Float32Array.of((step * LARGEST_ACTIVATION) / 255)
    this.initializers.push({ name: scale, type: 'float', shape: [], bytes: new Uint8Array(finer.buffer) })
    this.initializers.push({ name: zero, type: 'uint8', shape: [], bytes: Uint8Array.of(0) })
    const counted = this.#add('QuantizeLinear', [x, scale, zero], `${x}.counted`)
    return this.#add('DequantizeLinear', [counted, scale, zero], `${x}.again`)
  }

  /** Weights in int8, with the norm's scale a part of theirs, and its bias. */
  #wholes({ name, output }: Convolution, norm?: BatchNorm): string[] {
    const { scale, shift } = norm ? this.#affine(norm) : { scale: null, shift: null }
    const { wholes, scales } = wholeWeights(this.#of(`${name}.weight`), output.channels)
    const each = wholes.length / scales.length
    // A scale is above 0; a norm may turn signs around.
    const signed = wholes.map((whole, i) => (scale && scale[Math.floor(i / each)]! < 0 ? -whole : whole))
    const own = scales.map((s, o) => (scale ? Math.abs(scale[o]!) * s : s) || 1)
    if (scale) for (const [o, s] of scale.entries()) if (s === 0) signed.fill(0, o * each, (o + 1) * each)
    const weight = this.#dequantized(`${name}.weight`, signed, own)
    return shift ? [weight, this.#tensor(`${name}.bias`, [shift.length], shift)] : [weight]
  }

  /** Of its last rows and columns ONNX leaves out what is called padding. */
  #transposed(part: TransposedConvolution, x: string): string {
    const { size, stride, input, output } = part
    const more = (['height', 'width'] as const).map(side => stride * (input[side] - 1) + size - output[side])
    const window = { kernel_shape: [size, size], strides: [stride, stride], pads: [0, 0, ...more] }
    return this.#add('ConvTranspose', [x, ...this.#weights(part)], part.name, window)
  }

  /** Weight, and bias where there is one. */
  #weights({ name, parameters }: Part): string[] {
    const weight = this.#weight(`${name}.weight`, this.#of(`${name}.weight`))
    const bias = `${name}.bias`
    return parameters.length > 1 ? [weight, this.#tensor(bias, this.#shape(bias), this.#of(bias))] : [weight]
  }

  #folded(name: string, { scale, shift }: { scale: Float64Array; shift: Float64Array }): string[] {
    const weight = Float64Array.from(this.#of(`${name}.weight`))
    const each = weight.length / scale.length
    for (let i = 0; i < weight.length; i++) weight[i]! *= scale[Math.floor(i / each)]!
    return [this.#weight(`${name}.weight`, weight), this.#tensor(`${name}.bias`, [shift.length], shift)]
  }

  /** In half precision as scale and shift: a small variance would not survive the conversion. */
  #norm(norm: BatchNorm, x: string): string {
    const { name } = norm
    const { channels } = norm.input
    if (this.precision === 'float16') {
      const { scale, shift } = this.#affine(norm)
      const scaled = this.#add('Mul', [x, this.#tensor(`${name}.scale`, [channels, 1, 1], scale)], `${name}.scaled`)
      return this.#add('Add', [scaled, this.#tensor(`${name}.shift`, [channels, 1, 1], shift)], name)
    }
    const fields = ['weight', 'bias', 'running_mean', 'running_var'].map(field => `${name}.${field}`)
    const inputs = fields.map(field => this.#tensor(field, [channels], this.#of(field)))
    return this.#add('BatchNormalization', [x, ...inputs], name, {
      epsilon: { float: this.described.config.bnEpsilon },
    })
  }

  #affine({ name }: BatchNorm): { scale: Float64Array; shift: Float64Array } {
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(field =>
      this.#of(`${name}.${field}`),
    ) as [Values, Values, Values, Values]
    const scale = Float64Array.from(gamma, (g, i) => g / Math.sqrt(variance[i]! + this.described.config.bnEpsilon))
    return { scale, shift: Float64Array.from(beta, (b, i) => b - mean[i]! * scale[i]!) }
  }

  #tensor(name: string, shape: readonly number[], values: Values): string {
    const half = this.precision === 'float16'
    const numbers = half ? Uint16Array.from(values, float16Bits) : Float32Array.from(values)
    const isLost = half && (numbers as Uint16Array).some(bits => (bits & 0x7c00) === 0x7c00)
    if (isLost) throw new DenseNetError(`${name} has values beyond 65504, too large for float16`)
    this.initializers.push({ name, type: half ? 'float16' : 'float', shape, bytes: new Uint8Array(numbers.buffer) })
    return name
  }

  /** Of a convolution or the classifier: [out][...]. */
  #weight(name: string, values: Values): string {
    const shape = this.#shape(name)
    if (this.precision !== 'int8') return this.#tensor(name, shape, values)
    const channels = shape[0]!
    const each = values.length / channels
    const scales = new Float32Array(channels)
    const quantised = new Int8Array(values.length)
    for (let channel = 0; channel < channels; channel++) {
      const row = values.subarray(channel * each, (channel + 1) * each)
      const scale = Math.fround(largestMagnitude(row) / 127) || 1
      scales[channel] = scale
      for (let i = 0; i < each; i++) quantised[channel * each + i] = Math.round(row[i]! / scale)
    }
    return this.#dequantized(name, quantised, scales)
  }

  /** Weights [channel][...] that are made numbers again by a scale for each channel. */
  #dequantized(name: string, wholes: Int8Array, scales: Float32Array): string {
    const channels = scales.length
    const add = (
      part: string,
      type: 'int8' | 'float',
      size: readonly number[],
      numbers: Int8Array | Float32Array,
    ): string => {
      const full = `${name}.${part}`
      this.initializers.push({ name: full, type, shape: size, bytes: new Uint8Array(numbers.buffer) })
      return full
    }
    const parts = [
      add('int8', 'int8', this.#shape(name), wholes),
      add('scale', 'float', [channels], scales),
      add('zero', 'int8', [channels], new Int8Array(channels)),
    ]
    return this.#add('DequantizeLinear', parts, name, { axis: 0 })
  }
}

const windowOf = ({ size, stride, padding }: Convolution | Pool) => ({
  kernel_shape: [size, size],
  strides: [stride, stride],
  pads: [padding, padding, padding, padding],
})

const ceilOf = ({ ceil }: Pool): Readonly<Record<string, number>> => (ceil ? { ceil_mode: 1 } : {})

function largestMagnitude(values: Values): number {
  let largest = 0
  for (const value of values) largest = Math.max(largest, Math.abs(value))
  return largest
}
