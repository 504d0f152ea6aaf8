// The event file of a run for TensorBoard, written while it trains. Trouble with it is a warning, never the end of the
// training.
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import type { Board } from '../fitting/place.js'
import type { Dataset } from '../images/dataset.js'
import { type BoardEvent, encodeEvent, encodeRecord } from '../interop/tensorboard.js'
import { writeError } from '../node/files.js'
import type { TrainingEvent } from '../training/events.js'
import type { Recipe } from '../training/recipe.js'
import { boardEvent } from './board-values.js'

/** In a run's folder. */
const BOARD_FOLDER = 'tensorboard'
const FLUSH_MILLISECONDS = 1000
const FILE = /^events\.out\.tfevents\.(\d{10})\./

/** The event files in a folder, the first one first; none where there is no folder. */
export async function eventFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter(name => FILE.test(name)).sort()
}

/** TensorBoard reads files in the order of their names: a new one comes after all that are there. */
export async function nextEventFile(folder: string, seconds = Date.now() / 1000): Promise<string> {
  const last = Number(FILE.exec((await eventFiles(folder)).at(-1) ?? '')?.[1] ?? 0)
  const number = String(Math.max(Math.floor(seconds), last + 1)).padStart(10, '0')
  return join(folder, `events.out.tfevents.${number}.${hostname()}.${process.pid}.densenet`)
}

/** Where a run that is asked for writes them; undefined: nowhere. A usage error when it cannot be there. */
export async function boardFolder(
  asked: boolean | string | undefined,
  run: string | undefined,
  goesOn: boolean,
): Promise<string | undefined> {
  const own = run === undefined ? undefined : join(run, BOARD_FOLDER)
  if (asked === true && own === undefined) {
    throw usageError('event files for TensorBoard need a folder', 'give one as tensorboard, or output')
  }
  const folder = typeof asked === 'string' ? asked : own
  if (folder === undefined || asked === false) return undefined
  if (!goesOn) {
    if (asked === undefined) return undefined
    await refuseEventFiles(folder)
  } else if (asked === undefined && (await eventFiles(folder)).length === 0) return undefined
  return folder
}

/** A usage error when a new run's events would mix with those of another. */
export async function refuseEventFiles(folder: string): Promise<void> {
  if ((await eventFiles(folder)).length === 0) return
  throw usageError(`${folder} already holds event files of TensorBoard`, 'choose another folder, or delete them')
}

const SHEET = { images: 8, columns: 8 }

export class BoardLog implements Board {
  #pending: Uint8Array[] = []
  #flushed = performance.now()
  #writing: Promise<void> = Promise.resolve()
  #failed = false

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    private readonly onWarning: (message: string) => void,
  ) {}

  /** `voidFrom`: of a run that goes on. */
  static async open(folder: string, voidFrom: number | null, onWarning: (message: string) => void): Promise<BoardLog> {
    try {
      await mkdir(folder, { recursive: true })
      const path = await nextEventFile(folder)
      const log = new BoardLog(path, await open(path, 'wx'), onWarning)
      log.#add({ version: true })
      if (voidFrom !== null) log.#add({ start: true, step: voidFrom })
      return log
    } catch (error) {
      throw writeError(error, folder)
    }
  }

  write(event: TrainingEvent): void {
    const shown = boardEvent(event)
    if (shown) this.#add(shown)
    if (performance.now() - this.#flushed > FLUSH_MILLISECONDS) void this.flush()
  }

  async draw(dataset: Dataset, { augmentation, seed }: Recipe): Promise<void> {
    try {
      const { drawSheet } = await import('../data/loading/sheet.js')
      const image = await drawSheet(dataset, { ...SHEET, augmentation, seed })
      this.#add({ step: 0, values: [{ tag: 'training_images', image }] })
    } catch (error) {
      this.onWarning(`TensorBoard gets no images: ${(error as Error).message}`)
    }
  }

  #add(event: BoardEvent): void {
    if (!this.#failed) this.#pending.push(encodeRecord(encodeEvent(event, Date.now() / 1000)))
  }

  /** Resolves when everything so far is written, or was given up. */
  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pending)
    this.#pending = []
    this.#flushed = performance.now()
    this.#writing = this.#writing.then(async () => {
      if (this.#failed || bytes.length === 0) return
      await this.file.writeFile(bytes).catch(error => this.#fail(error))
    })
    await this.#writing
  }

  #fail(error: unknown): void {
    this.#failed = true
    this.#pending = []
    const { message } = writeError(error, this.path) as Error
    this.onWarning(`${message}; TensorBoard gets no more of this run, the training goes on`)
  }

  async close(): Promise<void> {
    await this.flush()
    await this.file.close().catch(() => {})
  }
}
