// How large the buffers are that outlive a run.
import { type Architecture, scoresOf } from '../model/architecture.js'
import { featureCount, featureLayer, featureLayers, POOLED } from '../model/feature-layers.js'
import { parameterTable } from '../model/parameters.js'
import { type BufferSpec, type ExternalRole, type Program, roomOf } from './program.js'

type Size = Pick<BufferSpec, 'elements' | 'perImage'>

/** Of the buffer of each role; features are those of `layer`. */
export function externalSizes(architecture: Architecture, layer?: string): Record<ExternalRole, Size> {
  const { parameterCount, runningCount } = parameterTable(architecture)
  const { inputChannels, height, width, classes } = architecture.config
  const inAll = (elements: number): Size => ({ elements })
  const ofEach = (elements: number): Size => ({ elements, perImage: true })
  const [parameters, running] = [inAll(parameterCount), inAll(runningCount)]
  // One that was asked for must be there; networks for pixels have none that is pooled.
  const pooled = featureLayers(architecture).find(({ name }) => name === POOLED)
  const read = layer === undefined ? pooled : featureLayer(architecture, layer)
  const features = ofEach(read ? featureCount(read) : 0)
  const scores = scoresOf(architecture)
  const pixels = ofEach(scores.height * scores.width)
  return {
    parameters,
    gradients: parameters,
    accumulated: parameters,
    velocity: parameters,
    firstMoment: parameters,
    secondMoment: parameters,
    average: parameters,
    running,
    averageRunning: running,
    batchStatistics: running,
    input: ofEach(inputChannels * height * width),
    features,
    featureGradients: features,
    labels: pixels,
    otherLabels: ofEach(1),
    share: ofEach(1),
    targets: ofEach(classes),
    classWeights: inAll(classes),
    logits: ofEach(featureCount(scores)),
    predicted: pixels,
    loss: ofEach(1),
    rank: ofEach(1),
  }
}

/** Elements that programs need of each role that they name. */
export function externalRooms(programs: readonly Program[]): Partial<Record<ExternalRole, number>> {
  const rooms: Partial<Record<ExternalRole, number>> = {}
  for (const { buffers, batchSize } of programs) {
    for (const { role, ...size } of buffers) {
      if (role !== 'transient') rooms[role] = Math.max(rooms[role] ?? 0, roomOf(size, batchSize))
    }
  }
  return rooms
}
