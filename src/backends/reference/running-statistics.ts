// Running mean and (unbiased) variance, what evaluation normalises with.
import type { RunningStatistics } from '../../engine/kernels.js'
import { type Context, vector } from './memory.js'

export function runningStatistics(context: Context, call: RunningStatistics): void {
  const { channels, momentum } = call
  const count = context.batch * call.pixels
  const unbias = count > 1 ? count / (count - 1) : 1
  const mean = vector(context, call.statistics.mean, channels)
  const variance = vector(context, call.statistics.variance, channels)
  const runningMean = vector(context, call.runningMean, channels)
  const runningVariance = vector(context, call.runningVariance, channels)
  for (let c = 0; c < channels; c++) {
    runningMean[c] = (1 - momentum) * runningMean[c]! + momentum * mean[c]!
    runningVariance[c] = (1 - momentum) * runningVariance[c]! + momentum * variance[c]! * unbias
  }
}
