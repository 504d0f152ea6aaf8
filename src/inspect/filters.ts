// The filters of the first convolution: the only ones that can be looked at as what they look for.
import type { InspectedNetwork } from './network.js'
import { parametersOf } from './network.js'

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
  const { initialChannels: count, inputChannels: channels, stem } = network.config
  const name = 'features.conv0.weight'
  return { name, count, channels, size: stem === 'cifar' ? 3 : 7, values: [...parametersOf(network, name)] }
}
