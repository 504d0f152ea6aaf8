// Scores of predictions: errors, confusion matrix, precision and recall of each class, calibration.

import { addMetrics, averageMetrics, type Metrics, NO_METRICS } from '../training/metrics.js'
import { likeliest, rankOf } from '../util/ranking.js'
import { type Calibration, calibrationOf } from './calibration.js'
import type { Predictions } from './predict.js'

export interface ClassScores {
  readonly name: string
  /** Images of the class. */
  readonly images: number
  /** Share of the images called so that are so, 0..1; null when none was called so. */
  readonly precision: number | null
  /** Share of the class's images that were found, 0..1; null when there are none. */
  readonly recall: number | null
  /** Harmonic mean of both; null when the class neither occurs nor is predicted. */
  readonly f1: number | null
}

export interface Scores extends Metrics, Calibration {
  readonly images: number
  readonly classes: readonly ClassScores[]
  /** Averages over the classes that occur. */
  readonly macro: { readonly precision: number; readonly recall: number; readonly f1: number }
  /** [true class][predicted class]: images. */
  readonly confusion: readonly Uint32Array[]
}

/** Scores of predictions; `names` are the classes in label order. Errors in percent, losses in nats. */
export function scorePredictions(predictions: Predictions, names: readonly string[]): Scores {
  const { images, classes, labels, losses } = predictions
  const confusion = Array.from({ length: classes }, () => new Uint32Array(classes))
  const ranks = new Uint32Array(images)
  for (let image = 0; image < images; image++) {
    const scores = scoresOf(predictions, image)
    const label = labels[image]!
    confusion[label]![likeliest(scores)]!++
    ranks[image] = rankOf(scores, label)
  }
  const perClass = confusion.map((_, label) => classScores(confusion, label, names[label] ?? String(label)))
  const occurring = perClass.filter(({ images }) => images > 0)
  const mean = (value: (scores: ClassScores) => number | null): number =>
    occurring.reduce((sum, scores) => sum + (value(scores) ?? 0), 0) / occurring.length
  return {
    ...averageMetrics(addMetrics(NO_METRICS, losses, ranks)),
    images,
    ...calibrationOf(images, image => {
      const predicted = likeliest(scoresOf(predictions, image))
      return [probabilitiesOf(predictions, image)[predicted]!, predicted === labels[image]]
    }),
    classes: perClass,
    macro: { precision: mean(s => s.precision), recall: mean(s => s.recall), f1: mean(s => s.f1) },
    confusion,
  }
}

function classScores(confusion: readonly Uint32Array[], label: number, name: string): ClassScores {
  const right = confusion[label]![label]!
  const images = confusion[label]!.reduce((sum, count) => sum + count, 0)
  const called = confusion.reduce((sum, row) => sum + row[label]!, 0)
  return {
    name,
    images,
    precision: called > 0 ? right / called : null,
    recall: images > 0 ? right / images : null,
    f1: images + called > 0 ? (2 * right) / (images + called) : null,
  }
}

export const probabilitiesOf = ({ probabilities, classes }: Predictions, image: number): Float32Array =>
  probabilities.subarray(image * classes, (image + 1) * classes)

/** What its classes are ranked by. */
export const scoresOf = ({ scores, classes }: Predictions, image: number): Float32Array | Float64Array =>
  scores.subarray(image * classes, (image + 1) * classes)

export interface Mistake {
  /** Place among the predictions. */
  readonly image: number
  readonly label: number
  readonly predicted: number
  /** What the network gave the wrong class, and the right one. */
  readonly confidence: number
  readonly ofLabel: number
}

/** The mistakes the network was surest of, the surest first. */
export function worstMistakes(predictions: Predictions, count: number): Mistake[] {
  const all: Mistake[] = []
  for (let image = 0; image < predictions.images; image++) {
    const row = probabilitiesOf(predictions, image)
    const label = predictions.labels[image]!
    const predicted = likeliest(scoresOf(predictions, image))
    if (predicted !== label) all.push({ image, label, predicted, confidence: row[predicted]!, ofLabel: row[label]! })
  }
  return all.sort((a, b) => b.confidence - a.confidence || a.image - b.image).slice(0, count)
}

/** Pairs of classes that are taken for each other, the most frequent first. */
export function confusedPairs(
  confusion: readonly ArrayLike<number>[],
  count: number,
): { label: number; predicted: number; images: number }[] {
  return confusion
    .flatMap((row, label) => Array.from(row, (images, predicted) => ({ label, predicted, images })))
    .filter(({ label, predicted, images }) => label !== predicted && images > 0)
    .sort((a, b) => b.images - a.images || a.label - b.label)
    .slice(0, count)
}
