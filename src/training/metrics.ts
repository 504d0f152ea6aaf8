// Loss, top-1 and top-5 error of many images, added up batch by batch. An image's rank is the number of classes that
// scored above the right one, so these hold for any number of classes: with five or fewer the top-5 error is 0. Of images
// that may have several labels the rank is the number of classes that are wrong.
import type { RankingMeans } from './multi-label.js'
import { addPixels, type Pixels, pixelScores } from './pixels.js'

/** Averages over images; errors in percent. The ranking is evaluated for images that may have several labels. */
export interface Metrics extends Partial<RankingMeans> {
  readonly loss: number
  /** Of images mixed of two: against the label of the larger share. With several labels: images with any class wrong. Where every
   * pixel has a label: of those. */
  readonly top1Error: number
  /** With several labels: images with five or more classes wrong. */
  readonly top5Error: number
  /** Where every pixel has a label: the mean over classes of intersection over union, 0 .. 1; null where there was no label. */
  readonly meanIou?: number | null
}

/** The sums behind them: plain data, so that a checkpoint in mid-epoch can carry them. */
export interface MetricSums {
  readonly images: number
  readonly loss: number
  readonly top1Wrong: number
  readonly top5Wrong: number
  /** [label][predicted]: pixels, where each has a label. */
  readonly confusion?: readonly number[]
}

/** The sums of no images. */
export const NO_METRICS: MetricSums = { images: 0, loss: 0, top1Wrong: 0, top5Wrong: 0 }

/** Adds a batch: `losses` and `ranks` per image. An image whose loss is not finite counts as wrong. */
export function addMetrics(
  sums: MetricSums,
  losses: ArrayLike<number>,
  ranks: ArrayLike<number>,
  pixels?: Pixels,
): MetricSums {
  let { loss, top1Wrong, top5Wrong } = sums
  for (let i = 0; i < losses.length; i++) {
    const rank = Number.isFinite(losses[i]) ? ranks[i]! : Number.POSITIVE_INFINITY
    loss += losses[i]!
    if (rank >= 1) top1Wrong++
    if (rank >= 5) top5Wrong++
  }
  const confusion = pixels ? { confusion: addPixels(sums.confusion, pixels) } : {}
  return { images: sums.images + losses.length, loss, top1Wrong, top5Wrong, ...confusion }
}

/** Mean loss and errors in percent; NaN of no images. */
export function averageMetrics({ images, loss, top1Wrong, top5Wrong, confusion }: MetricSums): Metrics {
  if (confusion) {
    const { accuracy, meanIou } = pixelScores(confusion)
    return { loss: loss / images, top1Error: 100 * (1 - accuracy), top5Error: 0, meanIou }
  }
  const share = (wrong: number): number => (100 * wrong) / images
  return { loss: loss / images, top1Error: share(top1Wrong), top5Error: share(top5Wrong) }
}
