// How well a network does, in words: first what it is judged by.
import { basename } from 'node:path'
import type { TrainingScores } from '../entries/evaluation.js'
import { BEST_FILE, type Checkpoint } from '../entries/runs.js'
import { judgedBy } from '../entries/training.js'
import type { Dataset, Metrics } from '../index.js'
import { percent } from './format.js'

/** "error 5.32 %", "mean IoU 45.60 %" */
export function judged(score: Metrics): string {
  const { name, value } = judgedBy(score)
  return `${name} ${value === null ? '–' : percent(value)}`
}

/** The same, of pixels with their error. */
export const figure = (score: Metrics): string =>
  score.meanIou === undefined ? judged(score) : `${judged(score)}  pixel error ${percent(score.top1Error)}`

interface Tested {
  readonly path: string
  readonly checkpoint: Checkpoint
  readonly dataset: Dataset
}

/** What training said of the images that a checkpoint is tested on, and whether they chose it. */
export function trainedWords(training: TrainingScores | null, { path, checkpoint, dataset }: Tested): string[] {
  if (!training) return []
  const chosen = basename(path) === BEST_FILE && picked(checkpoint, dataset)
  const doubt = `this checkpoint was picked on these images: its ${judgedBy(training.last).name} is optimistic`
  return [...(chosen ? [doubt] : []), ...trainingLines(training)]
}

/** Whether the images are those that chose the best checkpoint. */
const picked = ({ recipe, dataset: trained }: Checkpoint, { name, split }: Dataset): boolean =>
  recipe?.heldOut === null && trained?.name === name && (trained.judgedBy === undefined || trained.judgedBy === split)

function trainingLines({ last, best, epochs, finished }: TrainingScores): string[] {
  const lastName = finished ? 'final in training' : `in training so far (epoch ${last.epoch} of ${epochs})`
  const lines = [`${lastName}: ${figure(last)}`]
  if (best) {
    lines.push(`best in training: ${figure(best)} after epoch ${best.epoch}: picked on these images, so optimistic`)
  }
  return lines
}
