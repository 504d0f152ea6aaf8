// Follows a growing log: whole lines as they come, however the file is cut into writes. A line without its end waits
// for it. A log that was cut short, replaced or rewritten begins anew.
import { type FileHandle, open } from 'node:fs/promises'
import { errorCode } from '../node/files.js'

const CHUNK = 1 << 20
/** A longer line is no line of a log. */
const LONGEST_LINE = 1 << 26
const REMEMBERED = 64

export interface LineReader {
  line(text: string): void
  /** All that was read before is void. */
  reset(): void
}

export class LogFollower {
  /** Bytes of whole lines that were read. */
  #offset: number
  /** Which file that was, and what stood before the offset: should another file take its place. */
  #inode: bigint | number = 0
  #before: Buffer = Buffer.alloc(0)
  #skipping = false

  /** `from`: where a line begins. */
  constructor(
    readonly path: string,
    private readonly reader: LineReader,
    from = 0,
  ) {
    this.#offset = from
  }

  /** Reads what is new, up to the end that the file has now; between pieces the event loop runs. */
  async read(signal?: AbortSignal): Promise<void> {
    let file: FileHandle
    try {
      file = await open(this.path, 'r')
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      this.#begin(0)
      return
    }
    try {
      const { size, ino } = await file.stat()
      if (ino !== this.#inode || size < this.#offset || !(await this.#isSame(file))) this.#begin(ino)
      await this.#readTo(file, size, signal)
    } finally {
      await file.close()
    }
  }

  #begin(inode: number): void {
    if (this.#inode !== 0) {
      this.#offset = 0
      this.#before = Buffer.alloc(0)
      this.#skipping = false
      this.reader.reset()
    }
    this.#inode = inode
  }

  async #isSame(file: FileHandle): Promise<boolean> {
    const { length } = this.#before
    if (length === 0) return true
    const now = Buffer.alloc(length)
    await file.read(now, 0, length, this.#offset - length)
    return now.equals(this.#before)
  }

  async #readTo(file: FileHandle, size: number, signal: AbortSignal | undefined): Promise<void> {
    let chunk: Buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, size - this.#offset)))
    while (this.#offset < size && !signal?.aborted) {
      const wanted = Math.min(chunk.length, size - this.#offset)
      const { bytesRead } = await file.read(chunk, 0, wanted, this.#offset)
      if (bytesRead === 0) return
      const used = this.#lines(chunk.subarray(0, bytesRead))
      if (used > 0) {
        this.#before = Buffer.from(chunk.subarray(Math.max(0, used - REMEMBERED), used))
        this.#offset += used
      } else if (this.#offset + bytesRead >= size) return
      else if (chunk.length < LONGEST_LINE) chunk = Buffer.allocUnsafe(2 * chunk.length)
      else {
        this.#skipping = true
        this.#offset += bytesRead
        this.#before = Buffer.alloc(0)
      }
    }
  }

  /** Hands the whole lines on; returns their bytes. */
  #lines(chunk: Buffer): number {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(10, start)
      if (end < 0) return start
      if (this.#skipping) this.reader.line('')
      else if (end > start) this.reader.line(chunk.toString('utf8', start, end))
      this.#skipping = false
      start = end + 1
    }
  }
}

/** Where in a log to begin so that its last so many `epoch` lines and all after them are read: a line's beginning. */
export async function lastEpochsOffset(path: string, epochs: number): Promise<number> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const mark = '"type":"epoch"'
    const chunk = Buffer.allocUnsafe(Math.min(size, CHUNK))
    let left = epochs
    // Pieces overlap, lest the mark be cut, but not by a whole one.
    for (let end = size; end > 0 && size - end < LONGEST_LINE; end -= CHUNK - mark.length + 1) {
      const start = Math.max(0, end - CHUNK)
      const { bytesRead } = await file.read(chunk, 0, end - start, start)
      const bytes = chunk.subarray(0, bytesRead)
      for (let at = bytes.lastIndexOf(mark); at > 0; at = bytes.lastIndexOf(mark, at - 1)) {
        if (--left > 0) continue
        const before = bytes.subarray(0, at).lastIndexOf(10)
        if (before >= 0 || start === 0) return start + before + 1
      }
      if (start === 0) return 0
    }
    const { bytesRead } = await file.read(chunk, 0, chunk.length, Math.max(0, size - CHUNK))
    return Math.max(0, size - CHUNK) + chunk.subarray(0, bytesRead).indexOf(10) + 1
  } finally {
    await file.close()
  }
}
