// What a list of numbers is like: count, mean, median, spread, extremes and a histogram.

/** `counts[i]` numbers lie in edges[i] .. edges[i + 1]; the upper edge belongs to the last bin only. */
export interface Histogram {
  /** One more than there are bins, rising, all bins equally wide. */
  readonly edges: readonly number[]
  readonly counts: readonly number[]
}

/** Of the finite ones among `count` numbers. Where there are none, all but the counts is null and the histogram empty. */
export interface NumberStatistics {
  /** All of them, those that are not finite included. */
  readonly count: number
  /** How many are NaN or infinite. */
  readonly nonFinite: number
  readonly mean: number | null
  /** Of these numbers themselves: the sum of squares is divided by their number. */
  readonly standardDeviation: number | null
  readonly smallest: number | null
  readonly largest: number | null
  readonly histogram: Histogram
}

const BINS = 20

/** Its histogram has the bins of numpy.histogram: equal ones from the smallest to the largest; of numbers that are all the
 * same, half a unit to either side. */
export function statisticsOf(values: ArrayLike<number>, bins = BINS): NumberStatistics {
  const count = values.length
  const [smallest, largest] = extremes(values)
  let finite = 0
  let sum = 0
  for (let i = 0; i < count; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) continue
    finite++
    sum += value
  }
  const nonFinite = count - finite
  if (finite === 0) {
    const nothing = { mean: null, standardDeviation: null, smallest: null, largest: null }
    return { count, nonFinite, ...nothing, histogram: { edges: [], counts: [] } }
  }
  const mean = sum / finite
  let squares = 0
  const edges = equalEdges(smallest, largest, bins)
  const counts = new Array<number>(bins).fill(0)
  for (let i = 0; i < count; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) continue
    squares += (value - mean) ** 2
    counts[binOf(value, edges)]!++
  }
  const standardDeviation = Math.sqrt(squares / finite)
  return { count, nonFinite, mean, standardDeviation, smallest, largest, histogram: { edges, counts } }
}

/** The middle one of sorted values, or the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** The smallest and the largest of the finite ones; where there are none, infinity and its opposite. */
export function extremes(values: ArrayLike<number>): [smallest: number, largest: number] {
  let smallest = Number.POSITIVE_INFINITY
  let largest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) continue
    if (value < smallest) smallest = value
    if (value > largest) largest = value
  }
  return [smallest, largest]
}

function equalEdges(smallest: number, largest: number, bins: number): number[] {
  const [from, to] = smallest === largest ? [smallest - 0.5, largest + 0.5] : [smallest, largest]
  const edges = Array.from({ length: bins }, (_, i) => from + i * ((to - from) / bins))
  return [...edges, to]
}

/** By division, then put right by the edges themselves, which were rounded. */
function binOf(value: number, edges: readonly number[]): number {
  const bins = edges.length - 1
  const from = edges[0]!
  let bin = Math.min(bins - 1, Math.floor(((value - from) / (edges[bins]! - from)) * bins))
  if (value < edges[bin]!) bin--
  else if (bin < bins - 1 && value >= edges[bin + 1]!) bin++
  return bin
}
