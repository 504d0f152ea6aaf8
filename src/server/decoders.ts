// Threads that decode. A job whose request is over before its turn is never begun; one that has begun is finished, and
// nobody waits for it.
import { Tinypool } from 'tinypool'
import type { Decoded, DecodeJob } from './decode-worker.js'

export class Decoders {
  private readonly pool: Tinypool
  private free: number
  private readonly waiting: { readonly begin: () => Promise<void>; readonly signal: AbortSignal }[] = []

  constructor(threads: number) {
    this.free = threads
    const filename = new URL('./decode-worker.js', import.meta.url).href
    this.pool = new Tinypool({ filename, minThreads: threads, maxThreads: threads })
  }

  /** Rejects with the signal's reason when that aborts. */
  decode(job: DecodeJob, signal: AbortSignal): Promise<Decoded> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      const begin = async (): Promise<void> => {
        this.free--
        await this.pool.run(job).then(resolve, reject)
        this.free++
        this.next()
      }
      this.waiting.push({ begin, signal })
      this.next()
    })
  }

  close(): Promise<void> {
    return this.pool.destroy()
  }

  private next(): void {
    while (this.free > 0 && this.waiting.length > 0) {
      const { begin, signal } = this.waiting.shift()!
      if (!signal.aborted) void begin()
    }
  }
}
