// The log of a run: one JSON object a line, for every step and epoch. Lines go to the disk about once a second and
// before each checkpoint, which notes the log's length, so that a resumed run continues where its checkpoint stood.
import { type FileHandle, open, rename } from 'node:fs/promises'
import { lastWholeLine, logLine } from '../fitting/log-line.js'
import { errorCode, writeError } from '../node/files.js'
import type { TrainingEvent } from '../training/events.js'

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

  /** Opens the log of a new run, dropping what was there. */
  static create(path: string): Promise<RunLog> {
    return RunLog.goOn(path, { logBytes: 0, step: 0 }, () => {})
  }

  /** Opens the log, dropping what comes after `logBytes`, its length when `step` steps were made. A log that is damaged is
   * no reason not to train: it goes on after its last whole line, and a warning says so. */
  static async goOn(
    path: string,
    { logBytes, step }: { readonly logBytes: number; readonly step: number },
    onWarning: (message: string) => void,
  ): Promise<RunLog> {
    try {
      const file = await open(path, 'a+').catch(async error => {
        if (errorCode(error) !== 'EISDIR') throw error
        await rename(path, `${path}.damaged`)
        return open(path, 'a+')
      })
      const { size } = await file.stat()
      const { end, lastStep } = await wholeLines(file, Math.min(size, logBytes))
      if (end !== logBytes || (lastStep ?? step) !== step) {
        onWarning(`${path} is damaged: it does not go up to step ${step}; the training does not need it and goes on`)
      }
      if (size > end) await file.truncate(end)
      return new RunLog(path, file, end)
    } catch (error) {
      throw writeError(error, path)
    }
  }

  write(event: TrainingEvent): void {
    this.#pending += logLine(event)
    // A failure shows at the next flush that somebody waits for.
    if (performance.now() - this.#flushed > FLUSH_MILLISECONDS) this.flush().catch(() => {})
  }

  /** Resolves to the length of the log when everything so far is on the disk: a checkpoint that outlives a power cut must
   * not know of lines that do not. */
  async sync(): Promise<number> {
    const length = await this.flush()
    try {
      await this.file.datasync()
    } catch (error) {
      throw writeError(error, this.path)
    }
    return length
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

/** Enough for the lines since the last step, and for that. */
const TAIL = 64 * 1024

/** Where the last whole line before `limit` ends, and the last step in the lines before that; null: none nearby. */
async function wholeLines(file: FileHandle, limit: number): Promise<{ end: number; lastStep: number | null }> {
  const start = Math.max(0, limit - TAIL)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(limit - start), 0, limit - start, start)
  const { end, lastStep } = lastWholeLine(buffer.subarray(0, bytesRead))
  return end === 0 && start > 0 ? wholeLines(file, start) : { end: start + end, lastStep }
}
