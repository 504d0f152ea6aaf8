// What lies in a run's folder besides config.json and the log, and which of it there is to go on with.
import { DenseNetError } from '../errors.js'
import type { Progress } from '../training/progress.js'
import type { SaveKind } from '../training/trainer.js'
import type { Checkpoint } from './checkpoint.js'
import { CONFIG_FILE } from './settings.js'

/** The log, in a run's folder. */
export const LOG_FILE = 'log.jsonl'
export const LAST_FILE = 'last.safetensors'
export const PREVIOUS_FILE = 'last.previous.safetensors'
/** The checkpoint of the best epoch, in a run's folder. */
export const BEST_FILE = 'best.safetensors'
const epochFile = (epoch: number): string => `epoch-${epoch}.safetensors`

/** Where a checkpoint is kept. */
export function fileOf(kind: SaveKind, progress: Progress | null): string {
  if (kind === 'last') return LAST_FILE
  return kind === 'best' ? BEST_FILE : epochFile((progress?.epoch ?? 1) - 1)
}

/** Checkpoints of epochs that are no longer among the best, of the names of all files. */
export function outdated(names: readonly string[], ranking: readonly { readonly epoch: number }[]): string[] {
  const kept = new Set(ranking.map(({ epoch }) => epochFile(epoch)))
  return names.filter(name => /^epoch-\d+\.safetensors$/.test(name) && !kept.has(name))
}

/** How the files of one folder are read. */
export interface RunFiles {
  /** Throws a sentence when it is missing, damaged or not a checkpoint of ours. */
  read(name: string): Promise<Checkpoint>
  /** What it is called in messages. */
  at(name: string): string
}

export function noCheckpoint(path: string, hint: string): DenseNetError {
  return new DenseNetError(
    `the run in ${path} was stopped before its first checkpoint: there is nothing to go on with`,
    { hint },
  )
}

/** `id`: of the run; empty: not known. */
export async function newest(
  files: RunFiles,
  id: string,
  onWarning: (message: string) => void,
): Promise<{ checkpoint: Checkpoint; last: boolean }> {
  const read = async (name: string): Promise<Checkpoint> => {
    const checkpoint = await files.read(name)
    if (id === '' || !checkpoint.run || checkpoint.run.id === id) return checkpoint
    throw new DenseNetError(`${files.at(name)} is of another run than ${CONFIG_FILE} beside it`)
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
  files: RunFiles,
  { ranking }: Progress,
  keepBest: number,
  onWarning: (message: string) => void,
): Promise<void> {
  const best = ranking.slice(0, keepBest).map(score => ({ score, file: epochFile(score.epoch) }))
  const wanted = [...ranking.slice(0, 1).map(score => ({ score, file: BEST_FILE })), ...(keepBest > 1 ? best : [])]
  for (const { score, file } of wanted) {
    const found = await files.read(file).catch(error => error as Error)
    // Later ones are overwritten by the same again.
    const { final } = found instanceof Error ? { final: null } : (found.progress ?? { final: null })
    if (final && (final.epoch > score.epoch || JSON.stringify(final) === JSON.stringify(score))) continue
    const what = found instanceof Error ? found.message : `${files.at(file)} is not of this run's epoch ${score.epoch}`
    onWarning(`${what}; the weights of epoch ${score.epoch} are lost, the training goes on`)
  }
}
