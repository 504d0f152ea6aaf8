// A curve of many steps for a screen of few pixels: buckets of so many steps each, with the least, the most and the mean
// in each of them, so that no spike is lost. Bucket edges are multiples of the width whatever part is asked for, so that
// a curve can be gone on with from its last bucket.
import type { BucketSeries, StepMetric } from './api.js'
import { columnOf, type StepTable } from './step-table.js'

export interface BucketQuery {
  /** Multiples of `width`. */
  readonly from: number
  readonly to: number
  readonly width: number
  /** The mean is of an exponential moving average over about so many steps (the time constant); 0: of the values. */
  readonly smoothing: number
}

/** Weights of what lies further back than so many time constants are below 1e-4. */
const MEMORY = 10

export function bucketSeries(table: StepTable, metric: StepMetric, query: BucketQuery): BucketSeries {
  const { from, to, width, smoothing } = query
  const count = Math.max(0, Math.ceil((to - from) / width))
  const values = table.column(columnOf(metric))
  const { steps } = table
  const sums = new Float64Array(count)
  const counts = new Uint32Array(count)
  const least = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  const most = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
  const average = movingAverage(smoothing)
  for (let i = table.indexOf(from - MEMORY * smoothing); i < values.length && steps[i]! < to; i++) {
    const value = values[i]!
    if (Number.isNaN(value)) continue
    const smooth = average(value)
    if (steps[i]! < from) continue
    const bucket = Math.floor((steps[i]! - from) / width)
    sums[bucket]! += smooth
    counts[bucket]!++
    if (value < least[bucket]!) least[bucket] = value
    if (value > most[bucket]!) most[bucket] = value
  }
  const read = readout(metric)
  const numbers = (bucket: (i: number) => number): (number | null)[] =>
    Array.from(counts, (images, i) => (images === 0 ? null : read(bucket(i))))
  const mean = numbers(i => sums[i]! / counts[i]!)
  if (width === 1 && smoothing === 0) return { mean, least: null, most: null }
  const [low, high] = [numbers(i => least[i]!), numbers(i => most[i]!)]
  return metric === 'throughput' ? { mean, least: high, most: low } : { mean, least: low, most: high }
}

/** Divided by the sum of its weights, so that the first values count in full (as Adam's means do: Kingma & Ba, 2015). */
function movingAverage(steps: number): (value: number) => number {
  if (steps === 0) return value => value
  const keep = Math.exp(-1 / steps)
  let sum = 0
  let weights = 0
  return value => {
    sum = keep * sum + (1 - keep) * value
    weights = keep * weights + (1 - keep)
    return sum / weights
  }
}

/** To five digits: what a screen can show, and half the bytes. */
function readout(metric: StepMetric): (value: number) => number {
  const rounded = (value: number): number => Number(value.toPrecision(5))
  return metric === 'throughput' ? value => rounded(1 / value) : rounded
}
