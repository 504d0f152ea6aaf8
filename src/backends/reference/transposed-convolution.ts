// Transposed convolution: each pixel of the input adds a window of weights to the output. It is the gradient of a convolution's
// input, and its own gradient is a convolution.
import type { TransposedConvolutionBackward, TransposedConvolutionForward, View } from '../../engine/kernels.js'
import { sumsOfChannels } from './convolution.js'
import { activation, type Context, vector } from './memory.js'
import { gradientLoader, gradientWriter, inputLoader, writeStatistics } from './norm.js'

export function transposedConvolutionForward(context: Context, call: TransposedConvolutionForward): void {
  const { input, output } = call
  const weight = vector(context, call.weight, input.channels * output.channels * call.size ** 2)
  const bias = vector(context, call.bias, output.channels)
  const load = inputLoader(context, input, null)
  const target = activation(context, output)
  const x = new Float64Array(input.channels * input.height * input.width)
  const sums = new Float64Array(output.channels * target.pixels)
  for (let n = 0; n < context.batch; n++) {
    load(n, x)
    for (let i = 0; i < sums.length; i++) sums[i] = bias[Math.floor(i / target.pixels)]!
    forEachProduct(call, output, (w, from, to) => {
      sums[to]! += weight[w]! * x[from]!
    })
    target.store(n, sums)
  }
  writeStatistics(context, output, call.statistics)
}

export function transposedConvolutionBackward(context: Context, call: TransposedConvolutionBackward): void {
  const { input } = call
  const output = call.outputGradient.gradient
  const weights = input.channels * output.channels * call.size ** 2
  const weight = vector(context, call.weight, weights)
  const loadInput = inputLoader(context, input, null)
  const loadGradient = gradientLoader(context, call.outputGradient)
  const writer = gradientWriter(context, input, null, { ...call.inputGradient, norm: null })
  const x = new Float64Array(input.channels * input.height * input.width)
  const dx = new Float64Array(x.length)
  const dOutput = new Float64Array(output.channels * output.height * output.width)
  const dWeight = new Float64Array(weights)
  const dBias = new Float64Array(output.channels)
  for (let n = 0; n < context.batch; n++) {
    loadInput(n, x)
    loadGradient(n, dOutput)
    dx.fill(0)
    forEachProduct(call, output, (w, from, to) => {
      dWeight[w]! += x[from]! * dOutput[to]!
      dx[from]! += weight[w]! * dOutput[to]!
    })
    sumsOfChannels(dOutput, dBias)
    writer.add(n, x, dx)
  }
  writer.finish()
  vector(context, call.weightGradient, weights).set(dWeight)
  vector(context, call.biasGradient, output.channels).set(dBias)
}

/** Calls f(weight, pixel of the input, pixel of the output) for all that meet in the output. */
function forEachProduct(
  { input, size, stride }: Pick<TransposedConvolutionForward, 'input' | 'size' | 'stride'>,
  output: View,
  f: (weight: number, from: number, to: number) => void,
): void {
  const [fromPixels, toPixels] = [input.height * input.width, output.height * output.width]
  for (let c = 0, w = 0; c < input.channels; c++) {
    for (let o = 0; o < output.channels; o++) {
      for (let ky = 0; ky < size; ky++) {
        for (let kx = 0; kx < size; kx++, w++) {
          for (let i = 0; i < input.height && i * stride + ky < output.height; i++) {
            const from = c * fromPixels + i * input.width
            const to = o * toPixels + (i * stride + ky) * output.width + kx
            for (let j = 0; j < input.width && j * stride + kx < output.width; j++) f(w, from + j, to + j * stride)
          }
        }
      }
    }
  }
}
