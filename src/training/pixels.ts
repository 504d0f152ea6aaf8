// How well pixels are classified, as the authors of FC-DenseNets count it: intersections and unions summed up over all images, pixels
// without a label left out of both.
import type { SessionBatch, StepResult } from '../engine/batch.js'
import type { Session } from '../engine/session.js'

/** Pixels of a batch, and what the network takes them for. */
export interface Pixels {
  readonly classes: number
  /** Negative: it has none. */
  readonly labels: ArrayLike<number>
  readonly predicted: ArrayLike<number>
}

/** Those of a batch, where every pixel has a label. */
export const pixelsOf = (session: Session, { labels }: SessionBatch, { predicted }: StepResult): Pixels | undefined =>
  predicted && { classes: session.architecture.config.classes, labels, predicted }

/** [label][predicted] with these pixels added. */
export function addPixels(confusion: readonly number[] | undefined, { classes, labels, predicted }: Pixels): number[] {
  const counts = confusion ? [...confusion] : new Array<number>(classes * classes).fill(0)
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!
    if (label >= 0) counts[label * classes + predicted[i]!]!++
  }
  return counts
}

/** How well pixels are classified. */
export interface PixelScores {
  /** Share of the pixels that are right, 0 .. 1; NaN of none. */
  readonly accuracy: number
  /** Of each class, intersection over union; null where it is in no label and was never predicted. */
  readonly iou: readonly (number | null)[]
  /** Mean of these; null without any. */
  readonly meanIou: number | null
}

/** The scores of `confusion`, [label][predicted] pixels. */
export function pixelScores(confusion: readonly number[]): PixelScores {
  const classes = Math.sqrt(confusion.length)
  const numbers = Array.from({ length: classes }, (_, c) => c)
  const sum = (of: (i: number) => number): number => numbers.reduce((all, i) => all + of(i), 0)
  const right = (c: number): number => confusion[c * classes + c]!
  const labelled = (c: number): number => sum(i => confusion[c * classes + i]!)
  const iou = numbers.map(c => {
    const union = labelled(c) + sum(i => confusion[i * classes + c]!) - right(c)
    return union > 0 ? right(c) / union : null
  })
  const known = iou.filter(value => value !== null)
  const meanIou = known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : null
  return { accuracy: sum(right) / sum(labelled), iou, meanIou }
}
