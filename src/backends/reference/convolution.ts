// Convolution, forward and backward. With output[o] = sum over c and taps of weight[o][c][tap] * z[c] shifted by the tap:
//   gradient of weight[o][c][tap] = sum over outputs of dOutput[o] * z[c] shifted
//   gradient of z[c] shifted     += weight[o][c][tap] * dOutput[o]

import type { Numbers } from '../../engine/backend.js'
import { dropoutKeeps, dropoutKey } from '../../engine/dropout.js'
import type { ConvolutionBackward, ConvolutionForward, DenseLayerForward, Dropout, View } from '../../engine/kernels.js'
import { activation, asFactors, type Context, vector, weightFactors } from './memory.js'
import { gradientLoader, gradientWriter, inputLoader, writeStatistics } from './norm.js'
import { taps } from './window.js'

export function convolutionForward(context: Context, call: ConvolutionForward): void {
  const { input, output, size, stride, padding } = call
  const window = taps(input, output, size, stride, padding)
  const weight = weightFactors(context, call.weight, output.channels * input.channels * window.length)
  const bias = call.bias ? vector(context, call.bias, output.channels) : null
  const foldedBias = call.foldedBias ? vector(context, call.foldedBias, output.channels) : null
  const load = inputLoader(context, input, call.norm)
  const target = activation(context, output)
  const inputPixels = input.height * input.width
  const z = new Float64Array(input.channels * inputPixels)
  const sums = new Float64Array(output.channels * target.pixels)

  for (let n = 0; n < context.batch; n++) {
    load(n, z)
    asFactors(context, z)
    convolve(input, output, window, stride, weight, z, sums)
    if (bias) addBias(bias, sums)
    if (foldedBias) addBiasAndRelu(foldedBias, sums)
    applyDropout(context, call.dropout, n, sums)
    target.store(n, sums)
  }
  writeStatistics(context, output, call.statistics)
}

export function denseLayerForward(context: Context, call: DenseLayerForward): void {
  const { input, output, channels } = call
  const between = { ...output, channels }
  const weight = weightFactors(context, call.weight, channels * input.channels)
  const bias = vector(context, call.foldedBias, channels)
  const growthWeight = weightFactors(context, call.growthWeight, output.channels * channels * 9)
  const load = inputLoader(context, input, call.norm)
  const target = activation(context, output)
  const [z, y, sums] = [input, between, output].map(view => new Float64Array(view.channels * target.pixels))
  for (let n = 0; n < context.batch; n++) {
    load(n, z!)
    asFactors(context, z!)
    convolve(input, between, taps(input, between, 1, 1, 0), 1, weight, z!, y!)
    addBiasAndRelu(bias, y!)
    asFactors(context, y!)
    convolve(between, output, taps(between, output, 3, 1, 1), 1, growthWeight, y!, sums!)
    target.store(n, sums!)
  }
}

/** sums[o] = sum over c and taps of weight[o][c][tap] * z[c] shifted by the tap, of one image. */
export function convolve(
  input: View,
  output: View,
  window: ReturnType<typeof taps>,
  stride: number,
  weight: Numbers,
  z: Float64Array,
  sums: Float64Array,
): void {
  sums.fill(0)
  for (let o = 0, w = 0; o < output.channels; o++) {
    for (let c = 0; c < input.channels; c++) {
      for (const { dy, dx, top, bottom, left, right } of window) {
        const factor = weight[w++]!
        for (let y = top; y < bottom; y++) {
          const to = (o * output.height + y) * output.width
          const from = (c * input.height + y * stride + dy) * input.width + dx
          for (let x = left; x < right; x++) sums[to + x]! += factor * z[from + x * stride]!
        }
      }
    }
  }
}

function addBias(bias: Numbers, sums: Float64Array): void {
  const pixels = sums.length / bias.length
  for (const i of sums.keys()) sums[i]! += bias[Math.floor(i / pixels)]!
}

function addBiasAndRelu(bias: Numbers, sums: Float64Array): void {
  addBias(bias, sums)
  for (const i of sums.keys()) sums[i] = Math.max(sums[i]!, 0)
}

/** Adds the sum of each channel's pixels to `to`. */
export function sumsOfChannels(values: Float64Array, to: Float64Array): void {
  const pixels = values.length / to.length
  for (const [i, value] of values.entries()) to[Math.floor(i / pixels)]! += value
}

export function convolutionBackward(context: Context, call: ConvolutionBackward): void {
  const { input, size, stride, padding } = call
  const output = call.outputGradient.gradient
  const window = taps(input, output, size, stride, padding)
  const weights = output.channels * input.channels * window.length
  const weight = weightFactors(context, call.weight, weights)
  const loadInput = inputLoader(context, input, call.norm)
  const loadGradient = gradientLoader(context, call.outputGradient)
  const writer = call.inputGradient && gradientWriter(context, input, call.norm, call.inputGradient)
  const inputPixels = input.height * input.width
  const outputPixels = output.height * output.width
  const z = new Float64Array(input.channels * inputPixels)
  const dz = new Float64Array(z.length)
  const dOutput = new Float64Array(output.channels * outputPixels)
  const dWeight = new Float64Array(weights)
  const dBias = new Float64Array(output.channels)

  for (let n = 0; n < context.batch; n++) {
    loadInput(n, z)
    loadGradient(n, dOutput)
    applyDropout(context, call.dropout, n, dOutput)
    sumsOfChannels(dOutput, dBias)
    for (const factor of [z, dOutput]) asFactors(context, factor)
    dz.fill(0)
    for (let o = 0, w = 0; o < output.channels; o++) {
      for (let c = 0; c < input.channels; c++) {
        for (const { dy, dx, top, bottom, left, right } of window) {
          const factor = weight[w]!
          let sum = 0
          for (let y = top; y < bottom; y++) {
            const from = o * outputPixels + y * output.width
            const to = c * inputPixels + (y * stride + dy) * input.width + dx
            for (let x = left; x < right; x++) {
              const gradient = dOutput[from + x]!
              sum += gradient * z[to + x * stride]!
              dz[to + x * stride]! += gradient * factor
            }
          }
          dWeight[w++]! += sum
        }
      }
    }
    writer?.add(n, z, dz)
  }
  writer?.finish()
  vector(context, call.weightGradient, weights).set(dWeight)
  if (call.biasGradient) vector(context, call.biasGradient, output.channels).set(dBias)
}

/** Drops elements of one image's output, or of the gradient at it: the same mask, the same scale. */
function applyDropout(context: Context, dropout: Dropout | null, image: number, values: Float64Array): void {
  if (dropout === null) return
  const key = dropoutKey(context.seed, context.step, dropout.layer)
  const scale = 1 / (1 - dropout.rate)
  for (let i = 0; i < values.length; i++) {
    values[i] = dropoutKeeps(key, image * values.length + i, dropout.rate) ? values[i]! * scale : 0
  }
}
