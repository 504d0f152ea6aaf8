// Scores of predictions for images that may have several labels: how each class's probabilities rank the images, what a
// threshold of one half makes of them, calibration.
import { MISSING } from '../images/dataset.js'
import { type ClassRanking, meanRanking, type RankingMeans, rankClasses } from '../training/multi-label.js'
import { type CalibrationBin, calibrationOf } from './calibration.js'
import type { Predictions } from './predict.js'

/** A class counts as found where its probability is above one half: its logit above 0. */
export interface MultiLabelClassScores extends ClassRanking {
  readonly name: string
  /** Share of the images called so that are so, 0..1; null when none was called so. */
  readonly precision: number | null
  /** Share of the class's images that were found, 0..1; null when there are none. */
  readonly recall: number | null
  /** Harmonic mean of both; null when the class neither occurs nor is found. */
  readonly f1: number | null
}

export interface MultiLabelScores extends RankingMeans {
  readonly images: number
  /** Binary cross entropy, averaged over classes and images; labels that are not known add 0. */
  readonly loss: number
  /** Images with any class wrong, in percent: 100 less the subset accuracy. */
  readonly subsetError: number
  /** Classes of images that are wrong, in percent of those that are known: the Hamming loss. */
  readonly labelError: number
  /** Mean gap between the probability of a class and how often it is there, weighted by their number, 0..1. */
  readonly expectedCalibrationError: number
  readonly calibration: readonly CalibrationBin[]
  readonly classes: readonly MultiLabelClassScores[]
  /** Mean F1 of the classes that occur, 0..1; null when none does. */
  readonly macroF1: number | null
}

/** Predictions of images that may have several labels: targets [images][classes], 0 or 1; MISSING ones count nowhere. */
export type MultiLabelPredictions = Predictions & { readonly targets: Uint8Array }

/** Whether the images may have several labels. */
export const hasTargets = (predictions: Predictions): predictions is MultiLabelPredictions =>
  predictions.targets !== undefined

/** Scores of predictions with several labels; `names` are the classes in label order. Errors in percent, losses in nats. */
export function scoreMultiLabel(predictions: MultiLabelPredictions, names: readonly string[]): MultiLabelScores {
  const { images, classes, probabilities, scores, targets, losses } = predictions
  const counts = Array.from({ length: classes }, () => ({ right: 0, called: 0 }))
  let [wrongImages, wrongLabels] = [0, 0]
  const known = Uint32Array.from(targets.keys()).filter(i => targets[i] !== MISSING)
  for (let image = 0; image < images; image++) {
    let wrong = 0
    for (let c = 0; c < classes; c++) {
      if (targets[image * classes + c] === MISSING) continue
      const [found, there] = [scores[image * classes + c]! > 0, targets[image * classes + c] === 1]
      if (found !== there) wrong++
      if (found) counts[c]!.called++
      if (found && there) counts[c]!.right++
    }
    wrongLabels += wrong
    if (wrong > 0) wrongImages++
  }
  // Not by probabilities: those of a sure network are rounded to the same.
  const rankings = rankClasses(scores, targets, classes)
  const perClass = rankings.map((ranking, c) => {
    const { right, called } = counts[c]!
    return {
      name: names[c] ?? String(c),
      ...ranking,
      precision: called > 0 ? right / called : null,
      recall: ranking.images > 0 ? right / ranking.images : null,
      f1: called + ranking.images > 0 ? (2 * right) / (called + ranking.images) : null,
    }
  })
  const occurring = perClass.filter(scores => scores.images > 0)
  return {
    images,
    loss: losses.reduce((sum, loss) => sum + loss, 0) / images,
    ...meanRanking(rankings),
    subsetError: (100 * wrongImages) / images,
    labelError: known.length === 0 ? 0 : (100 * wrongLabels) / known.length,
    ...calibrationOf(known.length, i => [probabilities[known[i]!]!, targets[known[i]!] === 1]),
    classes: perClass,
    macroF1: occurring.length === 0 ? null : occurring.reduce((sum, { f1 }) => sum + (f1 ?? 0), 0) / occurring.length,
  }
}

export interface WrongLabel {
  /** Place among the predictions. */
  readonly image: number
  /** The class. */
  readonly label: number
  /** Whether the image is of the class. */
  readonly there: boolean
  readonly probability: number
}

/** The wrong calls the network was surest of, the surest first, one for each image. */
export function worstCalls({ images, classes, probabilities, scores, targets }: MultiLabelPredictions, count: number) {
  const worst: WrongLabel[] = []
  for (let image = 0; image < images; image++) {
    let own: WrongLabel | null = null
    for (let label = 0; label < classes; label++) {
      if (targets[image * classes + label] === MISSING) continue
      const [probability, there] = [probabilities[image * classes + label]!, targets[image * classes + label] === 1]
      const gap = Math.abs(probability - (there ? 1 : 0))
      const wrong = scores[image * classes + label]! > 0 !== there
      if (wrong && gap > (own ? Math.abs(own.probability - (own.there ? 1 : 0)) : 0)) {
        own = { image, label, there, probability }
      }
    }
    if (own) worst.push(own)
  }
  const sureness = ({ probability, there }: WrongLabel): number => (there ? 1 - probability : probability)
  return worst.sort((a, b) => sureness(b) - sureness(a) || a.image - b.image).slice(0, count)
}
