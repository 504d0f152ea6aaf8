// Reading a run's folder: its settings and the checkpoint to go on from, whichever of them are whole.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseNetError } from '../errors.js'
import type { Checkpoint } from '../fitting/checkpoint.js'
import { CONFIG_FILE, OtherFormat, type RunSettings } from '../fitting/settings.js'
import type { Progress } from '../training/progress.js'
import { readCheckpoint } from './checkpoint.js'
import { readSettings } from './run-settings.js'

export const LAST_FILE = 'last.safetensors'
export const PREVIOUS_FILE = 'last.previous.safetensors'
/** The checkpoint of the best epoch, in a run's folder. */
export const BEST_FILE = 'best.safetensors'
export const epochFile = (epoch: number): string => `epoch-${epoch}.safetensors`

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
  throw new DenseNetError(
    `the run in ${path} was stopped before its first checkpoint: there is nothing to go on with`,
    {
      hint: `begin it anew: densenet train ... --output ${path}`,
    },
  )
}

/** What there is to go on with in the folder of a run. Throws a sentence where there is nothing. */
export async function readRun(path: string, onWarning: (message: string) => void): Promise<ReadRun> {
  const found = await findRun(path)
  const settings = found instanceof Error ? null : found
  const { checkpoint, last } = await newest(path, settings?.id ?? '', onWarning)
  if (settings) return { settings, checkpoint, damaged: { settings: false, last } }
  if (!checkpoint.run) throw found
  onWarning(`${(found as Error).message}; its settings are taken from the checkpoint`)
  return { settings: checkpoint.run, checkpoint, damaged: { settings: true, last } }
}

/** `id`: of the run; empty: not known. */
async function newest(
  path: string,
  id: string,
  onWarning: (message: string) => void,
): Promise<{ checkpoint: Checkpoint; last: boolean }> {
  const read = async (name: string): Promise<Checkpoint> => {
    const file = join(path, name)
    const checkpoint = await readCheckpoint(file)
    if (id === '' || !checkpoint.run || checkpoint.run.id === id) return checkpoint
    throw new DenseNetError(`${file} is of another run than ${CONFIG_FILE} beside it`)
  }
  try {
    return { checkpoint: await read(LAST_FILE), last: false }
  } catch (error) {
    if (!(error instanceof DenseNetError) || error.code === 'usage') throw error
    const previous = await read(PREVIOUS_FILE).catch(() => null)
    if (previous === null) throw error
    const { epoch = 0, nextBatch = 0 } = previous.progress ?? {}
    onWarning(`${error.message}; going on from the checkpoint before it: epoch ${epoch}, step ${nextBatch}`)
    return { checkpoint: previous, last: true }
  }
}

/** Training needs none of the best checkpoints: a damaged one is named and stays until a better one takes its place. */
export async function checkKept(
  path: string,
  { ranking }: Progress,
  keepBest: number,
  onWarning: (message: string) => void,
): Promise<void> {
  const files = ranking.slice(0, keepBest).map(score => ({ score, file: epochFile(score.epoch) }))
  const wanted = [...ranking.slice(0, 1).map(score => ({ score, file: BEST_FILE })), ...(keepBest > 1 ? files : [])]
  for (const { score, file } of wanted) {
    const found = await readCheckpoint(join(path, file)).catch(error => error as Error)
    // Later ones are overwritten by the same again.
    const { final } = found instanceof Error ? { final: null } : (found.progress ?? { final: null })
    if (final && (final.epoch > score.epoch || JSON.stringify(final) === JSON.stringify(score))) continue
    const what =
      found instanceof Error ? found.message : `${join(path, file)} is not of this run's epoch ${score.epoch}`
    onWarning(`${what}; the weights of epoch ${score.epoch} are lost, the training goes on`)
  }
}
