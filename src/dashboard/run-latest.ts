// What the list says of a run: from its config.json, the first line of its log, and the last ones, so that a long log
// is not read for it.
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { EpochScore } from '../training/events.js'
import { CONFIG_FILE, LOG_FILE, readSettings } from '../training/run-folder.js'
import { runState } from '../training/run-state.js'
import type { Moment, RunSummary } from './api.js'
import { LogFollower, lastEpochOffset } from './log-follower.js'
import { type LogLine, parseLogLine } from './log-lines.js'

const HEAD_BYTES = 1 << 16
/** How much of the pace of the steps before each step keeps: quick to settle, calm afterwards. */
const KEEP = 0.95

/** What the log said last. */
interface Latest {
  type: LogLine['type'] | null
  start: Extract<LogLine, { type: 'start' }> | null
  epoch: Extract<LogLine, { type: 'epoch' }> | null
  now: Moment | null
  step: number
  secondsPerStep: number | null
  final: EpochScore | null
}

export class RunLatest {
  #latest: Latest = none()
  #first: Extract<LogLine, { type: 'start' }> | null = null
  #follower: LogFollower | null = null
  #sent = ''

  constructor(
    readonly id: string,
    readonly folder: string,
  ) {}

  get logPath(): string {
    return join(this.folder, LOG_FILE)
  }

  /** The summary if it is another one than before. */
  async look(): Promise<RunSummary | null> {
    const summary = await this.#summary()
    const text = JSON.stringify(summary)
    if (text === this.#sent) return null
    this.#sent = text
    return summary
  }

  async #summary(): Promise<RunSummary> {
    const { mtimeMs: made } = await stat(join(this.folder, CONFIG_FILE))
    const log = await stat(this.logPath).catch(() => null)
    try {
      const { model, dataset } = await readSettings(this.folder)
      if (log) await this.#follow()
      const state = await runState(this.folder, this.#latest.type)
      return this.#described(state, { model, dataset, updated: log?.mtimeMs ?? made })
    } catch (error) {
      const nothing = { model: '', dataset: '', updated: log?.mtimeMs ?? made }
      return { ...this.#described('damaged', nothing), problem: (error as Error).message }
    }
  }

  async #follow(): Promise<void> {
    if (this.#follower === null) {
      this.#first = await firstLine(this.logPath)
      const reset = (): void => {
        this.#latest = none()
        this.#follower = null
      }
      const from = await lastEpochOffset(this.logPath)
      this.#follower = new LogFollower(this.logPath, { line: text => this.#line(text), reset }, from)
    }
    await this.#follower.read()
    // It was cut or replaced: look at its beginning anew.
    if (this.#follower === null) await this.#follow()
  }

  #line(text: string): void {
    const line = parseLogLine(text)
    if (line === null || line === 'unknown') return
    const latest = this.#latest
    if (line.type !== 'warning') latest.type = line.type
    switch (line.type) {
      case 'start':
        latest.start = line
        latest.step = line.step
        latest.secondsPerStep = null
        break
      case 'step': {
        const { epoch, batch, step, loss, top1Error, learningRate, images, seconds, memoryBytes = null } = line
        const per = latest.secondsPerStep
        latest.secondsPerStep = per === null ? seconds : KEEP * per + (1 - KEEP) * seconds
        latest.step = step
        const imagesPerSecond = Number((images / latest.secondsPerStep).toPrecision(4))
        latest.now = { epoch, batch, loss, top1Error, learningRate, imagesPerSecond, memoryBytes }
        break
      }
      case 'epoch':
        latest.epoch = line
        latest.step = line.step
        break
      case 'end':
        latest.final = line.final
        break
      default:
    }
  }

  #described(state: RunSummary['state'], facts: Pick<RunSummary, 'model' | 'dataset' | 'updated'>): RunSummary {
    const { epoch, now, step, final } = this.#latest
    const start = this.#latest.start ?? this.#first
    const epochsDone = epoch?.epoch ?? (start ? start.epoch - 1 : 0)
    const last = epoch?.test ? { epoch: epoch.epoch, ...epoch.test } : final
    return {
      id: this.id,
      state,
      problem: null,
      ...facts,
      model: start?.network?.name ?? facts.model,
      parameters: start?.network?.parameters ?? null,
      epochs: start?.epochs ?? epoch?.epochs ?? 0,
      batchesPerEpoch: start?.batchesPerEpoch ?? 0,
      started: this.#first ? Date.parse(this.#first.time) : null,
      epochsDone,
      step,
      on: epoch?.on ?? 'test',
      last,
      best: epoch?.best ?? last,
      now,
      secondsLeft: state === 'running' ? this.#secondsLeft(epochsDone) : null,
    }
  }

  #secondsLeft(epochsDone: number): number | null {
    const { start, epoch, now, secondsPerStep } = this.#latest
    const { epochs, batchesPerEpoch } = start ?? this.#first ?? { epochs: 0, batchesPerEpoch: 0 }
    if (secondsPerStep === null || epochs === 0) return null
    const begun = now && now.epoch > epochsDone ? now.batch : 0
    const steps = (epochs - epochsDone) * batchesPerEpoch - begun
    return Math.max(0, Math.round(steps * secondsPerStep + (epochs - epochsDone) * (epoch?.testSeconds ?? 0)))
  }
}

const none = (): Latest => ({
  ...{ type: null, start: null, epoch: null, now: null, step: 0, secondsPerStep: null, final: null },
})

/** The `start` line that a log begins with. */
async function firstLine(path: string): Promise<Extract<LogLine, { type: 'start' }> | null> {
  const file = await open(path, 'r')
  try {
    const chunk = Buffer.alloc(HEAD_BYTES)
    const { bytesRead } = await file.read(chunk, 0, HEAD_BYTES, 0)
    const line = parseLogLine(chunk.toString('utf8', 0, bytesRead).split('\n', 1)[0]!)
    return line !== null && line !== 'unknown' && line.type === 'start' ? line : null
  } finally {
    await file.close()
  }
}

/** Everything of a run's config.json, flat: "recipe.batchSize" -> "64". */
export async function runSettings(folder: string): Promise<Record<string, string>> {
  await readSettings(folder)
  const flat: Record<string, string> = {}
  const walk = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, path === '' ? key : `${path}.${key}`)
    } else flat[path] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  walk(JSON.parse(await readFile(join(folder, CONFIG_FILE), 'utf8')), '')
  return flat
}
