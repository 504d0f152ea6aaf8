// Runs side by side: their settings, epochs and times.
import { join } from 'node:path'
import { DenseNetError } from '../errors.js'
import { LOG_FILE } from '../fitting/run-files.js'
import { readLog } from './log-lines.js'
import { type EpochLine, flatSettings, type RunSummary, readCourse, summariseRun } from './run-summary.js'

/** A run beside others. */
export interface ComparedRun {
  readonly path: string
  readonly summary: RunSummary
  /** Those of config.json: `recipe.batchSize` -> 64. */
  readonly settings: ReadonlyMap<string, unknown>
  readonly epochs: readonly EpochLine[]
  /** In steps, the evaluations not counted, over all its parts. */
  readonly trainSeconds: number
  readonly testSeconds: number
  /** While training; null before the first step. */
  readonly imagesPerSecond: number | null
}

/** Throws a sentence when one of them is no run, or a damaged one. */
export async function compareRuns(paths: readonly string[]): Promise<ComparedRun[]> {
  return Promise.all(paths.map(compared))
}

async function compared(path: string): Promise<ComparedRun> {
  const settings = await flatSettings(path)
  const summary = await summariseRun(path)
  if (summary.problem !== null) throw new DenseNetError(summary.problem)
  const { epochs } = await readCourse(path)
  let trainSeconds = 0
  let images = 0
  for await (const step of readLog(join(path, LOG_FILE), ['step'])) {
    trainSeconds += step.seconds
    images += step.images
  }
  return {
    path,
    summary,
    settings,
    epochs,
    trainSeconds,
    testSeconds: epochs.reduce((sum, { testSeconds }) => sum + testSeconds, 0),
    imagesPerSecond: trainSeconds > 0 ? images / trainSeconds : null,
  }
}

/** The settings that are not the same in all runs, and each run's; undefined where it has none of that name. */
export function differences(runs: readonly ComparedRun[]): ReadonlyMap<string, readonly unknown[]> {
  const names = new Set(runs.flatMap(({ settings }) => [...settings.keys()]))
  const rows = [...names].map(name => [name, runs.map(({ settings }) => settings.get(name))] as const)
  return new Map(rows.filter(([, values]) => new Set(values.map(value => JSON.stringify(value))).size > 1))
}
