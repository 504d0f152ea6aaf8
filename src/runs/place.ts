// Node, for trainings: threads that load, runs in folders, event files for TensorBoard.
import { createLoader } from '../data/loading/loader.js'
import { decodeMaskFile } from '../data/loading/png-mask.js'
import { identify } from '../data/sets/fingerprint.js'
import type { Place } from '../fitting/place.js'
import { BoardLog, boardFolder } from './board-log.js'
import { nodeMachine } from './memory.js'
import { createRun, openRun } from './run.js'

export const nodePlace: Place = {
  createLoader,
  decodeMask: decodeMaskFile,
  identify,
  createRun,
  openRun,
  boards: { folder: boardFolder, open: BoardLog.open },
  machine: nodeMachine,
  memoryBytes: () => process.memoryUsage.rss(),
}
