// What the kernels share: batch norm + ReLU on load, statistics of what was written, and the two ends of the deferred
// gradient (src/engine/kernels.ts defines them). `z` and gradients of one image are float64 [channels][height][width].
import type { InputGradient, Norm, OutputGradient, Statistics, View } from '../../engine/kernels.js'
import { activation, type Context, vector } from './memory.js'

const invstd = (variance: ArrayLike<number>, epsilon: number): Float64Array =>
  Float64Array.from(variance, v => 1 / Math.sqrt(v + epsilon))

/** Loads an image of a kernel's input: relu(gamma * invstd * (x - mean) + beta), or x without a norm. */
export function inputLoader(
  context: Context,
  input: View,
  norm: Norm | null,
): (image: number, z: Float64Array) => void {
  const { load, channels, pixels } = activation(context, input)
  if (norm === null) return load
  const gamma = vector(context, norm.gamma, channels)
  const beta = vector(context, norm.beta, channels)
  const mean = vector(context, norm.mean, channels)
  const inverse = invstd(vector(context, norm.variance, channels), norm.epsilon)
  return (image, z) => {
    load(image, z)
    for (let c = 0, i = 0; c < channels; c++) {
      const scale = gamma[c]! * inverse[c]!
      const centre = mean[c]!
      const shift = beta[c]!
      for (let p = 0; p < pixels; p++, i++) z[i] = Math.max(scale * (z[i]! - centre) + shift, 0)
    }
  }
}

/** Mean and biased variance of each channel as stored, in two passes. */
export function writeStatistics(context: Context, output: View, statistics: Statistics | null): void {
  if (statistics === null) return
  const { load, channels, pixels } = activation(context, output)
  const x = new Float64Array(channels * pixels)
  const count = context.batch * pixels
  const meansOf = (term: (value: number, channel: number) => number): Float64Array => {
    const sums = new Float64Array(channels)
    for (let n = 0; n < context.batch; n++) {
      load(n, x)
      for (let c = 0, i = 0; c < channels; c++) for (let p = 0; p < pixels; p++) sums[c]! += term(x[i++]!, c)
    }
    return sums.map(sum => sum / count)
  }
  const means = meansOf(value => value)
  const variances = meansOf((value, c) => (value - means[c]!) ** 2)
  vector(context, statistics.mean, channels).set(means)
  vector(context, statistics.variance, channels).set(variances)
}

/** Loads an image of the gradient at a kernel's output, finalising it where it was deferred:
 * G - invstd * (a + xhat * b). */
export function gradientLoader(
  context: Context,
  output: OutputGradient,
): (image: number, gradient: Float64Array) => void {
  const { load, channels, pixels } = activation(context, output.gradient)
  const { deferred } = output
  if (deferred === null) return load
  const value = activation(context, deferred.value)
  const x = new Float64Array(channels * pixels)
  const mean = vector(context, deferred.mean, channels)
  const inverse = invstd(vector(context, deferred.variance, channels), deferred.epsilon)
  const a = vector(context, deferred.a, channels)
  const b = vector(context, deferred.b, channels)
  return (image, gradient) => {
    load(image, gradient)
    value.load(image, x)
    for (let c = 0, i = 0; c < channels; c++) {
      const scale = inverse[c]!
      for (let p = 0; p < pixels; p++, i++) {
        const xhat = (x[i]! - mean[c]!) * scale
        gradient[i]! -= scale * (a[c]! + xhat * b[c]!)
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
  const target = activation(context, gradient)
  const { channels, pixels } = target
  const sum = new Float64Array(channels * pixels)
  const begin = (image: number): void => {
    if (accumulate) target.load(image, sum)
    else sum.fill(0)
  }
  if (norm === null || outputs === null) {
    const add = (image: number, _z: Float64Array, dz: Float64Array): void => {
      begin(image)
      for (let i = 0; i < dz.length; i++) sum[i]! += dz[i]!
      target.store(image, sum)
    }
    return { add, finish: () => {} }
  }

  const source = activation(context, input)
  const x = new Float64Array(sum.length)
  const gamma = vector(context, norm.gamma, channels)
  const mean = vector(context, norm.mean, channels)
  const inverse = invstd(vector(context, norm.variance, channels), norm.epsilon)
  const sums = new Float64Array(channels) // of dz
  const sumsXhat = new Float64Array(channels) // of dz * xhat

  const add = (image: number, z: Float64Array, dz: Float64Array): void => {
    begin(image)
    source.load(image, x)
    for (let c = 0, i = 0; c < channels; c++) {
      const scale = gamma[c]! * inverse[c]!
      let ofDz = 0
      let ofDzXhat = 0
      for (let p = 0; p < pixels; p++, i++) {
        const masked = z[i]! === 0 ? 0 : dz[i]!
        ofDz += masked
        ofDzXhat += masked * (x[i]! - mean[c]!) * inverse[c]!
        sum[i]! += scale * masked
      }
      sums[c]! += ofDz
      sumsXhat[c]! += ofDzXhat
    }
    target.store(image, sum)
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
