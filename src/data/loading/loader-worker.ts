// A worker thread of the loader: takes jobs, writes batches into the shared slots, says when each is done.

import { parentPort, workerData } from 'node:worker_threads'
import { type BatchJob, makeBatchWriter, type Written } from '../../batches/batch-writer.js'
import { decodeImageFile } from './decode.js'
import type { WorkerSetup } from './loader-pool.js'
import { decodeMaskFile } from './png-mask.js'

/** `generation`: the epoch run the job belongs to; jobs of an abandoned run are answered without being done. */
export interface JobMessage {
  readonly slot: number
  readonly generation: number
  readonly job: BatchJob
}

export interface JobAnswer {
  readonly slot: number
  /** Absent when the job was not done. */
  readonly written?: Written
  readonly error?: string
}

const { store, slots, generation } = workerData as WorkerSetup
const port = parentPort!
const write = makeBatchWriter(store, decodeImageFile, decodeMaskFile)

async function answerTo({ slot, job, generation: wanted }: JobMessage): Promise<JobAnswer> {
  try {
    return wanted === Atomics.load(generation, 0) ? { slot, written: await write(job, slots[slot]!) } : { slot }
  } catch (error) {
    return { slot, error: error instanceof Error ? error.message : String(error) }
  }
}

// One after the other: jobs that wait for files must not pile up.
let done: Promise<unknown> = Promise.resolve()
port.on('message', (message: JobMessage) => {
  done = done.then(async () => port.postMessage(await answerTo(message)))
})
