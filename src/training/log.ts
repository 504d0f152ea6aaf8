// The log of a run: one JSON object a line, for every step and epoch. Lines go to the disk about once a second and
// before each checkpoint, which notes the log's length, so that a resumed run continues where its checkpoint stood.
import { type FileHandle, open } from 'node:fs/promises'
import { writeError } from './disk.js'
import type { TrainingEvent } from './events.js'

const FLUSH_MILLISECONDS = 1000

export class RunLog {
  #pending = ''
  #flushed = performance.now()
  #writing: Promise<void> = Promise.resolve()
  #failure: unknown

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    private length: number,
  ) {}

  /** Opens the log, dropping what comes after `keepBytes`. */
  static async open(path: string, keepBytes: number): Promise<RunLog> {
    try {
      const file = await open(path, 'a')
      const { size } = await file.stat()
      if (size > keepBytes) await file.truncate(keepBytes)
      return new RunLog(path, file, Math.min(size, keepBytes))
    } catch (error) {
      throw writeError(error, path)
    }
  }

  write(event: TrainingEvent): void {
    const record = logged(event)
    if (record === null) return
    this.#pending += `${JSON.stringify({ time: new Date().toISOString(), ...record })}\n`
    // A failure shows at the next flush that somebody waits for.
    if (performance.now() - this.#flushed > FLUSH_MILLISECONDS) this.flush().catch(() => {})
  }

  /** Resolves to the length of the log when everything so far is written. */
  async flush(): Promise<number> {
    const bytes = Buffer.from(this.#pending)
    this.#pending = ''
    this.#flushed = performance.now()
    this.#writing = this.#writing.then(async () => {
      if (this.#failure !== undefined || bytes.length === 0) return
      try {
        await this.file.writeFile(bytes)
        this.length += bytes.length
      } catch (error) {
        this.#failure = writeError(error, this.path)
      }
    })
    await this.#writing
    if (this.#failure !== undefined) throw this.#failure
    return this.length
  }

  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.file.close()
    }
  }
}

/** What of an event is worth a line. */
function logged(event: TrainingEvent): object | null {
  if (event.type === 'checkpoint' || event.type === 'evaluation' || event.type === 'features') return null
  if (event.type !== 'step') return event
  const { running: _, batchesPerEpoch: __, ...step } = event
  return step
}
