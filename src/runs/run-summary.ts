// Runs as one looks at them from outside: which there are, what became of each, and how it went. Read from config.json
// and the log alone; the checkpoints are not opened.
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import { LAST_FILE, LOG_FILE } from '../fitting/run-files.js'
import { CONFIG_FILE } from '../fitting/settings.js'
import { fileError } from '../node/files.js'
import type { EpochScore, StartEvent } from '../training/events.js'
import { type LineOf, type LogType, readLog } from './log-lines.js'
import { readSettings } from './run-settings.js'
import { type RunState, runState } from './run-state.js'
import { safetensorsBytes } from './safetensors-size.js'

/** An epoch of a run's log. */
export type EpochLine = LineOf<'epoch'>

/** A run seen from outside. */
export interface RunSummary {
  readonly path: string
  /** `damaged`: its config.json cannot be read, or its last checkpoint is missing or not whole; `problem` says which. */
  readonly state: RunState | 'damaged'
  readonly problem: string | null
  readonly model: string
  readonly dataset: string
  readonly parameters: number | null
  /** Whole epochs that are done, of how many. */
  readonly epochsDone: number
  readonly epochs: number | null
  /** Steps that are done. */
  readonly step: number
  /** What images the scores are on. */
  readonly on: 'test' | 'validation'
  /** After the latest epoch: the final error where the run is finished; null before the first. */
  readonly last: EpochScore | null
  /** The best epoch: picked by these images, so optimistic. */
  readonly best: EpochScore | null
  /** ISO 8601; null before there was a log. */
  readonly started: string | null
  readonly updated: string | null
  /** Of all its files. */
  readonly bytes: number
}

/** Folders of folders of runs; more is a mistake in the folder given. */
const DEEPEST = 4

/** The folders under `folder`, itself included, that hold a run or what is left of one. Hidden ones and links are left
 * out. A usage error when there is no such folder. */
export async function findRuns(folder: string): Promise<string[]> {
  const found = await stat(folder).catch(() => null)
  if (found === null) throw usageError(`there is no folder ${folder}`)
  if (!found.isDirectory()) throw usageError(`${folder} is a file, not a folder`)
  return runsIn(folder, DEEPEST)
}

async function runsIn(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const files = entries.filter(entry => entry.isFile()).map(({ name }) => name)
  if (files.some(name => [LOG_FILE, LAST_FILE].includes(name)) || (await isSettings(folder, files))) return [folder]
  const inner = entries.filter(entry => entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name))
  if (depth === 0) return []
  return (await Promise.all(inner.map(({ name }) => runsIn(join(folder, name), depth - 1)))).flat()
}

/** Other programs have a config.json, too. */
const isSettings = async (folder: string, files: readonly string[]): Promise<boolean> =>
  files.includes(CONFIG_FILE) &&
  readSettings(folder).then(
    () => true,
    () => false,
  )

/** Never fails for what is wrong with the run itself: that is its `problem`. */
export async function summariseRun(path: string): Promise<RunSummary> {
  const { start, first, epochs, lastType, step, updated } = await readCourse(path)
  const settings = await readSettings(path).catch(error => error as Error)
  const broken = settings instanceof Error
  const state = await runState(path, lastType)
  const problem = broken ? settings.message : state === 'running' ? null : await checkpointProblem(path)
  const latest = epochs.at(-1)
  const last = latest?.test ? { epoch: latest.epoch, ...latest.test } : null
  return {
    path,
    state: problem === null ? state : 'damaged',
    problem,
    model: start?.network.name ?? (broken ? '?' : settings.model),
    dataset: start?.dataset ?? (broken ? '?' : settings.dataset),
    parameters: start?.network.parameters ?? null,
    epochsDone: latest?.epoch ?? 0,
    epochs: start?.epochs ?? null,
    step,
    on: latest?.on ?? start?.on ?? (start?.recipe.heldOut ? 'validation' : 'test'),
    last,
    best: latest?.best ?? null,
    started: first,
    updated,
    bytes: await folderBytes(path),
  }
}

/** What is wrong with the last checkpoint, as far as its header and size tell; null: nothing. */
async function checkpointProblem(path: string): Promise<string | null> {
  const file = join(path, LAST_FILE)
  const found = await stat(file).catch(() => null)
  if (!found?.isFile()) return `${path} has no checkpoint: ${LAST_FILE} is missing`
  const expected = await safetensorsBytes(file).catch((error: Error) => error)
  if (expected instanceof Error) return expected.message
  return expected === found.size
    ? null
    : `${file} is damaged: it should have ${expected} bytes, ${found.size} are there`
}

export interface RunCourse {
  /** The latest start: a run that goes on has several. */
  readonly start: StartEvent | null
  readonly first: string | null
  readonly updated: string | null
  /** Each epoch once, as it was made last. */
  readonly epochs: readonly EpochLine[]
  readonly lastType: LogType | null
  readonly step: number
}

const COURSE = ['start', 'step', 'epoch', 'stop', 'end'] as const

/** What a run's log tells of it. */
export async function readCourse(path: string): Promise<RunCourse> {
  let start: StartEvent | null = null
  let first: string | null = null
  let updated: string | null = null
  let lastType: LogType | null = null
  let step = 0
  const epochs = new Map<number, EpochLine>()
  for await (const line of readLog(join(path, LOG_FILE), COURSE)) {
    if (line.type === 'start') start = line
    if (line.type === 'epoch') epochs.set(line.epoch, line)
    if (line.type !== 'end') step = line.step
    first ??= line.time
    updated = line.time
    lastType = line.type
  }
  return { start, first, updated, epochs: [...epochs.values()].sort((a, b) => a.epoch - b.epoch), lastType, step }
}

/** Which run it is and which form of the file: no settings. */
const NO_SETTINGS: readonly string[] = ['id', 'format']

/** All settings of a run's config.json, flat: `recipe.batchSize` -> 64. */
export async function flatSettings(path: string): Promise<ReadonlyMap<string, unknown>> {
  await readSettings(path)
  const file = join(path, CONFIG_FILE)
  const text = await readFile(file, 'utf8').catch(error => {
    throw fileError(error, `reading ${file}`)
  })
  const flat = new Map<string, unknown>()
  const walk = (value: unknown, name: string): void => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) flat.set(name, value)
    else for (const [key, inner] of Object.entries(value)) walk(inner, name === '' ? key : `${name}.${key}`)
  }
  walk(JSON.parse(text), '')
  for (const name of NO_SETTINGS) flat.delete(name)
  return flat
}

async function folderBytes(path: string): Promise<number> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  const sizes = entries.map(entry => {
    const inner = join(path, entry.name)
    if (entry.isDirectory()) return folderBytes(inner)
    return entry.isFile()
      ? stat(inner).then(
          ({ size }) => size,
          () => 0,
        )
      : 0
  })
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
