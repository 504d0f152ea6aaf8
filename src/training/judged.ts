// What a network is judged by after an epoch: its error; where images may have several labels few are right in all of them, so
// by how it ranks them; of pixels by what classes have in common with their labels.
import type { Metrics } from './metrics.js'

/** What the epochs of a run are judged by, and how one did. */
export interface Measure {
  readonly name: 'error' | 'mean AP' | 'mean IoU'
  /** What the best epoch has. */
  readonly best: 'lowest' | 'highest'
  /** Percent; null where nothing has a label. */
  readonly value: number | null
}

/** The measure of a score: mean IoU of pixels, mean AP of several labels, else the error. */
export function judgedBy({ top1Error, meanAveragePrecision, meanIou }: Metrics): Measure {
  if (meanIou !== undefined) return highest('mean IoU', meanIou)
  if (meanAveragePrecision !== undefined) return highest('mean AP', meanAveragePrecision)
  return { name: 'error', best: 'lowest', value: top1Error }
}

const highest = (name: Measure['name'], share: number | null): Measure => ({
  name,
  best: 'highest',
  value: share === null ? null : 100 * share,
})

/** Lower is better. */
export function badness(score: Metrics): number {
  const { best, value } = judgedBy(score)
  return best === 'lowest' ? (value ?? Number.POSITIVE_INFINITY) : -(value ?? 0)
}
