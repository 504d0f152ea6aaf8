// A network's tensors by their names.
import { usageError } from '../errors.js'
import { architecture } from '../model/architecture.js'
import { parameterTable } from '../model/parameters.js'
import type { InspectedNetwork } from './network.js'

/** A tensor of parameters by its name, [shape] one after the other. */
export function parametersOf(
  { config, state }: Pick<InspectedNetwork, 'config' | 'state'>,
  name: string,
): Float32Array | Float64Array {
  const found = parameterTable(architecture(config)).parameters.find(parameter => parameter.name === name)
  if (!found) throw usageError(`the network has no parameters ${JSON.stringify(name)}`)
  return state.parameters.subarray(found.offset, found.offset + found.count)
}
