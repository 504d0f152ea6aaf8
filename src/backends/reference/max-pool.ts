// Max pooling over windows that may overlap: each window's gradient goes to its first largest element in row order.
import type { MaxPoolBackward, MaxPoolForward, View } from '../../engine/kernels.js'
import { activation, type Context } from './memory.js'
import { gradientLoader, gradientWriter, inputLoader, writeStatistics } from './norm.js'
import { type Tap, taps } from './window.js'

export function maxPoolForward(context: Context, call: MaxPoolForward): void {
  const { input, output } = call
  const load = inputLoader(context, input, call.norm)
  const target = activation(context, output)
  const window = taps(input, output, call.size, call.stride, call.padding)
  const z = new Float64Array(input.channels * input.height * input.width)
  const most = new Float64Array(output.channels * target.pixels)
  for (let n = 0; n < context.batch; n++) {
    load(n, z)
    for (let c = 0, i = 0; c < output.channels; c++) {
      for (let y = 0; y < output.height; y++) {
        for (let x = 0; x < output.width; x++) most[i++] = z[largest(z, input, window, call.stride, c, y, x)]!
      }
    }
    target.store(n, most)
  }
  writeStatistics(context, output, call.statistics)
}

export function maxPoolBackward(context: Context, call: MaxPoolBackward): void {
  const { input } = call
  const output = call.outputGradient.gradient
  const loadInput = inputLoader(context, input, call.norm)
  const loadGradient = gradientLoader(context, call.outputGradient)
  const writer = gradientWriter(context, input, call.norm, call.inputGradient)
  const window = taps(input, output, call.size, call.stride, call.padding)
  const z = new Float64Array(input.channels * input.height * input.width)
  const dz = new Float64Array(z.length)
  const dOutput = new Float64Array(output.channels * output.height * output.width)
  for (let n = 0; n < context.batch; n++) {
    loadInput(n, z)
    loadGradient(n, dOutput)
    dz.fill(0)
    for (let c = 0, i = 0; c < output.channels; c++) {
      for (let y = 0; y < output.height; y++) {
        for (let x = 0; x < output.width; x++) dz[largest(z, input, window, call.stride, c, y, x)]! += dOutput[i++]!
      }
    }
    writer.add(n, z, dz)
  }
  writer.finish()
}

/** Where in z the first largest element of window (y, x) of channel c is. */
function largest(z: Float64Array, input: View, window: Tap[], stride: number, c: number, y: number, x: number): number {
  let best = -1
  for (const { dy, dx, top, bottom, left, right } of window) {
    if (y < top || y >= bottom || x < left || x >= right) continue
    const i = (c * input.height + y * stride + dy) * input.width + x * stride + dx
    if (best < 0 || z[i]! > z[best]!) best = i
  }
  return best
}
