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

/** What is made for a role. */
export type Room = Required<Pick<BufferSpec, 'elements' | 'elementType'>>

/** What programs need of each role that they name. */
export function externalRooms(programs: readonly Program[]): Partial<Record<ExternalRole, Room>> {
  const rooms: Partial<Record<ExternalRole, Room>> = {}
  for (const { buffers, batchSize } of programs) {
    for (const { role, elementType = 'float32', ...size } of buffers) {
      if (role === 'transient') continue
      rooms[role] = { elementType, elements: Math.max(rooms[role]?.elements ?? 0, roomOf(size, batchSize)) }
    }
  }
  return rooms
}
