// What the list says of a run: from its config.json, the first line of its log, and the last ones, so that a long log
// is not read for it.
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LOG_FILE } from '../fitting/run-files.js'
import { CONFIG_FILE } from '../fitting/settings.js'
import { type LineOf, parseLogLine } from '../runs/log-lines.js'
import { readSettings } from '../runs/run-settings.js'
import { runState } from '../runs/run-state.js'
import { TimeEstimator } from '../runs/time-left.js'
import type { EpochScore } from '../training/events.js'
import type { Moment, RunSummary } from './api.js'
import { LogFollower, lastEpochsOffset } from './log-follower.js'

const HEAD_BYTES = 1 << 16
/** How much of the pace of the steps before each step keeps: quick to settle, calm afterwards. */
const KEEP = 0.95

const TOLD = ['start', 'step', 'epoch', 'warning', 'stop', 'end'] as const
type Line = LineOf<(typeof TOLD)[number]>
/** The time that is left is judged by a whole epoch at least, if there was one. */
const EPOCHS_READ = 2

/** What the log said last. */
interface Latest {
  type: Line['type'] | null
  start: LineOf<'start'> | null
  epoch: LineOf<'epoch'> | null
  now: Moment | null
  step: number
  secondsPerStep: number | null
  left: TimeEstimator | null
  /** Seconds, by the log's clock. */
  time: number
  final: EpochScore | null
}

export class RunLatest {
  #latest: Latest = none()
  #first: LineOf<'start'> | null = null
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
      const from = await lastEpochsOffset(this.logPath, EPOCHS_READ)
      this.#follower = new LogFollower(this.logPath, { line: text => this.#line(text), reset }, from)
    }
    await this.#follower.read()
    // It was cut or replaced: look at its beginning anew.
    if (this.#follower === null) await this.#follow()
  }

  #line(text: string): void {
    const line = parseLogLine(text, TOLD)
    if (line === null || line === 'other') return
    const latest = this.#latest
    if (line.type !== 'warning') latest.type = line.type
    this.#time(line)
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

  /** The time left is reckoned from the start or resumption, or from where the reading began. */
  #time(line: Line): void {
    const now = Date.parse(line.time) / 1000
    if (line.type === 'start' || (this.#latest.left === null && this.#first)) {
      this.#latest.left = new TimeEstimator()
      if (line.type !== 'start') this.#latest.left.heed(this.#first!, now)
    }
    this.#latest.left?.heed(line, now)
    this.#latest.time = now
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
      epochs: this.#latest.start?.epochs ?? epoch?.epochs ?? start?.epochs ?? 0,
      batchesPerEpoch: start?.batchesPerEpoch ?? 0,
      started: this.#first ? Date.parse(this.#first.time) : null,
      epochsDone,
      step,
      on: epoch?.on ?? 'test',
      last,
      best: epoch?.best ?? last,
      now,
      secondsLeft: state === 'running' ? this.#secondsLeft() : null,
    }
  }

  #secondsLeft(): number | null {
    const { left, time } = this.#latest
    const { run } = left?.left(time) ?? { run: null }
    return run === null ? null : Math.round(run)
  }
}

const none = (): Latest => ({
  type: null,
  start: null,
  epoch: null,
  now: null,
  step: 0,
  secondsPerStep: null,
  left: null,
  time: 0,
  final: null,
})

/** The `start` line that a log begins with. */
async function firstLine(path: string): Promise<LineOf<'start'> | null> {
  const file = await open(path, 'r')
  try {
    const chunk = Buffer.alloc(HEAD_BYTES)
    const { bytesRead } = await file.read(chunk, 0, HEAD_BYTES, 0)
    const line = parseLogLine(chunk.toString('utf8', 0, bytesRead).split('\n', 1)[0]!, ['start'])
    return line === 'other' ? null : line
  } finally {
    await file.close()
  }
}
