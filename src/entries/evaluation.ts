/** Scores of predictions, and the report.
 * @module densenet/evaluation */

export { evaluatePixels, type PixelPredictions } from '../evaluation/evaluate-pixels.js'
export type { MultiLabelReport } from '../evaluation/multi-label-page.js'
export {
  hasTargets,
  type MultiLabelClassScores,
  type MultiLabelPredictions,
  type MultiLabelScores,
  scoreMultiLabel,
} from '../evaluation/multi-label-scores.js'
export type { PixelReport } from '../evaluation/pixel-report.js'
export { type Report, type ReportFacts, type TrainingScores, trainingScores } from '../evaluation/report.js'
export { type Scores, scorePredictions } from '../evaluation/scores.js'
export { writePixelReport, writeReport } from '../evaluation/write-report.js'
