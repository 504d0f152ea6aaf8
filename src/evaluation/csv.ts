// Every prediction as a line of a CSV file (RFC 4180), in the order of the data set.

import { type Dataset, MISSING } from '../images/dataset.js'
import { csvOf } from '../util/csv.js'
import { likeliestFew } from '../util/ranking.js'
import type { PixelPredictions } from './evaluate-pixels.js'
import type { MultiLabelPredictions } from './multi-label-scores.js'
import type { Predictions } from './predict.js'
import { probabilitiesOf, scoresOf } from './scores.js'

const MOST_GUESSES = 5

/** image (its number, or its file), label, then the likeliest classes with their probabilities. */
export function predictionsCsv(dataset: Dataset, predictions: Predictions): string {
  const guesses = Math.min(MOST_GUESSES, predictions.classes)
  const columns = Array.from({ length: guesses }, (_, i) => [`class_${i + 1}`, `probability_${i + 1}`]).flat()
  const lines = [['image', 'label', 'correct', 'probability_of_label', ...columns]]
  const name = (label: number): string => dataset.classes[label] ?? String(label)
  for (let image = 0; image < predictions.images; image++) {
    const row = probabilitiesOf(predictions, image)
    const label = predictions.labels[image]!
    const index = predictions.indices[image]!
    const best = likeliestFew(scoresOf(predictions, image), guesses)
    lines.push([
      'files' in dataset ? dataset.files[index]! : String(index),
      name(label),
      best[0] === label ? '1' : '0',
      row[label]!.toPrecision(6),
      ...best.flatMap(c => [name(c), row[c]!.toPrecision(6)]),
    ])
  }
  return csvOf(lines)
}

/** image, its labels with | between them, where there are any those that are not known, whether all others are right, then the probability of each class. */
export function multiLabelCsv(dataset: Dataset, predictions: MultiLabelPredictions): string {
  const { images, classes, indices, targets } = predictions
  const names = Array.from({ length: classes }, (_, c) => dataset.classes[c] ?? String(c))
  const unknown = targets.includes(MISSING)
  const lines = [['image', 'labels', ...(unknown ? ['unknown'] : []), 'correct', ...names]]
  for (let image = 0; image < images; image++) {
    const row = probabilitiesOf(predictions, image)
    const own = targets.subarray(image * classes, (image + 1) * classes)
    const index = indices[image]!
    lines.push([
      'files' in dataset ? dataset.files[index]! : String(index),
      names.filter((_, c) => own[c] === 1).join('|'),
      ...(unknown ? [names.filter((_, c) => own[c] === MISSING).join('|')] : []),
      scoresOf(predictions, image).every((score, c) => own[c] === MISSING || score > 0 === (own[c] === 1)) ? '1' : '0',
      ...Array.from(row, probability => probability.toPrecision(6)),
    ])
  }
  return csvOf(lines)
}

/** image, its pixels with a label, the share of them that is right, its mean IoU, then the IoU of each class that is in it. */
export function pixelsCsv(dataset: Dataset, { images }: PixelPredictions): string {
  const figure = (value: number | null): string => (value === null || Number.isNaN(value) ? '' : value.toPrecision(6))
  const lines = images.map(({ index, pixels, accuracy, meanIou, iou }) => [
    'files' in dataset ? dataset.files[index]! : String(index),
    ...[String(pixels), figure(accuracy), figure(meanIou)],
    ...iou.map(figure),
  ])
  return csvOf([['image', 'pixels', 'accuracy', 'mean_iou', ...dataset.classes], ...lines])
}
