// How the curves are looked at: by step or by epoch, which part, how smooth.
import { type Signal, signal } from '@preact/signals'
import { remembered } from '../settings.js'

export type Axis = 'step' | 'epoch'
export interface Range {
  readonly from: number
  readonly to: number
}

export const axis = remembered('axis', 'step') as Signal<Axis>
export const logScale = remembered('log', false)
export const asTable = remembered('table', false)
/** Time constants of the moving average, in steps. */
export const SMOOTHINGS = [0, 3, 10, 30, 100, 300, 1000, 3000] as const
const smoothingIndex = remembered('smoothing', 0)
export const smoothing = {
  get index(): number {
    return Math.min(Math.max(0, Math.trunc(smoothingIndex.value)), SMOOTHINGS.length - 1)
  },
  set index(value: number) {
    smoothingIndex.value = value
  },
  get steps(): number {
    return SMOOTHINGS[this.index]!
  },
}

/** The part of the axis in view; null: all. */
export const range = signal<Range | null>(null)
/** Where all charts are read, on the axis; null: at their ends. */
export const cursor = signal<number | null>(null)

export function setAxis(value: Axis): void {
  axis.value = value
  range.value = null
  cursor.value = null
}

/** Buckets across a chart. */
const BUCKETS = 600

/** A power of two, so that runs of any length share their grid. */
export const bucketWidth = (steps: number): number =>
  2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, steps) / BUCKETS)))

/** Nearer or further by a factor, around the cursor or the middle. */
export function zoom(factor: number, whole: Range): void {
  const { from, to } = range.value ?? whole
  const at = cursor.value !== null && cursor.value >= from && cursor.value <= to ? cursor.value : (from + to) / 2
  const next = {
    from: Math.max(whole.from, at - (at - from) * factor),
    to: Math.min(whole.to, at + (to - at) * factor),
  }
  if (next.to - next.from < 2) return
  range.value = next.from <= whole.from && next.to >= whole.to ? null : next
}

/** Sideways by a share of what is in view. */
export function pan(share: number, whole: Range): void {
  if (range.value === null) return
  const { from, to } = range.value
  const by = Math.min(Math.max((to - from) * share, whole.from - from), whole.to - to)
  range.value = { from: from + by, to: to + by }
}
