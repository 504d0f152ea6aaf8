// What an evaluation found, as plain data: the content of report.json and of the page.

import type { Dataset } from '../images/dataset.js'
import type { DatasetIdentity } from '../images/identity.js'
import type { ViewName } from '../images/transforms/preprocess.js'
import type { EpochScore } from '../training/events.js'
import { isFinished, type Progress } from '../training/progress.js'
import type { Recipe } from '../training/recipe.js'
import type { Predictions } from './predict.js'
import { confusedPairs, type Mistake, type Scores, worstMistakes } from './scores.js'

/** What a report says besides the scores. */
export interface ReportFacts {
  /** The checkpoint or run. */
  readonly path: string
  /** The network's name. */
  readonly network: string
  readonly views: ViewName
  /** As recorded while it was trained on this data set; null when not known. */
  readonly training: TrainingScores | null
}

/** What training found on the images of the same set. */
export interface TrainingScores {
  /** After the last epoch so far. */
  readonly last: EpochScore
  /** The lowest of all epochs: picked by looking at the test images, so optimistic. */
  readonly best: EpochScore | null
  readonly epochs: number
  /** Whether `last` is the final one. */
  readonly finished: boolean
}

export interface ReportedMistake extends Mistake {
  /** Of the data set. */
  readonly index: number
  readonly file: string | null
}

/** A test as plain data: what `report.json` holds. */
export interface Report extends ReportFacts {
  readonly dataset: string
  readonly scores: Omit<Scores, 'confusion'>
  readonly classes: readonly string[]
  /** [true class][predicted class]; null for more than 100 classes. */
  readonly confusion: readonly (readonly number[])[] | null
  readonly confusedPairs: readonly { readonly label: string; readonly predicted: string; readonly images: number }[]
  readonly worst: readonly ReportedMistake[]
}

const WORST = 24
const MOST_CLASSES = 100

export function makeReport(facts: ReportFacts, dataset: Dataset, predictions: Predictions, scores: Scores): Report {
  const { confusion, ...rest } = scores
  const names = scores.classes.map(({ name }) => name)
  return {
    ...facts,
    dataset: dataset.name,
    scores: rest,
    classes: names,
    confusion: names.length <= MOST_CLASSES ? confusion.map(row => [...row]) : null,
    confusedPairs: confusedPairs(confusion, 20).map(({ label, predicted, images }) => ({
      label: names[label]!,
      predicted: names[predicted]!,
      images,
    })),
    worst: worstMistakes(predictions, WORST).map(mistake => {
      const index = predictions.indices[mistake.image]!
      return { ...mistake, index, file: 'files' in dataset ? dataset.files[index]! : null }
    }),
  }
}

/** What was recorded on the same images during training. */
export function trainingScores(
  {
    progress,
    recipe,
    dataset,
  }: { readonly progress: Progress | null; readonly recipe: Recipe | null; readonly dataset: DatasetIdentity | null },
  { name, split }: Dataset,
): TrainingScores | null {
  if (!progress?.final || !recipe || recipe.heldOut !== null || dataset?.name !== name) return null
  if (dataset.judgedBy === 'validation' && split !== 'validation') return null
  const { final: last, ranking } = progress
  const { epochs, patience } = recipe
  return { last, best: ranking[0] ?? null, epochs, finished: isFinished(epochs, patience, progress) }
}
