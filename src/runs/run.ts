// A run lives in a folder: config.json (what was asked for), log.jsonl, last.safetensors (to go on from),
// last.previous.safetensors (the one before, should the last be damaged), best.safetensors (the best epoch), and where more
// than one of the best are kept, each as epoch-E.safetensors. While a process trains there, .lock says which.
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseNetError, usageError } from '../errors.js'
import type { Checkpoint } from '../fitting/checkpoint.js'
import type { OpenRun, Run, Standing } from '../fitting/place.js'
import { checkKept, fileOf, LAST_FILE, LOG_FILE, outdated, PREVIOUS_FILE } from '../fitting/run-files.js'
import type { RunSettings } from '../fitting/settings.js'
import type { DenseNetConfig } from '../model/config.js'
import { fileError, isDiskTrouble, keepAs } from '../node/files.js'
import { type Lock, takeLock } from '../node/lock.js'
import type { TrainingEvent } from '../training/events.js'
import type { Progress } from '../training/progress.js'
import type { Recipe } from '../training/recipe.js'
import type { SaveKind } from '../training/trainer.js'
import { writeCheckpoint } from './checkpoint.js'
import { RunLog } from './log.js'
import { filesOf, findRun, readRun } from './read-run.js'
import { refuseRun, writeSettings } from './run-settings.js'

/** Held while a process trains in the folder. */
export const LOCK_FILE = '.lock'
/** What a killed process may leave in the middle of a write. */
const LEFTOVER = /^(.+\.safetensors\.new|(config\.json|\.lock)\.\d+-[0-9a-f]+\.tmp)$/

/** A run in its folder, locked for this process until `close`. */
class FolderRun implements Run {
  constructor(
    readonly path: string,
    /** What was asked for. */
    readonly settings: RunSettings,
    /** Where it stood when it was opened, with its recipe, network and data set; null: it is new. */
    readonly checkpoint: Standing | null,
    private readonly lock: Lock,
    private log: RunLog | null,
  ) {}

  /** Opens the log for a run that goes on, dropping the lines after its checkpoint. */
  async continueLog(from: Pick<Progress, 'logBytes' | 'step'>, onWarning: (message: string) => void): Promise<void> {
    this.log ??= await RunLog.goOn(join(this.path, LOG_FILE), from, onWarning)
  }

  /** Adds an event to the log. */
  record(event: TrainingEvent): void {
    this.log?.write(event)
  }

  /** Saves a checkpoint; resolves to its path. */
  async save(kind: SaveKind, checkpoint: Checkpoint): Promise<string> {
    try {
      return await this.#save(kind, checkpoint)
    } catch (error) {
      if (!(error instanceof DenseNetError) || !isDiskTrouble(error)) throw error
      const hint = `${error.hint ?? 'Look after the disk.'} Then go on with: densenet train --resume ${this.path}`
      throw new DenseNetError(error.message, { hint, cause: error.cause })
    }
  }

  async #save(kind: SaveKind, { progress, ...checkpoint }: Checkpoint): Promise<string> {
    await this.#checkOurs()
    const logBytes = (await this.log?.sync()) ?? 0
    const path = join(this.path, fileOf(kind, progress))
    const isLast = kind === 'last'
    await writeCheckpoint(
      path,
      { ...checkpoint, progress: progress && { ...progress, logBytes }, ...(isLast ? { run: this.settings } : {}) },
      isLast ? join(this.path, PREVIOUS_FILE) : undefined,
    )
    // Only now that the last checkpoint knows the new ranking: a kill in between leaves one file too many, never too few.
    if (isLast) await prune(this.path, progress?.ranking ?? [])
    return path
  }

  /** Two processes that write here would spoil each other's run. */
  async #checkOurs(): Promise<void> {
    if (await this.lock.held()) return
    if (await stat(this.path).catch(() => null)) {
      throw new DenseNetError(`another process has begun to train in ${this.path} while this one slept; this one stops`)
    }
    throw new DenseNetError(`the folder ${this.path} is gone: it was moved or deleted during the training`)
  }

  /** Closes the log and gives the folder free. */
  async close(): Promise<void> {
    const log = this.log
    this.log = null
    try {
      await log?.close()
    } finally {
      await this.lock.release()
    }
  }
}

/** A new run. Refuses a folder that holds one. */
export async function createRun(
  path: string,
  settings: RunSettings,
  recipe: Recipe,
  config: DenseNetConfig,
): Promise<Run> {
  await refuseRun(path)
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw fileError(error, `making the folder ${path}`)
  }
  return locked(path, async lock => {
    // Another one may have begun since.
    await refuseRun(path)
    await writeSettings(path, settings, recipe, config)
    return new FolderRun(path, settings, null, lock, await RunLog.create(join(path, LOG_FILE)))
  })
}

/** The run in `path`, to go on with: its checkpoint is read once, here. `onWarning` hears of everything that is damaged.
 * Throws a sentence when there is nothing to go on with, or another process trains there. */
export async function openRun(path: string, onWarning: (message: string) => void): Promise<OpenRun> {
  await findRun(path)
  return locked(path, async lock => {
    const { settings, checkpoint, damaged } = await readRun(path, onWarning)
    const { progress, recipe } = checkpoint
    if (progress === null || recipe === null) {
      throw new DenseNetError(`${join(path, LAST_FILE)} holds a network, but no run to go on with`)
    }
    // Or the next checkpoint would make the damaged one the one before, in place of the only good one.
    if (damaged.last) await keepAs(join(path, PREVIOUS_FILE), join(path, LAST_FILE))
    if (damaged.settings) await writeSettings(path, settings, recipe, checkpoint.config)
    await checkKept(filesOf(path), progress, settings.keepBest, onWarning)
    await prune(path, progress.ranking)
    return new FolderRun(path, settings, { ...checkpoint, progress, recipe }, lock, null) as OpenRun
  })
}

/** Makes a folder of a run while nobody else works there; the lock goes with it. */
async function locked<T>(path: string, make: (lock: Lock) => Promise<T>): Promise<T> {
  const file = join(path, LOCK_FILE)
  const onWait = (holder: string): never => {
    const hint = `wait until it has ended, or stop it: ${holder}; if there is none, delete ${file}`
    throw usageError(`another process is training in ${path}`, hint)
  }
  const lock = await takeLock(file, { onWait })
  try {
    await removeFiles(path, names => names.filter(name => LEFTOVER.test(name)))
    return await make(lock)
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Takes the checkpoints of epochs away that are no longer among the best. */
async function prune(path: string, ranking: readonly { readonly epoch: number }[]): Promise<void> {
  await removeFiles(path, names => outdated(names, ranking))
}

async function removeFiles(path: string, unwanted: (names: readonly string[]) => readonly string[]): Promise<void> {
  try {
    for (const name of unwanted(await readdir(path))) await rm(join(path, name), { force: true })
  } catch (error) {
    throw fileError(error, `tidying ${path}`)
  }
}
