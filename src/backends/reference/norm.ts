// What the kernels share: batch norm + ReLU on load, statistics of what was written, and the two ends of the deferred
// gradient (src/engine/kernels.ts defines them). `z` and gradients of one image are float64 [channels][height][width].
import type { InputGradient, Norm, OutputGradient, Statistics, View } from '../../engine/kernels.js'
import { type Context, plane, vector } from './memory.js'

const invstd = (variance: ArrayLike<number>, epsilon: number): Float64Array =>
  Float64Array.from(variance, v => 1 / Math.sqrt(v + epsilon))

/** Loads an image of a kernel's input: relu(gamma * invstd * (x - mean) + beta), or x without a norm. */
export function inputLoader(
  context: Context,
  input: View,
  norm: Norm | null,
): (image: number, z: Float64Array) => void {
  const { data, channels, pixels, at } = plane(context, input)
  if (norm === null) {
    return (image, z) => z.set(data.subarray(at(image, 0), at(image, channels)))
  }
  const gamma = vector(context, norm.gamma, channels)
  const beta = vector(context, norm.beta, channels)
  const mean = vector(context, norm.mean, channels)
  const inverse = invstd(vector(context, norm.variance, channels), norm.epsilon)
  return (image, z) => {
    for (let c = 0, i = 0; c < channels; c++) {
      const scale = gamma[c]! * inverse[c]!
      const centre = mean[c]!
      const shift = beta[c]!
      const from = at(image, c)
      for (let p = 0; p < pixels; p++, i++) {
        z[i] = Math.max(scale * (data[from + p]! - centre) + shift, 0)
      }
    }
  }
}

/** Mean and biased variance of each channel as stored, in two passes. */
export function writeStatistics(context: Context, output: View, statistics: Statistics | null): void {
  if (statistics === null) return
  const { data, channels, pixels, at } = plane(context, output)
  const means = vector(context, statistics.mean, channels)
  const variances = vector(context, statistics.variance, channels)
  const count = context.batch * pixels
  for (let c = 0; c < channels; c++) {
    let sum = 0
    for (let n = 0; n < context.batch; n++) {
      const from = at(n, c)
      for (let p = 0; p < pixels; p++) sum += data[from + p]!
    }
    const mean = sum / count
    let squares = 0
    for (let n = 0; n < context.batch; n++) {
      const from = at(n, c)
      for (let p = 0; p < pixels; p++) squares += (data[from + p]! - mean) ** 2
    }
    means[c] = mean
    variances[c] = squares / count
  }
}

/** Loads an image of the gradient at a kernel's output, finalising it where it was deferred:
 * G - invstd * (a + xhat * b). */
export function gradientLoader(
  context: Context,
  output: OutputGradient,
): (image: number, gradient: Float64Array) => void {
  const { data, channels, pixels, at } = plane(context, output.gradient)
  const { deferred } = output
  if (deferred === null) {
    return (image, gradient) => gradient.set(data.subarray(at(image, 0), at(image, channels)))
  }
  const value = plane(context, deferred.value)
  const mean = vector(context, deferred.mean, channels)
  const inverse = invstd(vector(context, deferred.variance, channels), deferred.epsilon)
  const a = vector(context, deferred.a, channels)
  const b = vector(context, deferred.b, channels)
  return (image, gradient) => {
    for (let c = 0, i = 0; c < channels; c++) {
      const scale = inverse[c]!
      const from = at(image, c)
      const valueFrom = value.at(image, c)
      for (let p = 0; p < pixels; p++, i++) {
        const xhat = (value.data[valueFrom + p]! - mean[c]!) * scale
        gradient[i] = data[from + p]! - scale * (a[c]! + xhat * b[c]!)
      }
    }
  }
}

/** Takes dz, the gradient at z, image by image, and leaves the gradient at the input where `gradient` says. */
export interface GradientWriter {
  /** `z` is what the loader gave: where the ReLU cut it to 0, nothing passes. */
  add(image: number, z: Float64Array, dz: Float64Array): void
  /** After the last image: writes the gradients of gamma and beta, and a and b. */
  finish(): void
}

export function gradientWriter(
  context: Context,
  input: View,
  norm: Norm | null,
  { gradient, accumulate, norm: outputs }: InputGradient,
): GradientWriter {
  const target = plane(context, gradient)
  const { channels, pixels } = target
  if (norm === null || outputs === null) {
    const add = (image: number, _z: Float64Array, dz: Float64Array): void => {
      const from = target.at(image, 0)
      for (let i = 0; i < dz.length; i++) target.data[from + i] = (accumulate ? target.data[from + i]! : 0) + dz[i]!
    }
    return { add, finish: () => {} }
  }

  const source = plane(context, input)
  const gamma = vector(context, norm.gamma, channels)
  const mean = vector(context, norm.mean, channels)
  const inverse = invstd(vector(context, norm.variance, channels), norm.epsilon)
  const sums = new Float64Array(channels) // of dz
  const sumsXhat = new Float64Array(channels) // of dz * xhat

  const add = (image: number, z: Float64Array, dz: Float64Array): void => {
    for (let c = 0, i = 0; c < channels; c++) {
      const scale = gamma[c]! * inverse[c]!
      const from = target.at(image, c)
      const sourceFrom = source.at(image, c)
      let sum = 0
      let sumXhat = 0
      for (let p = 0; p < pixels; p++, i++) {
        const masked = z[i]! === 0 ? 0 : dz[i]!
        sum += masked
        sumXhat += masked * (source.data[sourceFrom + p]! - mean[c]!) * inverse[c]!
        target.data[from + p] = (accumulate ? target.data[from + p]! : 0) + scale * masked
      }
      sums[c]! += sum
      sumsXhat[c]! += sumXhat
    }
  }

  const finish = (): void => {
    const dGamma = vector(context, outputs.gamma, channels)
    const dBeta = vector(context, outputs.beta, channels)
    const a = vector(context, outputs.a, channels)
    const b = vector(context, outputs.b, channels)
    const count = context.batch * pixels
    for (let c = 0; c < channels; c++) {
      dGamma[c] = sumsXhat[c]!
      dBeta[c] = sums[c]!
      a[c] = (accumulate ? a[c]! : 0) + (gamma[c]! * sums[c]!) / count
      b[c] = (accumulate ? b[c]! : 0) + (gamma[c]! * sumsXhat[c]!) / count
    }
  }
  return { add, finish }
}
