// Where a call's operands are. Activations and scores come and go image by image, as float64; what refs point to are windows.
import type { ElementType, Numbers, Precision } from '../../engine/backend.js'
import { fromBfloat16, toBfloat16 } from '../../engine/bfloat16.js'
import type { Ref, View } from '../../engine/kernels.js'
import { bytesPerElement, parameterType } from '../../engine/program.js'

/** Numbers as they are kept: bfloat16 as its bits. */
export type Kept = Float32Array | Float64Array | Uint16Array
const ARRAYS = { float32: Float32Array, float64: Float64Array, bfloat16: Uint16Array } as const

/** `count` numbers from byte `first` on: writing to them writes to the memory. */
export const keptAt = (memory: ArrayBuffer, type: ElementType, first: number, count: number): Kept =>
  new ARRAYS[type](memory, first, count)

export function load(kept: Kept, into: Numbers): void {
  into.set(kept instanceof Uint16Array ? fromBfloat16(kept, new Float32Array(kept.length)) : kept)
}

/** Rounds to the nearest, of two to the even one. */
export function store(values: ArrayLike<number>, kept: Kept): void {
  kept.set(kept instanceof Uint16Array ? toBfloat16(values) : values)
}

/** A buffer of a program: memory from byte `base` onwards. */
export interface Place {
  readonly memory: ArrayBuffer
  readonly base: number
}

/** What a kernel sees of a run. */
export interface Context {
  readonly batch: number
  readonly learningRate: number
  readonly seed: number
  readonly step: number
  readonly keep: number
  readonly add: number
  readonly precision: Precision
  readonly buffers: readonly Place[]
}

/** A view, image by image: [channels][height][width]. */
export interface Images {
  readonly channels: number
  readonly height: number
  readonly width: number
  /** height * width */
  readonly pixels: number
  load(image: number, into: Float64Array): void
  store(image: number, values: Float64Array): void
}

export const activation = (context: Context, view: View): Images => imagesOf(context, view, context.precision)

/** Logits, their gradients and targets. */
export const scores = (context: Context, view: View): Images =>
  imagesOf(context, view, parameterType(context.precision))

function imagesOf({ buffers }: Context, view: View, elementType: ElementType): Images {
  const { memory, base } = buffers[view.buffer]!
  const { stride, first, channels, height, width } = view
  const pixels = height * width
  const keptOf = (image: number): Kept => {
    const before = (image * stride + first) * pixels
    return keptAt(memory, elementType, base + before * bytesPerElement({ elementType }), channels * pixels)
  }
  return {
    channels,
    height,
    width,
    pixels,
    load: (image, into) => load(keptOf(image), into),
    store: (image, values) => store(values, keptOf(image)),
  }
}

/** `count` numbers at `ref`: a window, so writing to it writes to the buffer. */
export function vector({ buffers, precision }: Context, ref: Ref, count: number): Numbers {
  const { memory, base } = buffers[ref.buffer]!
  const elementType = parameterType(precision)
  return keptAt(memory, elementType, base + ref.offset * bytesPerElement({ elementType }), count) as Numbers
}

/** Weights of a convolution as products take them. */
export const weightFactors = (context: Context, ref: Ref, count: number): Numbers =>
  asFactors(context, vector(context, ref, count).slice())

/** In place: products of convolutions take bfloat16 where activations are of it. */
export function asFactors<T extends Numbers>({ precision }: Context, values: T): T {
  if (precision === 'bfloat16') load(toBfloat16(values), values)
  return values
}
