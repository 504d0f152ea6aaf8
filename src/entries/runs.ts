/** Runs in their folders: checkpoints, logs, summaries, comparisons.
 * @module densenet/runs */

export { type Checkpoint, isMultiLabel, takesOwnStatistics } from '../fitting/checkpoint.js'
export type { MemoryOptions } from '../fitting/memory.js'
export type { OpenRun, Run, Standing } from '../fitting/place.js'
export { BEST_FILE, LOG_FILE } from '../fitting/run-files.js'
export { RUN } from '../fitting/settings.js'
export { readCheckpoint, writeCheckpoint } from '../runs/checkpoint.js'
export { type ComparedRun, compareRuns, differences } from '../runs/compare-runs.js'
export { exportLog, type LogFormat, logFormats } from '../runs/export-log.js'
export { machineBytes, predictMemory } from '../runs/memory.js'
export { readRun } from '../runs/read-run.js'
export { openRun } from '../runs/run.js'
export { refuseRun } from '../runs/run-settings.js'
export { findRuns, type RunSummary, summariseRun } from '../runs/run-summary.js'
export { TimeEstimator, type TimeLeft } from '../runs/time-left.js'
