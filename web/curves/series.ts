// The curves of one run, fetched for what is in view, and gone on with while the run trains.
import { signal } from '@preact/signals'
import { type ApiError, ask, type BucketSeries, type EpochCurves, type StepCurves, type StepMetric } from '../api.js'
import type { Range } from './view.js'

export interface StepQuery {
  readonly range: Range | null
  readonly width: number
  readonly smoothing: number
}

/** Asked again so soon while a long log is still being read. */
const AGAIN_MILLISECONDS = 120

export class RunSeries {
  readonly steps = signal<StepCurves | null>(null)
  readonly epochs = signal<EpochCurves | null>(null)
  readonly failure = signal<ApiError | null>(null)
  #wanted: StepQuery | null = null
  #fetched = ''
  #busy = false
  #again = false
  #closed = false

  constructor(readonly run: string) {}

  /** Brings the curves up to date with the view and the run. */
  update(query: StepQuery | null): void {
    this.#wanted = query
    this.#again = true
    if (!this.#busy) void this.#work()
  }

  close(): void {
    this.#closed = true
  }

  async #work(): Promise<void> {
    this.#busy = true
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        const wanted = this.#wanted
        const complete = await Promise.all([this.#fetchEpochs(), wanted === null || this.#fetchSteps(wanted)])
        this.failure.value = null
        if (complete.includes(false)) {
          this.#again = true
          await new Promise(resolve => setTimeout(resolve, AGAIN_MILLISECONDS))
        }
      } catch (error) {
        this.failure.value = error as ApiError
      }
    }
    this.#busy = false
  }

  async #fetchEpochs(): Promise<boolean> {
    const known = this.epochs.value
    const after = known?.epochs.at(-1)?.epoch ?? 0
    const answer = await ask<EpochCurves>('epochs', { run: this.run, after })
    if (known && answer.generation !== known.generation && after > 0) {
      this.epochs.value = null
      return this.#fetchEpochs()
    }
    const { epochs } = answer
    if (!known || epochs.length > 0 || known.complete !== answer.complete) {
      this.epochs.value = { ...answer, epochs: [...(known?.epochs ?? []), ...epochs] }
    }
    return answer.complete
  }

  async #fetchSteps({ range, width, smoothing }: StepQuery): Promise<boolean> {
    const known = this.steps.value
    const key = `${range?.from} ${range?.to} ${width} ${smoothing}`
    const goOn = known !== null && key === this.#fetched
    // The last bucket may have been part of one.
    const have = known ? known.from + Math.max(0, lengthOf(known) - 1) * known.width : 0
    const from = goOn ? have : Math.max(0, Math.floor((range?.from ?? 0) - width))
    const to = range ? Math.ceil(range.to + width) : undefined
    const query = { run: this.run, from, width, smoothing, to }
    const answer = await ask<StepCurves>('steps', query)
    if (goOn && answer.generation !== known.generation) {
      this.#fetched = ''
      return this.#fetchSteps({ range, width, smoothing })
    }
    this.#fetched = key
    this.steps.value = goOn ? joined(known, answer) : answer
    return answer.complete
  }
}

const lengthOf = ({ series }: StepCurves): number => series.loss?.mean.length ?? 0

/** `next` begins at the last bucket of `known`, or later if that was empty. */
function joined(known: StepCurves, next: StepCurves): StepCurves {
  const kept = Math.max(0, (next.from - known.from) / known.width)
  const both = <T>(a: readonly T[] | null, b: readonly T[] | null): T[] | null => a && b && [...a.slice(0, kept), ...b]
  const names = Object.keys(next.series) as StepMetric[]
  const series = names.map((name): [StepMetric, BucketSeries] => {
    const [a, b] = [known.series[name]!, next.series[name]!]
    return [name, { mean: both(a.mean, b.mean)!, least: both(a.least, b.least), most: both(a.most, b.most) }]
  })
  return { ...next, from: known.from, series: Object.fromEntries(series) }
}
