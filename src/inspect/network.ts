// What inspecting needs of a network; a DenseNet has it all.
import { type ComputeOptions, createBackend } from '../backends/registry.js'
import type { Backend } from '../engine/backend.js'
import type { SessionState } from '../engine/session.js'
import { usageError } from '../errors.js'
import type { NetworkInput } from '../images/network-input.js'
import type { ImportReport } from '../interop/import-weights.js'
import { architecture } from '../model/architecture.js'
import { parameterTable } from '../model/parameters.js'

export interface InspectedNetwork extends NetworkInput {
  readonly state: Pick<SessionState, 'parameters' | 'running'>
  /** Names in label order; empty: not known. */
  readonly classes: readonly string[]
  readonly multiLabel: boolean
  /** Of weights from elsewhere: whether they came with a classifier. */
  readonly imported?: ImportReport | null | undefined
}

/** On which backend. */
export type InspectOptions = ComputeOptions

/** Does `work` on the backend that was asked for. */
export async function onBackend<T>(
  { on, ...options }: InspectOptions,
  work: (backend: Backend) => Promise<T>,
): Promise<T> {
  if (on) return work(on)
  const made = await createBackend(options)
  try {
    return await work(made)
  } finally {
    made.dispose()
  }
}

/** A tensor of parameters by its name, [shape] one after the other. */
export function parametersOf(
  { config, state }: Pick<InspectedNetwork, 'config' | 'state'>,
  name: string,
): Float32Array | Float64Array {
  const found = parameterTable(architecture(config)).parameters.find(parameter => parameter.name === name)
  if (!found) throw usageError(`the network has no parameters ${JSON.stringify(name)}`)
  return state.parameters.subarray(found.offset, found.offset + found.count)
}
