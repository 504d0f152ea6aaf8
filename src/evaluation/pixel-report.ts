// What a test found on images whose every pixel has a class, as plain data: what report.json holds, and the page is made of.
import type { Dataset } from '../images/dataset.js'
import { pixelScores } from '../training/pixels.js'
import type { ImageScores, PixelPredictions } from './evaluate-pixels.js'
import type { ReportFacts } from './report.js'
import { confusedPairs } from './scores.js'

export interface PixelClassScores {
  readonly name: string
  /** Pixels of the class. */
  readonly pixels: number
  /** Intersection over union; null where it is in no label and was never predicted. */
  readonly iou: number | null
  /** Share of the pixels called so that are so, 0..1; null when none was called so. */
  readonly precision: number | null
  /** Share of the class's pixels that were found, 0..1; null when there are none. */
  readonly recall: number | null
}

export interface PixelTestScores {
  readonly images: number
  /** With a label. */
  readonly pixels: number
  /** Cross entropy, averaged over images. */
  readonly loss: number
  /** Share of the pixels that are right, 0..1. */
  readonly accuracy: number
  /** Over the classes that have one; null without any label. */
  readonly meanIou: number | null
  readonly classes: readonly PixelClassScores[]
}

export interface ReportedImage extends Pick<ImageScores, 'index' | 'accuracy' | 'meanIou'> {
  readonly file: string | null
}

/** Whose statistics batch norms took: each image's own, or the running ones. */
export type Statistics = 'own' | 'running'

export interface PixelReport extends ReportFacts {
  readonly dataset: string
  readonly pixels: true
  readonly statistics: Statistics
  readonly scores: PixelTestScores
  readonly classes: readonly string[]
  /** [true class][predicted class]: pixels; null for more than 100 classes. */
  readonly confusion: readonly (readonly number[])[] | null
  readonly confusedPairs: readonly { readonly label: string; readonly predicted: string; readonly pixels: number }[]
  /** Images by their own mean IoU. */
  readonly worst: readonly ReportedImage[]
  readonly best: readonly ReportedImage[]
}

const MOST_CLASSES = 100
const PAIRS = 20

export function makePixelReport(
  facts: ReportFacts & { readonly statistics: Statistics },
  dataset: Dataset,
  predictions: PixelPredictions,
): PixelReport {
  const scores = scorePixels(predictions, dataset.classes)
  const classes = scores.classes.map(({ name }) => name)
  const rows = rowsOf(predictions.confusion)
  const reported = ({ index, accuracy, meanIou }: ImageScores): ReportedImage => {
    return { index, file: 'files' in dataset ? dataset.files[index]! : null, accuracy, meanIou }
  }
  return {
    ...facts,
    dataset: dataset.name,
    pixels: true,
    scores,
    classes,
    confusion: classes.length <= MOST_CLASSES ? rows : null,
    confusedPairs: confusedPairs(rows, PAIRS).map(({ label, predicted, images }) => ({
      label: classes[label]!,
      predicted: classes[predicted]!,
      pixels: images,
    })),
    worst: predictions.worst.map(reported),
    best: predictions.best.map(reported),
  }
}

/** `names` are the classes in label order. */
function scorePixels({ metrics, confusion, images }: PixelPredictions, names: readonly string[]): PixelTestScores {
  const rows = rowsOf(confusion)
  const { accuracy, iou, meanIou } = pixelScores(confusion)
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0)
  const classes = rows.map((row, label) => {
    const [right, pixels, called] = [row[label]!, sum(row), sum(rows.map(other => other[label]!))]
    return {
      name: names[label] ?? String(label),
      pixels,
      iou: iou[label]!,
      precision: called > 0 ? right / called : null,
      recall: pixels > 0 ? right / pixels : null,
    }
  })
  return { images: images.length, pixels: sum(confusion), loss: metrics.loss, accuracy, meanIou, classes }
}

function rowsOf(confusion: readonly number[]): number[][] {
  const classes = Math.sqrt(confusion.length)
  return Array.from({ length: classes }, (_, label) => confusion.slice(label * classes, (label + 1) * classes))
}
