// A network with its weights as an ONNX graph: images [batch][channels][height][width] in, logits [batch][classes] out,
// for evaluation. A batch norm that directly follows a convolution (the stem's, a bottleneck's second) can be folded into
// it; those that read the features of a block cannot, since each layer has its own.
import { DenseNetError } from '../errors.js'
import { architecture, type BatchNorm, type Convolution, type Layer } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import { parameterTable } from '../model/parameters.js'
import { float16Bits } from '../util/half.js'
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from './onnx-model.js'

/** int8: the weights of convolutions and of the classifier, one scale for each output channel; arithmetic stays float32. */
export const precisions = ['float32', 'float16', 'int8'] as const
/** How the weights of an ONNX file are stored. */
export type Precision = (typeof precisions)[number]

export interface NetworkWeights {
  readonly config: DenseNetConfig
  /** In parameter order. */
  readonly parameters: Float32Array | Float64Array
  readonly running: Float32Array | Float64Array
}

export interface OnnxOptions {
  /** Fold batch norms into the convolutions before them; default true. */
  readonly fold?: boolean | undefined
  readonly precision?: Precision | undefined
  readonly metadata?: Readonly<Record<string, string>>
  /** Default `images`. */
  readonly inputName?: string
}

type Values = Float32Array | Float64Array

export function onnxGraph(network: NetworkWeights, options: OnnxOptions = {}): OnnxModel {
  const { config } = network
  const writer = new GraphWriter(network, options.precision ?? 'float32', options.fold ?? true)
  const input = {
    name: options.inputName ?? 'images',
    shape: ['batch', config.inputChannels, config.height, config.width],
  }
  let x = writer.begin(input.name)
  const { layers } = architecture(config)
  for (const layer of layers) x = writer.layer(layer, x)
  const output = { name: 'logits', shape: ['batch', config.classes] }
  writer.end(x, output.name)
  const { nodes, initializers } = writer
  return { name: 'densenet', nodes, initializers, input, output, metadata: options.metadata ?? {} }
}

class GraphWriter {
  readonly nodes: OnnxNode[] = []
  readonly initializers: OnnxTensor[] = []
  readonly #values = new Map<string, { shape: readonly number[]; data: Values }>()

  constructor(
    readonly network: NetworkWeights,
    readonly precision: Precision,
    readonly fold: boolean,
  ) {
    const table = parameterTable(architecture(network.config))
    for (const [entries, data] of [
      [table.parameters, network.parameters],
      [table.running, network.running],
    ] as const) {
      for (const { name, shape, offset, count } of entries) {
        this.#values.set(name, { shape, data: data.subarray(offset, offset + count) })
      }
    }
  }

  /** Images come and logits go as float32 in any case. */
  begin(images: string): string {
    return this.precision === 'float16' ? this.#add('Cast', [images], 'images_float16', { to: 10 }) : images
  }

  end(logits: string, name: string): void {
    if (this.precision === 'float16') this.#add('Cast', [logits], name, { to: 1 })
    else this.#add('Identity', [logits], name)
  }

  layer(layer: Layer, x: string): string {
    switch (layer.kind) {
      case 'stem': {
        if (!layer.norm) return this.#convolution(layer.convolution, x)
        const y = this.#relu(this.#convolutionNorm(layer.convolution, layer.norm, x))
        return this.#add('MaxPool', [y], 'features.pool0', {
          kernel_shape: [3, 3],
          strides: [2, 2],
          pads: [1, 1, 1, 1],
        })
      }
      case 'dense': {
        const { bottleneck, growth, name } = layer
        let y = x
        if (bottleneck) {
          y = this.#relu(this.#norm(bottleneck.norm, y))
          y = this.#relu(this.#convolutionNorm(bottleneck.convolution, growth.norm, y))
        } else y = this.#relu(this.#norm(growth.norm, y))
        return this.#add('Concat', [x, this.#convolution(growth.convolution, y)], name, { axis: 1 })
      }
      case 'transition': {
        const y = this.#convolution(layer.convolution, this.#relu(this.#norm(layer.norm, x)))
        const name = `features.transition${layer.block}.pool`
        return this.#add('AveragePool', [y], name, { kernel_shape: [2, 2], strides: [2, 2] })
      }
      case 'head': {
        const { name } = layer.classifier
        const pooled = this.#add('GlobalAveragePool', [this.#relu(this.#norm(layer.norm, x))], 'pooled')
        const flat = this.#add('Flatten', [pooled], 'flat', { axis: 1 })
        const weight = this.#weight(`${name}.weight`, this.#of(`${name}.weight`))
        const bias = this.#tensor(`${name}.bias`, this.#shape(`${name}.bias`), this.#of(`${name}.bias`))
        return this.#add('Gemm', [flat, weight, bias], name, { transB: 1 })
      }
    }
  }

  #of = (name: string): Values => this.#values.get(name)!.data
  #shape = (name: string): readonly number[] => this.#values.get(name)!.shape

  #add(op: string, inputs: readonly string[], output: string, attributes: Record<string, OnnxAttribute> = {}): string {
    this.nodes.push({ op, inputs, output, attributes })
    return output
  }

  #relu = (x: string): string => this.#add('Relu', [x], `${x}.relu`)

  #convolution(
    { name, size, stride, padding }: Convolution,
    x: string,
    folded?: { weight: Values; bias: Values },
  ): string {
    const weight = this.#weight(`${name}.weight`, folded?.weight ?? this.#of(`${name}.weight`))
    const bias = folded ? [this.#tensor(`${name}.bias`, [folded.bias.length], folded.bias)] : []
    return this.#add('Conv', [x, weight, ...bias], name, {
      kernel_shape: [size, size],
      strides: [stride, stride],
      pads: [padding, padding, padding, padding],
    })
  }

  #convolutionNorm(convolution: Convolution, norm: BatchNorm, x: string): string {
    if (!this.fold) return this.#norm(norm, this.#convolution(convolution, x))
    const { scale, shift } = this.#affine(norm)
    const weight = Float64Array.from(this.#of(`${convolution.name}.weight`))
    const each = weight.length / scale.length
    for (let i = 0; i < weight.length; i++) weight[i]! *= scale[Math.floor(i / each)]!
    return this.#convolution(convolution, x, { weight, bias: shift })
  }

  /** In half precision as scale and shift: a small variance would not survive the conversion. */
  #norm(norm: BatchNorm, x: string): string {
    const { name, channels } = norm
    if (this.precision === 'float16') {
      const { scale, shift } = this.#affine(norm)
      const scaled = this.#add('Mul', [x, this.#tensor(`${name}.scale`, [channels, 1, 1], scale)], `${name}.scaled`)
      return this.#add('Add', [scaled, this.#tensor(`${name}.shift`, [channels, 1, 1], shift)], name)
    }
    const fields = ['weight', 'bias', 'running_mean', 'running_var'].map(field => `${name}.${field}`)
    const inputs = fields.map(field => this.#tensor(field, [channels], this.#of(field)))
    return this.#add('BatchNormalization', [x, ...inputs], name, { epsilon: { float: this.network.config.bnEpsilon } })
  }

  #affine({ name }: BatchNorm): { scale: Float64Array; shift: Float64Array } {
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(field =>
      this.#of(`${name}.${field}`),
    ) as [Values, Values, Values, Values]
    const scale = Float64Array.from(gamma, (g, i) => g / Math.sqrt(variance[i]! + this.network.config.bnEpsilon))
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
      add('int8', 'int8', shape, quantised),
      add('scale', 'float', [channels], scales),
      add('zero', 'int8', [channels], new Int8Array(channels)),
    ]
    return this.#add('DequantizeLinear', parts, name, { axis: 0 })
  }
}

function largestMagnitude(values: Values): number {
  let largest = 0
  for (const value of values) largest = Math.max(largest, Math.abs(value))
  return largest
}
