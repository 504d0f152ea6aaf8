// Images of many requests, gathered into batches for the network: while it works on one batch the next one grows; an idle
// network waits a moment for company. An image whose request is over is dropped before it costs anything.
import { DenseNetError } from '../errors.js'

/** What is asked of the network for an image. Those of a batch ask for the same. */
export type Question = 'classify' | 'features'

export interface BatcherOptions {
  readonly batchSize: number
  readonly maxWaitMilliseconds: number
  /** Numbers of one image. */
  readonly imageSize: number
  /** `images` [size][imageSize]; resolves to [size][answer]. */
  readonly run: (question: Question, images: Float32Array, size: number) => Promise<Float32Array>
  readonly onBatch: (size: number, seconds: number) => void
}

interface Waiting {
  readonly question: Question
  readonly image: Float32Array
  readonly signal: AbortSignal
  readonly since: number
  readonly resolve: (answer: Float32Array) => void
  readonly reject: (error: unknown) => void
}

export class Batcher {
  private queue: Waiting[] = []
  private running: Promise<void> | null = null
  private timer: NodeJS.Timeout | undefined
  private closed = false
  private readonly batch: Float32Array

  constructor(private readonly options: BatcherOptions) {
    this.batch = new Float32Array(options.batchSize * options.imageSize)
  }

  /** Images that wait; not those that the network works on. */
  get waiting(): number {
    return this.queue.length
  }

  /** The network's answer for one image. Rejects with the signal's reason when that aborts before. */
  ask(question: Question, image: Float32Array, signal: AbortSignal): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      if (this.closed) throw new DenseNetError('the network was disposed of')
      signal.throwIfAborted()
      const waiting = { question, image, signal, since: performance.now(), resolve, reject }
      // An aborted one is left in its place only if the network has it already.
      const onAbort = (): void => {
        this.queue = this.queue.filter(other => other !== waiting)
        reject(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.queue.push(waiting)
      this.consider()
    })
  }

  /** Resolves when the batch that runs is done; what still waits is rejected. */
  async close(): Promise<void> {
    this.closed = true
    clearTimeout(this.timer)
    for (const { reject } of this.queue.splice(0)) reject(new DenseNetError('the network was disposed of'))
    await this.running
  }

  /** Starts a batch, or sets the clock for it. */
  private consider(): void {
    clearTimeout(this.timer)
    const first = this.queue[0]
    if (this.running || first === undefined) return
    const { batchSize, maxWaitMilliseconds } = this.options
    const left = first.since + maxWaitMilliseconds - performance.now()
    if (left > 0 && this.queue.filter(({ question }) => question === first.question).length < batchSize) {
      this.timer = setTimeout(() => this.consider(), Math.ceil(left))
      return
    }
    this.running = this.next(first.question).finally(() => {
      this.running = null
      this.consider()
    })
  }

  private async next(question: Question): Promise<void> {
    const { batchSize, imageSize, run, onBatch } = this.options
    const chosen = this.queue.filter(waiting => waiting.question === question).slice(0, batchSize)
    this.queue = this.queue.filter(waiting => !chosen.includes(waiting))
    chosen.forEach(({ image }, i) => {
      this.batch.set(image, i * imageSize)
    })
    const start = performance.now()
    try {
      const answers = await run(question, this.batch.subarray(0, chosen.length * imageSize), chosen.length)
      onBatch(chosen.length, (performance.now() - start) / 1000)
      const width = answers.length / chosen.length
      chosen.forEach(({ resolve }, i) => {
        resolve(answers.slice(i * width, (i + 1) * width))
      })
    } catch (error) {
      for (const { reject } of chosen) reject(error)
    }
  }
}
