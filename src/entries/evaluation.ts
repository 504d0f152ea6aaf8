/** Scores of predictions, and the report.
 * @module densenet/evaluation */

export { evaluateAll } from '../evaluation/evaluate.js'
export type { MultiLabelReport } from '../evaluation/multi-label-page.js'
export {
  hasTargets,
  type MultiLabelClassScores,
  type MultiLabelPredictions,
  type MultiLabelScores,
  scoreMultiLabel,
} from '../evaluation/multi-label-scores.js'
export { type Report, type ReportFacts, type TrainingScores, trainingScores } from '../evaluation/report.js'
export { type Scores, scorePredictions } from '../evaluation/scores.js'
export { writeReport } from '../evaluation/write-report.js'
