// The loader's worker threads and the state of its slots. Jobs go to the workers in turn; they hold the process alive
// only while somebody waits for them.

import { Worker } from 'node:worker_threads'
import type { BatchJob, Written } from '../../batches/batch-writer.js'
import type { Pool, PoolSetup } from '../../batches/loader.js'
import { DenseNetError } from '../../errors.js'
import { abortedError } from '../../util/abort.js'
import type { JobAnswer, JobMessage } from './loader-worker.js'

export interface WorkerSetup extends PoolSetup {
  /** [1]: the number of the current run through an epoch, shared. */
  readonly generation: Int32Array
}

interface Slot {
  busy: boolean
  written: Written
  error: string | undefined
}

const NOTHING: Written = { size: 0, unreadable: [] }

export class WorkerPool implements Pool {
  readonly #count: number
  readonly #setup: WorkerSetup
  readonly #slots: Slot[]
  #workers: Worker[] = []
  #next = 0
  #failure: DenseNetError | undefined
  #disposed = false
  /** Called at every change of a slot, of failure or of disposal. */
  #wake = new Set<() => void>()

  constructor(count: number, setup: PoolSetup) {
    this.#count = count
    this.#setup = { ...setup, generation: new Int32Array(new SharedArrayBuffer(4)) }
    this.#slots = setup.slots.map(() => ({ busy: false, written: NOTHING, error: undefined }))
  }

  /** Waits until no job of an abandoned run writes into a slot any more. */
  async startEpoch(): Promise<void> {
    this.#start()
    Atomics.add(this.#setup.generation, 0, 1)
    await this.#until(() => this.#slots.every(slot => !slot.busy))
    for (const slot of this.#slots) slot.error = undefined
  }

  /** Jobs not yet begun will not be done. */
  endEpoch(): void {
    Atomics.add(this.#setup.generation, 0, 1)
  }

  submit(slot: number, job: BatchJob): void {
    this.#slots[slot]!.busy = true
    const message: JobMessage = { slot, generation: Atomics.load(this.#setup.generation, 0), job }
    this.#workers[this.#next]!.postMessage(message)
    this.#next = (this.#next + 1) % this.#count
  }

  async ready(slot: number, signal?: AbortSignal): Promise<Written> {
    await this.#until(() => !this.#slots[slot]!.busy, signal)
    const { error, written } = this.#slots[slot]!
    if (error !== undefined) throw new DenseNetError(`a batch could not be prepared: ${error}`)
    return written
  }

  async dispose(): Promise<void> {
    this.#disposed = true
    this.#changed()
    for (const worker of this.#workers) worker.ref()
    await Promise.all(this.#workers.map(worker => worker.terminate()))
  }

  #start(): void {
    while (this.#workers.length < this.#count && !this.#disposed) {
      // No flags of the parent (a test runner's, a debugger's): the worker is plain compiled JavaScript.
      const worker = new Worker(new URL('./loader-worker.js', import.meta.url), {
        name: 'densenet loader',
        workerData: this.#setup,
        execArgv: [],
      })
      worker.unref()
      worker.on('message', ({ slot, error, written = NOTHING }: JobAnswer) => {
        this.#slots[slot] = { busy: false, written, error }
        this.#changed()
      })
      worker.on('error', error => this.#fail(`a loader thread failed: ${error.message}`, error))
      worker.on('exit', code => {
        if (!this.#disposed) this.#fail(`a loader thread ended unexpectedly (exit code ${code})`)
      })
      this.#workers.push(worker)
    }
  }

  #fail(message: string, cause?: unknown): void {
    this.#failure ??= new DenseNetError(message, { cause })
    this.#changed()
  }

  #changed(): void {
    for (const wake of [...this.#wake]) wake()
  }

  async #until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    const check = (): boolean => {
      if (this.#disposed) throw new DenseNetError('the loader was disposed of while its batches were in use')
      if (this.#failure !== undefined) throw this.#failure
      if (signal?.aborted) throw abortedError('loading batches')
      return condition()
    }
    if (check()) return
    for (const worker of this.#workers) worker.ref()
    try {
      await new Promise<void>((resolve, reject) => {
        const wake = () => {
          try {
            if (check()) done(resolve)
          } catch (error) {
            done(() => reject(error))
          }
        }
        const done = (settle: () => void) => {
          this.#wake.delete(wake)
          signal?.removeEventListener('abort', wake)
          settle()
        }
        this.#wake.add(wake)
        signal?.addEventListener('abort', wake, { once: true })
      })
    } finally {
      if (this.#wake.size === 0) for (const worker of this.#workers) worker.unref()
    }
  }
}
