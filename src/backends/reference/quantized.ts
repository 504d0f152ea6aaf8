// A dense layer in int8: sums of whole numbers, which float64 holds exactly.
import type { QuantizedDenseLayerForward } from '../../engine/kernels.js'
import { convolve } from './convolution.js'
import { activation, type Context, vector } from './memory.js'
import { inputLoader } from './norm.js'
import { taps } from './window.js'

export function quantizedDenseLayerForward(context: Context, call: QuantizedDenseLayerForward): void {
  const { input, output, channels, inputStep } = call
  const between = { ...output, channels }
  const weight = vector(context, call.weight, channels * input.channels)
  const scale = vector(context, call.scale, channels)
  const bias = vector(context, call.foldedBias, channels)
  const growthWeight = vector(context, call.growthWeight, output.channels * channels * 9)
  const growthScale = vector(context, call.growthScale, output.channels)
  const load = inputLoader(context, input, call.norm)
  const target = activation(context, output)
  const { pixels } = target
  const [z, y, sums] = [input, between, output].map(view => new Float64Array(view.channels * pixels))
  for (let n = 0; n < context.batch; n++) {
    load(n, z!)
    for (const i of z!.keys()) z![i] = whole(z![i]! / inputStep)
    convolve(input, between, taps(input, between, 1, 1, 0), 1, weight, z!, y!)
    for (const i of y!.keys()) {
      const b = Math.floor(i / pixels)
      y![i] = whole(Math.max(y![i]! * scale[b]! + bias[b]!, 0))
    }
    convolve(between, output, taps(between, output, 3, 1, 1), 1, growthWeight, y!, sums!)
    for (const i of sums!.keys()) sums![i]! *= growthScale[Math.floor(i / pixels)]!
    target.store(n, sums!)
  }
}

/** The nearest whole number, of two the even one; at most 127. */
function whole(x: number): number {
  if (!(x < 127)) return 127
  const near = Math.round(x)
  return near - x === 0.5 && near % 2 === 1 ? near - 1 : near
}
