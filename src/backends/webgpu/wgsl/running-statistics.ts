// running = (1 - momentum) running + momentum * (mean | variance * m / (m - 1)), m = images * pixels (m = 1: biased); of many norms at once.
import type { RunningStatistics } from '../../../engine/kernels.js'
import type { Program } from '../../../engine/program.js'
import { alike, type Reach } from '../alike.js'
import { type Dispatch, images } from '../dispatch.js'
import { rowsText } from './common.js'

const TEXT = rowsText(/* wgsl */ `
  let count = call.images * row.pixels;
  let unbias = select(1.0, f32(count) / f32(count - 1), count > 1);
  let mean_at = row.running_mean + c;
  running_mean[mean_at] = call.rest * running_mean[mean_at] + call.momentum * mean[row.mean + c];
  let variance_at = row.running_variance + c;
  running_variance[variance_at] =
    call.rest * running_variance[variance_at] + call.momentum * variance[row.variance + c] * unbias;`)

/** Of calls that touch different numbers. */
export function runningStatistics(program: Program, calls: readonly RunningStatistics[], reach: Reach): Dispatch[] {
  const tasks = calls.map(({ channels, pixels, momentum, statistics, runningMean, runningVariance }) => ({
    channels,
    places: { ...statistics, running_mean: runningMean, running_variance: runningVariance },
    row: { pixels },
    real: { momentum, rest: 1 - momentum },
  }))
  return alike(program, tasks, { name: 'running statistics', text: TEXT, whole: { images } }, reach)
}
