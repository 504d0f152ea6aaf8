// How large the buffers are that outlive a run.
import type { Architecture } from '../model/architecture.js'
import { featureCount, featureLayer, POOLED } from '../model/feature-layers.js'
import { parameterTable } from '../model/parameters.js'
import { EXTERNAL_ROLES, type ExternalRole, type Program } from './program.js'

/** Elements of the buffer of each role, for batches of up to `batchSize` images; features are those of `layer`. */
export function externalElements(
  architecture: Architecture,
  batchSize: number,
  layer = POOLED,
): Record<ExternalRole, number> {
  const { parameterCount, runningCount } = parameterTable(architecture)
  const { inputChannels, height, width, classes } = architecture.config
  return {
    parameters: parameterCount,
    gradients: parameterCount,
    accumulated: parameterCount,
    velocity: parameterCount,
    firstMoment: parameterCount,
    secondMoment: parameterCount,
    average: parameterCount,
    running: runningCount,
    averageRunning: runningCount,
    input: batchSize * inputChannels * height * width,
    features: batchSize * featureCount(featureLayer(architecture, layer)),
    featureGradients: batchSize * featureCount(featureLayer(architecture, layer)),
    labels: batchSize,
    otherLabels: batchSize,
    share: batchSize,
    targets: batchSize * classes,
    classWeights: classes,
    logits: batchSize * classes,
    loss: batchSize,
    rank: batchSize,
  }
}

/** The roles that some of the programs name. */
export function rolesOf(programs: readonly Program[]): ExternalRole[] {
  const named = new Set(programs.flatMap(({ buffers }) => buffers.map(({ role }) => role)))
  return EXTERNAL_ROLES.filter(role => named.has(role))
}
