// What inspecting needs of a network; a DenseNet has it all.
import { type ComputeOptions, createBackend } from '../backends/registry.js'
import type { Backend } from '../engine/backend.js'
import type { SessionState } from '../engine/session.js'
import type { NetworkInput } from '../images/network-input.js'
import type { ImportReport } from '../interop/import-weights.js'
import type { Quantization } from '../model/quantization.js'

export interface InspectedNetwork extends NetworkInput {
  readonly state: Pick<SessionState, 'parameters' | 'running'>
  /** Names in label order; empty: not known. */
  readonly classes: readonly string[]
  readonly multiLabel: boolean
  /** Of weights from elsewhere: whether they came with a classifier. */
  readonly imported?: ImportReport | null | undefined
  readonly quantization?: Quantization | null | undefined
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
