// How well a network classifies the pixels of every image of a data set, and what it takes those of a few images for: of the ones
// that it does best and worst on.
import type { Metrics } from '../training/metrics.js'
import { addPixels, type PixelScores, pixelScores } from '../training/pixels.js'
import { type EvaluationJob, evaluateAll } from './evaluate.js'

/** The pixels of one image that have a label. */
export interface ImageScores extends PixelScores {
  /** Of the data set. */
  readonly index: number
  readonly pixels: number
}

/** An image, and what its pixels were taken for [height][width]. */
export interface ShownImage extends ImageScores {
  readonly predicted: Uint16Array
}

/** What a network makes of the pixels of a data set. */
export interface PixelPredictions {
  readonly metrics: Metrics
  /** [label][predicted] pixels. */
  readonly confusion: readonly number[]
  /** In the order of the data set; those whose files cannot be decoded are missing. */
  readonly images: readonly ImageScores[]
  /** The lowest mean IoU first. */
  readonly worst: readonly ShownImage[]
  /** The highest first; none that is among the worst. */
  readonly best: readonly ShownImage[]
}

const WORST = 8
const BEST = 4

/** Throws when stopped. Of several ranks all get the whole. */
export async function evaluatePixels(job: EvaluationJob): Promise<PixelPredictions> {
  const images: ImageScores[] = []
  let [worst, best]: ShownImage[][] = [[], []]
  const { metrics, confusion } = await evaluateAll({
    ...job,
    onPixels: ({ classes, labels, predicted }, indices) => {
      const size = labels.length / indices.length
      for (let i = 0; i < indices.length; i++) {
        const of = (values: ArrayLike<number>): Uint16Array =>
          Uint16Array.from({ length: size }, (_, p) => values[i * size + p]!)
        const own = {
          classes,
          labels: Array.from({ length: size }, (_, p) => labels[i * size + p]!),
          predicted: of(predicted),
        }
        const counts = addPixels(undefined, own)
        const pixels = counts.reduce((sum, count) => sum + count, 0)
        const image = { index: indices[i]!, pixels, ...pixelScores(counts) }
        images.push(image)
        if (image.meanIou === null) continue
        const shown = { ...image, predicted: own.predicted }
        worst = [...worst, shown].sort(byIou).slice(0, WORST)
        best = [...best, shown].sort((a, b) => byIou(b, a)).slice(0, BEST)
      }
    },
  })
  images.sort((a, b) => a.index - b.index)
  const bad = worst.slice(0, Math.ceil(images.length / 2))
  return {
    metrics,
    confusion: confusion!,
    images,
    worst: bad,
    best: best.filter(({ index }) => !bad.some(other => other.index === index)),
  }
}

const byIou = (a: ShownImage, b: ShownImage): number => a.meanIou! - b.meanIou! || a.index - b.index
