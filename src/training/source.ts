// Where batches come from.
import type { Batch } from '../images/dataset.js'

export interface EpochPart {
  readonly firstBatch?: number
  /** Default: all of them. */
  readonly wanted?: (batch: number) => boolean
}

/** Batches of an epoch (from 1) in their order; a loader is one. */
export interface BatchSource {
  readonly batchesPerEpoch: number
  /** Called before an epoch, by all ranks, whoever of them reads batches of it. */
  prepare?(epoch: number): Promise<void>
  epoch(epoch: number, options?: EpochPart): AsyncIterable<Batch>
}
