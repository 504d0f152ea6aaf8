// What the charts draw: the metrics, and each run's lines in them.
import type { EpochPoint, RunSummary, StepMetric } from '../api.js'
import { bytes, figure, rounded } from '../format.js'
import type { RunSeries } from './series.js'
import type { Axis } from './view.js'

export interface Metric {
  readonly id: StepMetric | 'meanAp' | 'meanIou'
  readonly title: string
  readonly unit: string
  readonly format: (value: number) => string
  /** Where it is known while training. */
  readonly ofTraining: ((point: EpochPoint) => number | null) | null
  /** Where the network is evaluated for it. */
  readonly ofTest: ((point: EpochPoint) => number | null) | null
  /** May be drawn on a logarithmic scale. */
  readonly log: boolean
}

export const metrics: readonly Metric[] = [
  {
    id: 'loss',
    title: 'Loss',
    unit: '',
    format: figure,
    log: true,
    ofTraining: ({ train }) => train.loss,
    ofTest: ({ test }) => test?.loss ?? null,
  },
  {
    id: 'error',
    title: 'Error',
    unit: '%',
    format: value => value.toFixed(2),
    log: true,
    ofTraining: ({ train }) => train.top1Error,
    ofTest: ({ test }) => test?.top1Error ?? null,
  },
  {
    id: 'learningRate',
    title: 'Learning rate',
    unit: '',
    format: figure,
    log: true,
    ofTraining: ({ learningRate }) => learningRate,
    ofTest: null,
  },
  {
    id: 'throughput',
    title: 'Throughput',
    unit: 'images/s',
    format: rounded,
    log: false,
    ofTraining: ({ throughput }) => throughput,
    ofTest: null,
  },
  {
    id: 'memory',
    title: 'Memory',
    unit: '',
    format: bytes,
    log: false,
    ofTraining: ({ memory }) => memory,
    ofTest: null,
  },
]

const percent = (share: number | null | undefined): number | null => (share == null ? null : 100 * share)

const overClasses = { unit: '%', format: (value: number) => value.toFixed(2), log: false } as const

/** Where images may have several labels, and of networks for pixels; no step tells them. */
export const meansOverClasses: readonly Metric[] = [
  {
    ...overClasses,
    id: 'meanAp',
    title: 'Mean AP',
    ofTraining: null,
    ofTest: ({ test }) => percent(test?.meanAveragePrecision),
  },
  {
    ...overClasses,
    id: 'meanIou',
    title: 'Mean IoU',
    ofTraining: ({ train }) => percent(train.meanIou),
    ofTest: ({ test }) => percent(test?.meanIou),
  },
]

export interface Line {
  readonly run: string
  /** "run-1" */
  readonly colour: string
  /** `train`: while training; else which images the network was evaluated on after the epoch. */
  readonly kind: 'train' | 'test' | 'validation'
  readonly xs: readonly number[]
  readonly ys: readonly (number | null)[]
  readonly least: readonly (number | null)[] | null
  readonly most: readonly (number | null)[] | null
}

export interface DrawnRun {
  readonly summary: RunSummary
  readonly colour: string
  readonly series: RunSeries
}

/** With more runs their bands would hide each other. */
const MOST_BANDS = 2

export function linesOf(metric: Metric, drawn: readonly DrawnRun[], axis: Axis): Line[] {
  return drawn.flatMap(({ summary, colour, series }) => {
    const run = summary.id
    const epochs = series.epochs.value?.epochs ?? []
    const at = (point: EpochPoint): number => (axis === 'epoch' ? point.epoch : point.step)
    const line = (kind: Line['kind'], of: (point: EpochPoint) => number | null): Line => ({
      run,
      colour,
      kind,
      xs: epochs.map(at),
      ys: epochs.map(of),
      least: null,
      most: null,
    })
    const { id, ofTraining } = metric
    const ofEpochs = axis === 'epoch' || id === 'meanAp' || id === 'meanIou'
    const train = ofEpochs ? ofTraining && line('train', ofTraining) : stepLine(id, run, colour, series)
    const bare = drawn.length > MOST_BANDS && train ? { ...train, least: null, most: null } : train
    const tested = metric.ofTest && epochs.some(point => metric.ofTest!(point) !== null)
    return [...(bare ? [bare] : []), ...(tested ? [line(summary.on, metric.ofTest!)] : [])]
  })
}

function stepLine(id: StepMetric, run: string, colour: string, series: RunSeries): Line | null {
  const curves = series.steps.value
  const buckets = curves?.series[id]
  if (!curves || !buckets?.mean.some(value => value !== null)) return null
  const { from, width } = curves
  const xs = buckets.mean.map((_, i) => from + i * width + (width - 1) / 2)
  return { run, colour, kind: 'train', xs, ys: buckets.mean, least: buckets.least, most: buckets.most }
}

/** The value of a line nearest to `x`, or its last one. */
export function valueAt({ xs, ys }: Line, x: number | null): number | null {
  let best = -1
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null || ys[i] === undefined) continue
    if (best < 0 || x === null || Math.abs(xs[i]! - x) <= Math.abs(xs[best]! - x)) best = i
  }
  return best < 0 ? null : ys[best]!
}
