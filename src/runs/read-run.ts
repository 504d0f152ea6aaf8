// Reading a run's folder: its settings and the checkpoint to go on from, whichever of them are whole.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DenseNetError } from '../errors.js'
import type { Checkpoint } from '../fitting/checkpoint.js'
import { LAST_FILE, newest, noCheckpoint, PREVIOUS_FILE, type RunFiles } from '../fitting/run-files.js'
import { OtherFormat, type RunSettings } from '../fitting/settings.js'
import { readCheckpoint } from './checkpoint.js'
import { readSettings } from './run-settings.js'

/** Of the run in `path`. */
export const filesOf = (path: string): RunFiles => ({
  read: name => readCheckpoint(join(path, name)),
  at: name => join(path, name),
})

export interface ReadRun {
  readonly settings: RunSettings
  /** The last, or the one before should that be damaged. */
  readonly checkpoint: Checkpoint
  readonly damaged: { readonly settings: boolean; readonly last: boolean }
}

/** The settings of the run in `path`, or why they cannot be read; a sentence when there is nothing to go on with. */
export async function findRun(path: string): Promise<RunSettings | DenseNetError> {
  const settings = await readSettings(path).catch(error => error as DenseNetError)
  if (settings instanceof OtherFormat) throw settings
  for (const name of [LAST_FILE, PREVIOUS_FILE]) if (await stat(join(path, name)).catch(() => null)) return settings
  if (settings instanceof Error) throw settings
  throw noCheckpoint(path, `begin it anew: densenet train ... --output ${path}`)
}

/** What there is to go on with in the folder of a run. Throws a sentence where there is nothing. */
export async function readRun(path: string, onWarning: (message: string) => void): Promise<ReadRun> {
  const found = await findRun(path)
  const settings = found instanceof Error ? null : found
  const { checkpoint, last } = await newest(filesOf(path), settings?.id ?? '', onWarning)
  if (settings) return { settings, checkpoint, damaged: { settings: false, last } }
  if (!checkpoint.run) throw found
  onWarning(`${(found as Error).message}; its settings are taken from the checkpoint`)
  return { settings: checkpoint.run, checkpoint, damaged: { settings: true, last } }
}
