/** Runs in their folders: checkpoints, logs, summaries, comparisons.
 * @module densenet/runs */

export { type Checkpoint, isMultiLabel, readCheckpoint, writeCheckpoint } from '../runs/checkpoint.js'
export { type ComparedRun, compareRuns, differences } from '../runs/compare-runs.js'
export { exportLog, type LogFormat, logFormats } from '../runs/export-log.js'
export { type MemoryOptions, machineBytes, predictMemory } from '../runs/memory.js'
export { BEST_FILE, readRun } from '../runs/read-run.js'
export { LOG_FILE, type OpenRun, openRun, type Run, type Standing } from '../runs/run.js'
export { RUN, refuseRun } from '../runs/run-settings.js'
export { findRuns, type RunSummary, summariseRun } from '../runs/run-summary.js'
export { TimeEstimator, type TimeLeft } from '../runs/time-left.js'
