// A run in the origin's private file system, in a folder with the files of Node's (runs/run.ts): the same bytes, so that the
// folder may be copied from one place to the other. A checkpoint is written beside under another name, then renamed; a tab
// may be closed at any moment.
import { DenseNetError, usageError } from '../errors.js'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../fitting/checkpoint.js'
import { lastWholeLine, logLine } from '../fitting/log-line.js'
import type { OpenRun, Run, Standing } from '../fitting/place.js'
import {
  checkKept,
  fileOf,
  LAST_FILE,
  LOG_FILE,
  newest,
  noCheckpoint,
  outdated,
  PREVIOUS_FILE,
  type RunFiles,
} from '../fitting/run-files.js'
import { CONFIG_FILE, decodeSettings, encodeSettings, type RunSettings } from '../fitting/settings.js'
import type { DenseNetConfig } from '../model/config.js'
import type { TrainingEvent } from '../training/events.js'
import type { Progress } from '../training/progress.js'
import type { Recipe } from '../training/recipe.js'
import type { SaveKind } from '../training/trainer.js'
import { Sha256 } from '../util/sha256.js'
import { Folder, type OpenLog } from './folder.js'

const createHash = (): Sha256 => new Sha256()

class StoredRun implements Run {
  #log: OpenLog | null = null

  constructor(
    readonly path: string,
    readonly settings: RunSettings,
    readonly checkpoint: Standing | null,
    private readonly folder: Folder,
  ) {}

  /** A log that is damaged is no reason not to train: it goes on after its last whole line, and a warning says so. */
  async continueLog(
    { logBytes, step }: Pick<Progress, 'logBytes' | 'step'>,
    onWarning: (message: string) => void,
  ): Promise<void> {
    if (this.#log) return
    this.#log = await this.folder.openLog(LOG_FILE)
    const { end, lastStep } = lastWholeLine(this.#log.before(logBytes))
    if (end !== logBytes || (lastStep ?? step) !== step) {
      const name = `${this.path}/${LOG_FILE}`
      onWarning(`${name} is damaged: it does not go up to step ${step}; the training does not need it and goes on`)
    }
    this.#log.cut(end)
  }

  record(event: TrainingEvent): void {
    this.#log?.add(logLine(event))
  }

  async save(kind: SaveKind, { progress, ...checkpoint }: Checkpoint): Promise<string> {
    const logBytes = this.#log?.flush() ?? 0
    const isLast = kind === 'last'
    const parts = encodeCheckpoint(
      { ...checkpoint, progress: progress && { ...progress, logBytes }, ...(isLast ? { run: this.settings } : {}) },
      createHash,
    )
    const file = fileOf(kind, progress)
    await this.folder.write(file, parts, isLast ? PREVIOUS_FILE : undefined)
    if (isLast) {
      for (const name of outdated(await this.folder.names(), progress?.ranking ?? [])) await this.folder.remove(name)
    }
    return `${this.path}/${file}`
  }

  async close(): Promise<void> {
    this.#log?.close()
    this.#log = null
    this.folder.release()
  }
}

/** A new run. Refuses a folder that holds one. */
export async function createRun(
  path: string,
  settings: RunSettings,
  recipe: Recipe,
  config: DenseNetConfig,
): Promise<Run> {
  const folder = await Folder.open(path, true)
  try {
    if ((await folder.names()).some(name => name.endsWith('.safetensors'))) {
      throw usageError(`${path} already holds a run`, 'go on with it: resume; or choose another name')
    }
    await folder.write(CONFIG_FILE, [new TextEncoder().encode(encodeSettings(settings, recipe, config))])
    const run = new StoredRun(path, settings, null, folder)
    await run.continueLog({ logBytes: 0, step: 0 }, () => {})
    return run
  } catch (error) {
    folder.release()
    throw error
  }
}

/** The run in `path`, to go on with. */
export async function openRun(path: string, onWarning: (message: string) => void): Promise<OpenRun> {
  const folder = await Folder.open(path, false)
  try {
    const names = await folder.names()
    if (![LAST_FILE, PREVIOUS_FILE].some(name => names.includes(name))) {
      throw names.includes(CONFIG_FILE)
        ? noCheckpoint(path, `begin it anew, with output: '${path}'`)
        : usageError(`${path} holds no run: it has no ${CONFIG_FILE}`)
    }
    const settings = await readSettings(folder).catch(error => error as DenseNetError)
    const files = filesOf(folder)
    const { checkpoint, last } = await newest(files, settings instanceof Error ? '' : settings.id, onWarning)
    const { progress, recipe, run } = checkpoint
    if (progress === null || recipe === null) {
      throw new DenseNetError(`${path}/${LAST_FILE} holds a network, but no run to go on with`)
    }
    const known = settings instanceof Error ? run : settings
    if (!known) throw settings
    if (settings instanceof Error) onWarning(`${settings.message}; its settings are taken from the checkpoint`)
    // Or the next checkpoint would make the damaged one the one before, in place of the only good one.
    if (last) await folder.remove(LAST_FILE)
    await checkKept(files, progress, known.keepBest, onWarning)
    return new StoredRun(path, known, { ...checkpoint, progress, recipe }, folder) as Run as OpenRun
  } catch (error) {
    folder.release()
    throw error
  }
}

async function readSettings(folder: Folder): Promise<RunSettings> {
  const file = `${folder.path}/${CONFIG_FILE}`
  const bytes = await folder.read(CONFIG_FILE)
  if (bytes === null) throw usageError(`${folder.path} holds no run: it has no ${CONFIG_FILE}`)
  return decodeSettings(new TextDecoder().decode(bytes), folder.path, file)
}

const filesOf = (folder: Folder): RunFiles => ({
  at: name => `${folder.path}/${name}`,
  async read(name) {
    const bytes = await folder.read(name)
    if (bytes === null) throw new DenseNetError(`there is no checkpoint ${folder.path}/${name}`)
    return decodeCheckpoint(bytes, `${folder.path}/${name}`, createHash)
  },
})
