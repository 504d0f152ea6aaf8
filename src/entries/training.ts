/** Recipes, schedules, metrics. Loads anywhere.
 * @module densenet/training */

export { judgedBy, type Measure } from '../training/judged.js'
export { addMetrics, averageMetrics, type MetricSums, NO_METRICS } from '../training/metrics.js'
export { type ClassRanking, meanRanking, type RankingMeans, rankClasses } from '../training/multi-label.js'
export { type PixelScores, pixelScores } from '../training/pixels.js'
export { isFinished, type Progress } from '../training/progress.js'
export {
  hasOwnProbabilities,
  isMeant,
  type LossName,
  lossNames,
  mixes,
  NEEDS_BOTH,
  type OptimizerName,
  optimizerNames,
  PAPER_RECIPE,
  type Recipe,
  recipeSettings,
  resolveRecipe,
  spelled,
} from '../training/recipe.js'
export { type NamedRecipe, namedRecipe, type RecipeName, recipeNames } from '../training/recipes.js'
export * from '../training/schedule.js'
