// Evaluations of checkpoints on demand, one at a time, each in a process of its own. What was found is kept beside the
// run, so that it is there after a restart, and is called stale once the checkpoint has changed.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { usageError } from '../errors.js'
import { BEST_FILE, LAST_FILE } from '../fitting/run-files.js'
import { writeFileAtomically } from '../node/files.js'
import { readSettings } from '../runs/run-settings.js'
import type { CheckpointName, Evaluation, EvaluationState, PixelEvaluation } from './api.js'
import type { EvaluationLine, EvaluationTask } from './evaluation-process.js'

const PROCESS = fileURLToPath(new URL('./evaluation-process.js', import.meta.url))
const CACHE_FOLDER = '.dashboard'
/** 2: classes are ranked by logits. */
const CACHE_VERSION = 2
const FILES = { last: LAST_FILE, best: BEST_FILE } as const satisfies Record<CheckpointName, string>

interface Job {
  state: EvaluationState
  child: ChildProcess | null
}

interface Cached {
  readonly version: number
  /** Of the checkpoint. */
  readonly bytes: number
  readonly modified: number
  readonly evaluation: Evaluation | PixelEvaluation
}

export class Evaluations {
  /** Those that run or failed, and what is done but could not be kept on the disk. */
  readonly #jobs = new Map<string, Job>()
  #queue: Promise<void> = Promise.resolve()
  #closed = false

  async state(folder: string, name: CheckpointName): Promise<EvaluationState> {
    const job = this.#jobs.get(keyOf(folder, name))
    if (job && job.state.state !== 'done') return job.state
    const file = join(folder, FILES[name])
    const found = await stat(file).catch(() => null)
    const cached = await readCached(folder, name)
    if (cached === null) return job?.state ?? { state: 'none' }
    const stale = found === null || found.size !== cached.bytes || found.mtimeMs !== cached.modified
    return { state: 'done', stale, evaluation: cached.evaluation }
  }

  /** Begins one, unless it is under way. */
  async start(folder: string, name: CheckpointName): Promise<void> {
    const key = keyOf(folder, name)
    if (this.#jobs.get(key)?.state.state === 'running') return
    const path = join(folder, FILES[name])
    const found = await stat(path).catch(() => null)
    if (found === null) throw usageError(`there is no checkpoint ${path} yet`)
    const { model, backend, dataFolder } = await readSettings(folder)
    const job: Job = { state: { state: 'running', stage: 'waiting', images: 0, of: 0 }, child: null }
    this.#jobs.set(key, job)
    const task = { path, name: model, backend: backend as EvaluationTask['backend'], dataFolder }
    this.#queue = this.#queue.then(async () => {
      if (this.#closed || this.#jobs.get(key) !== job) return
      await this.#run(job, task)
      if (job.state.state !== 'done') return
      const { evaluation } = job.state
      const cached = { version: CACHE_VERSION, bytes: found.size, modified: found.mtimeMs, evaluation }
      // In a folder that cannot be written it stays in memory.
      const kept = await writeCached(folder, name, cached).catch(() => false)
      if (kept) this.#jobs.delete(key)
    })
  }

  /** Ends one that is under way or waits. */
  cancel(folder: string, name: CheckpointName): void {
    const key = keyOf(folder, name)
    const job = this.#jobs.get(key)
    if (job?.state.state === 'failed') this.#jobs.delete(key)
    if (job?.state.state !== 'running') return
    this.#jobs.delete(key)
    job.child?.kill()
  }

  close(): void {
    this.#closed = true
    for (const { child } of this.#jobs.values()) child?.kill()
  }

  #run(job: Job, task: EvaluationTask): Promise<void> {
    const child = spawn(process.execPath, [PROCESS, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'pipe'] })
    job.child = child
    let complaints = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints = (complaints + text).slice(-2000)
    })
    createInterface({ input: child.stdout }).on('line', text => {
      const line = JSON.parse(text) as EvaluationLine
      if ('evaluation' in line) job.state = { state: 'done', stale: false, evaluation: line.evaluation }
      else if ('failure' in line) job.state = { state: 'failed', failure: line.failure }
      else job.state = { state: 'running', ...line }
    })
    return new Promise(resolve => {
      const end = (how: string): void => {
        job.child = null
        if (job.state.state === 'running') {
          const error = `the evaluation ended early (${how})`
          const hint = complaints.trim().split('\n').at(-1) || 'when the system ended it, memory was short'
          job.state = { state: 'failed', failure: { error, hint } }
        }
        resolve()
      }
      child.on('error', error => end(error.message))
      child.on('close', (code, signal) => end(signal ?? `exit code ${code}`))
    })
  }
}

const keyOf = (folder: string, name: CheckpointName): string => `${name} ${folder}`
const cacheFile = (folder: string, name: CheckpointName): string =>
  join(folder, CACHE_FOLDER, `evaluation-${name}.json`)

async function readCached(folder: string, name: CheckpointName): Promise<Cached | null> {
  try {
    const cached = JSON.parse(await readFile(cacheFile(folder, name), 'utf8')) as Cached
    return cached.version === CACHE_VERSION ? cached : null
  } catch {
    return null
  }
}

async function writeCached(folder: string, name: CheckpointName, cached: Cached): Promise<boolean> {
  await mkdir(join(folder, CACHE_FOLDER), { recursive: true })
  await writeFileAtomically(cacheFile(folder, name), JSON.stringify(cached))
  return true
}
