// Where a call's operands are: typed arrays and positions in them.
import type { Numbers } from '../../engine/backend.js'
import type { Ref, View } from '../../engine/kernels.js'

/** A buffer of a program: `data` from element `base` onwards. */
export interface Place {
  readonly data: Numbers
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
  readonly buffers: readonly Place[]
}

/** A view as memory: pixel i of channel c of image n is data[at(n, c) + i]. */
export interface Plane {
  readonly data: Numbers
  readonly channels: number
  readonly height: number
  readonly width: number
  /** height * width */
  readonly pixels: number
  at(image: number, channel: number): number
}

export function plane(context: Context, view: View): Plane {
  const { data, base } = context.buffers[view.buffer]!
  const { stride, first, channels, height, width } = view
  const pixels = height * width
  const at = (image: number, channel: number): number => base + (image * stride + first + channel) * pixels
  return { data, channels, height, width, pixels, at }
}

/** `count` numbers at `ref`: a window, so writing to it writes to the buffer. */
export function vector(context: Context, ref: Ref, count: number): Numbers {
  const { data, base } = context.buffers[ref.buffer]!
  return data.subarray(base + ref.offset, base + ref.offset + count)
}
