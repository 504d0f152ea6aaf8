// A run lives in a folder: config.json (what was asked for), log.jsonl, last.safetensors (to go on from),
// last.previous.safetensors (the one before, should the last be damaged), best.safetensors (lowest error), and where more
// than one of the best are kept, each as epoch-E.safetensors.
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { withLock } from '../data/lock.js'
import { DenseNetError, usageError } from '../errors.js'
import type { DenseNetConfig } from '../model/config.js'
import { errorCode, fileError, writeFileAtomically } from '../util/files.js'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js'
import type { TrainingEvent } from './events.js'
import { RunLog } from './log.js'
import { type MemoryChoice, memoryChoices } from './memory.js'
import type { Recipe } from './recipe.js'
import type { SaveKind } from './trainer.js'

export const CONFIG_FILE = 'config.json'
export const LOG_FILE = 'log.jsonl'
export const LAST_FILE = 'last.safetensors'
export const PREVIOUS_FILE = 'last.previous.safetensors'
export const BEST_FILE = 'best.safetensors'
const epochFile = (epoch: number): string => `epoch-${epoch}.safetensors`
/** Held while a process trains in the folder. */
export const LOCK_FILE = '.lock'

const settingsSchema = z.looseObject({
  model: z.string(),
  dataset: z.string(),
  dataFolder: z.string().nullable(),
  memory: z.enum(memoryChoices),
  backend: z.string(),
  threads: z.int().nullable(),
  computer: z.string(),
  keepBest: z.int().min(1),
})

/** What was asked for, for people and for `--resume`. Numbers to go on with are in the checkpoint. */
export interface RunSettings {
  /** A preset's name, or a description. */
  readonly model: string
  readonly dataset: string
  /** Where its data are, when not in the cache folder. */
  readonly dataFolder: string | null
  readonly memory: MemoryChoice
  readonly backend: string
  /** As asked for; null: one per core. */
  readonly threads: number | null
  /** What it computes on, for a warning: other instructions may round differently. */
  readonly computer: string
  /** How many of the best epochs' checkpoints are kept. */
  readonly keepBest: number
}

export class RunFolder {
  private constructor(
    readonly path: string,
    private log: RunLog | null,
  ) {}

  /** A new run. Refuses a folder that holds one. */
  static async create(path: string, settings: RunSettings, recipe: Recipe, config: DenseNetConfig): Promise<RunFolder> {
    await refuseRun(path)
    try {
      await mkdir(path, { recursive: true })
    } catch (error) {
      throw fileError(error, `making the folder ${path}`)
    }
    await writeFileAtomically(join(path, CONFIG_FILE), `${JSON.stringify({ ...settings, recipe, config }, null, 2)}\n`)
    return new RunFolder(path, await RunLog.open(join(path, LOG_FILE), 0))
  }

  /** The run in `path`, its settings and the checkpoint to go on from. `onWarning` hears when that is not the last. */
  static async open(
    path: string,
    onWarning: (message: string) => void,
  ): Promise<{ folder: RunFolder; settings: RunSettings; checkpoint: Checkpoint }> {
    const settings = await readSettings(path)
    const checkpoint = await newest(path, onWarning)
    if (checkpoint.progress === null || checkpoint.recipe === null) {
      throw new DenseNetError(`${join(path, LAST_FILE)} holds a network, but no run to go on with`)
    }
    return { folder: new RunFolder(path, null), settings, checkpoint }
  }

  /** Does `work` while no other process trains in this folder. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const onWait = (): never => {
      throw usageError(`another process is training in ${this.path}`, 'wait until it has ended, or stop it')
    }
    return withLock(join(this.path, LOCK_FILE), work, { onWait })
  }

  /** Opens the log for a run that goes on, dropping the lines after its checkpoint. */
  async continueLog(bytes: number): Promise<void> {
    this.log ??= await RunLog.open(join(this.path, LOG_FILE), bytes)
  }

  record(event: TrainingEvent): void {
    this.log?.write(event)
  }

  /** Saves a checkpoint; resolves to its path. */
  async save(kind: SaveKind, checkpoint: Checkpoint): Promise<string> {
    const logBytes = (await this.log?.flush()) ?? 0
    const { progress } = checkpoint
    const files = { last: LAST_FILE, best: BEST_FILE, kept: epochFile((progress?.epoch ?? 1) - 1) }
    const path = join(this.path, files[kind])
    await writeCheckpoint(
      path,
      { ...checkpoint, progress: progress && { ...progress, logBytes } },
      kind === 'last' ? join(this.path, PREVIOUS_FILE) : undefined,
    )
    // Only now that the last checkpoint knows the new ranking: a kill in between leaves one file too many, never too few.
    if (kind === 'last') await this.#prune(progress?.ranking ?? [])
    return path
  }

  /** Takes the checkpoints of epochs away that are no longer among the best. */
  async #prune(ranking: readonly { readonly epoch: number }[]): Promise<void> {
    const kept = new Set(ranking.map(({ epoch }) => epochFile(epoch)))
    for (const file of await readdir(this.path)) {
      if (/^epoch-\d+\.safetensors$/.test(file) && !kept.has(file)) await rm(join(this.path, file), { force: true })
    }
  }

  async close(): Promise<void> {
    const log = this.log
    this.log = null
    await log?.close()
  }
}

/** A usage error when `path` cannot become a new run. */
export async function refuseRun(path: string): Promise<void> {
  const found = await stat(path).catch(() => null)
  if (found && !found.isDirectory()) throw usageError(`${path} is a file, not a folder`)
  for (const file of [CONFIG_FILE, LAST_FILE]) {
    if (!(await exists(join(path, file)))) continue
    const hint = `go on with it: densenet train --resume ${path}; or choose another folder`
    throw usageError(`${path} already holds a run`, hint)
  }
}

export async function readSettings(path: string): Promise<RunSettings> {
  if (!(await exists(path))) throw usageError(`there is no folder ${path}`)
  let json: unknown
  try {
    json = JSON.parse(await readFile(join(path, CONFIG_FILE), 'utf8'))
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') {
      throw usageError(`${path} holds no run: it has no ${CONFIG_FILE}`)
    }
    throw new DenseNetError(`${join(path, CONFIG_FILE)} is damaged: ${(cause as Error).message}`, { cause })
  }
  const parsed = settingsSchema.safeParse(json)
  if (!parsed.success) {
    throw new DenseNetError(`${join(path, CONFIG_FILE)} is damaged: it lacks ${parsed.error.issues[0]!.path.join('.')}`)
  }
  return parsed.data
}

/** A checkpoint file, or a run's folder, which stands for its last checkpoint; `name` of the model where it is known. */
export async function openCheckpoint(
  path: string,
  onWarning: (message: string) => void,
): Promise<{ checkpoint: Checkpoint; name: string | null }> {
  const found = await stat(path).catch(() => null)
  if (found === null) throw usageError(`there is no checkpoint or run folder ${path}`)
  if (!found.isDirectory()) return { checkpoint: await readCheckpoint(path), name: null }
  const { model } = await readSettings(path)
  return { checkpoint: await newest(path, onWarning), name: model }
}

/** The checkpoint that a run folder stands for: its last, or the one before should that be damaged. */
async function newest(path: string, onWarning: (message: string) => void): Promise<Checkpoint> {
  try {
    return await readCheckpoint(join(path, LAST_FILE))
  } catch (error) {
    if (!(error instanceof DenseNetError)) throw error
    const previous = await readCheckpoint(join(path, PREVIOUS_FILE)).catch(() => null)
    if (previous === null) throw error
    const { epoch = 0, nextBatch = 0 } = previous.progress ?? {}
    onWarning(`${error.message}; going on from the checkpoint before it: epoch ${epoch}, step ${nextBatch}`)
    return previous
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
