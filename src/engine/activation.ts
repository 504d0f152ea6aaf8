// What a planner keeps about one activation: its data, and what training adds to it.
import type { View } from './kernels.js'

/** An activation with all that training keeps about it. Buffers that nobody uses cost nothing. */
export interface Activation {
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly data: number
  readonly gradient: number
  /** mean of each channel, then variance of each. */
  readonly statistics: number
  /** a of each channel, then b of each: see kernels.ts. */
  readonly deferred: number
}

/** Channels [first, first + channels) of the data. */
export function view(activation: Activation, first = 0, channels = activation.channels): View {
  const { height, width } = activation
  return { buffer: activation.data, stride: activation.channels, first, channels, height, width }
}

/** The same channels of its gradient. */
export function gradientView(activation: Activation, first = 0, channels = activation.channels): View {
  return { ...view(activation, first, channels), buffer: activation.gradient }
}
