// The filters of the first convolution: the only ones that can be looked at as what they look for.
import { architecture } from '../model/architecture.js'
import { partsOf } from '../model/parts.js'
import type { InspectedNetwork } from './network.js'
import { parametersOf } from './parameters.js'

/** The filters of the first convolution. */
export interface Filters {
  /** Name of the tensor. */
  readonly name: string
  readonly count: number
  /** Of the image: 3 are red, green, blue. */
  readonly channels: number
  readonly size: number
  /** [count][channels][size][size] */
  readonly values: readonly number[]
}

/** The filters of the first convolution, as they are in the weights. */
export function firstFilters(network: Pick<InspectedNetwork, 'config' | 'state'>): Filters {
  const [stem] = architecture(network.config).layers
  const [{ input, output, size, parameters }] = partsOf(stem!.parts, 'convolution')
  const { name } = parameters[0]!
  return { name, count: output.channels, channels: input.channels, size, values: [...parametersOf(network, name)] }
}
