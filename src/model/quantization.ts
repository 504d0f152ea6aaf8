// Which layers of a network are computed in int8, and how finely. Everything else follows from the weights: each output channel of a
// convolution has a scale of its own, by which its largest weight is LARGEST_WEIGHT.
import { usageError } from '../errors.js'
import type { Architecture } from './architecture.js'
import type { Layer } from './layer.js'
import { type BatchNorm, type Convolution, partsOf } from './parts.js'

/** Four products of the two and no more fit a signed number of 16 bits, in which processors without VNNI add them. Scales by a power of
 * two are exact: rounding weights a second time changes nothing. */
const LARGEST_WEIGHT = 64
export const LARGEST_ACTIVATION = 127

/** A dense layer with a bottleneck, by its name; the steps in which what its convolutions read is counted. */
export interface QuantizedLayer {
  readonly name: string
  readonly inputStep: number
  readonly betweenStep: number
}
/** The layers in int8; others stay in float32. */
export type Quantization = readonly QuantizedLayer[]

/** The parts of a layer that can be computed in int8. */
export interface QuantizableLayer {
  readonly layer: Layer
  /** The norm before the first convolution, which is applied while its input is read; the other one, which is folded. */
  readonly norms: readonly [BatchNorm, BatchNorm]
  readonly convolutions: readonly [Convolution, Convolution]
}

/** Dense layers with a bottleneck. */
export function quantizableLayers({ layers }: Architecture): QuantizableLayer[] {
  return layers.flatMap(layer => {
    const [first, second] = partsOf(layer.parts, 'convolution')
    if (!layer.concatenates || !first || !second) return []
    const norms = partsOf(layer.parts, 'norm') as [BatchNorm, BatchNorm]
    return [{ layer, norms, convolutions: [first, second] }]
  })
}

/** Those of `quantization`, with their steps. A usage error for a layer that there is not, or steps that are none. */
export function quantizedLayers(
  architecture: Architecture,
  quantization: Quantization,
): (QuantizableLayer & QuantizedLayer)[] {
  const known = new Map(quantizableLayers(architecture).map(each => [each.layer.name, each]))
  return quantization.map(quantized => {
    const { name, inputStep, betweenStep } = quantized
    const found = known.get(name)
    if (!found) throw usageError(`${name} is no layer of the network that can be in int8`)
    const fits = [inputStep, betweenStep].every(step => step > 0 && Number.isFinite(step))
    if (!fits) throw usageError(`the steps of ${name} are ${inputStep} and ${betweenStep}, and not numbers above 0`)
    return { ...found, ...quantized }
  })
}

/** Refuses what needs weights in float32; `what`: such as "training". */
export function refuseQuantized(quantization: Quantization | null | undefined, what: string): void {
  if (!quantization) return
  throw usageError(
    `${what} needs weights in float32, and those of this network are in int8`,
    'take the network that it was made of',
  )
}

/** Weights [channel][...] as whole numbers, each channel with a scale of its own: weight = scale * whole. */
export function wholeWeights(
  weights: ArrayLike<number>,
  channels: number,
): { wholes: Int8Array; scales: Float32Array } {
  const each = weights.length / channels
  const wholes = new Int8Array(weights.length)
  const scales = new Float32Array(channels)
  for (let channel = 0; channel < channels; channel++) {
    let largest = 0
    for (let i = channel * each; i < (channel + 1) * each; i++) largest = Math.max(largest, Math.abs(weights[i]!))
    const scale = Math.fround(largest / LARGEST_WEIGHT) || 1
    scales[channel] = scale
    for (let i = channel * each; i < (channel + 1) * each; i++) wholes[i] = Math.round(weights[i]! / scale)
  }
  return { wholes, scales }
}

/** Whole weights times the scales of their channels. */
export function scaledWeights<T extends Float32Array | Float64Array>(
  wholes: Int8Array,
  scales: Float32Array,
  into: T,
): T {
  const each = wholes.length / scales.length
  for (const [i, whole] of wholes.entries()) into[i] = whole * scales[Math.floor(i / each)]!
  return into
}
