// A worker thread of the loader: takes jobs, writes batches into the shared slots, says when each is done.

import { parentPort, workerData } from 'node:worker_threads'
import { type BatchJob, makeBatchWriter } from './batch-writer.js'
import type { WorkerSetup } from './loader-pool.js'

/** `generation`: the epoch run the job belongs to; jobs of an abandoned run are answered without being done. */
export interface JobMessage {
  readonly slot: number
  readonly generation: number
  readonly job: BatchJob
}

export interface JobAnswer {
  readonly slot: number
  readonly error?: string
}

const { store, slots, generation } = workerData as WorkerSetup
const port = parentPort!
const write = makeBatchWriter(store)

port.on('message', (message: JobMessage) => {
  let answer: JobAnswer = { slot: message.slot }
  try {
    if (message.generation === Atomics.load(generation, 0)) write(message.job, slots[message.slot]!)
  } catch (error) {
    answer = { slot: message.slot, error: error instanceof Error ? error.message : String(error) }
  }
  port.postMessage(answer)
})
