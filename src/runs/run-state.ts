// What has become of a run, judged from outside by its lock and the last lines of its log.
import { join } from 'node:path'
import { isLocked } from '../node/lock.js'
import type { TrainingEvent } from '../training/events.js'
import { LOCK_FILE } from './run.js'

/** `stopped`: on request, after a whole step; `crashed`: ended in the middle, without a word. Both can be resumed. */
export type RunState = 'running' | 'stopped' | 'finished' | 'crashed'

/** `last`: the log's last event of the types start, step, epoch, stop and end; null for an empty log. */
export async function runState(folder: string, last: TrainingEvent['type'] | null): Promise<RunState> {
  if (await isLocked(join(folder, LOCK_FILE))) return 'running'
  if (last === 'end') return 'finished'
  return last === 'stop' ? 'stopped' : 'crashed'
}
