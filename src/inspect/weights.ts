// What the numbers of a checkpoint are like, tensor by tensor.
import { architecture } from '../model/architecture.js'
import { parameterTable, type TensorEntry } from '../model/parameters.js'
import { type NumberStatistics, statisticsOf } from '../util/statistics.js'
import type { InspectedNetwork } from './network.js'

export interface WeightStatistics extends NumberStatistics {
  /** torchvision's */
  readonly name: string
  readonly shape: readonly number[]
  /** `convolution`, `gamma`, `beta`, `weight`, `bias`, or `running` for a statistic of a batch norm. */
  readonly role: string
}

/** Of all parameters in their order, then of all running statistics. */
export function weightStatistics({
  config,
  state,
  imported,
}: Pick<InspectedNetwork, 'config' | 'state' | 'imported'>): WeightStatistics[] {
  const { parameters, running } = parameterTable(architecture(config))
  const one = (values: Float32Array | Float64Array, { name, shape, offset, count }: TensorEntry, role: string) => ({
    name,
    shape,
    role,
    ...statisticsOf(values.subarray(offset, offset + count)),
  })
  // A classifier that did not come with the weights is none of theirs.
  const own = ({ name }: TensorEntry): boolean => !imported?.headless || !name.startsWith('classifier.')
  return [
    ...parameters.filter(own).map(entry => one(state.parameters, entry, entry.role)),
    ...running.map(entry => one(state.running, entry, 'running')),
  ]
}
