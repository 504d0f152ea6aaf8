// Everything a run's log tells, read piece by piece: the steps as columns, the epochs as points.
import { type LineOf, parseLogLine } from '../runs/log-lines.js'
import type { EpochPoint } from './api.js'
import { LogFollower } from './log-follower.js'
import { StepTable } from './step-table.js'

const MOST_WARNINGS = 100
const TOLD = ['start', 'step', 'epoch', 'warning'] as const

export class RunHistory {
  readonly steps = new StepTable()
  readonly epochs: EpochPoint[] = []
  readonly warnings: string[] = []
  damagedLines = 0
  /** Counts how often what was read became void. */
  generation = 1
  /** Whether all is read that the log held when it was last looked at. */
  complete = false
  readonly #follower: LogFollower
  #reading: Promise<void> | null = null
  /** Of the epoch in progress, since the run began or went on. */
  #images = 0

  constructor(path: string) {
    const reset = (): void => this.#reset()
    this.#follower = new LogFollower(path, { line: text => this.#line(text), reset })
  }

  /** Reads on; resolves when all is read, at the latest after so many milliseconds, while the reading goes on. */
  async read(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (!this.#reading) {
      this.complete = false
      this.#reading = this.#follower.read(signal).finally(() => {
        this.#reading = null
      })
    }
    const reading = this.#reading.then(() => {
      this.complete = true
    })
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<void>(resolve => {
      timer = setTimeout(resolve, milliseconds)
    })
    // What fails after the time is up will fail again next time.
    reading.catch(() => {})
    await Promise.race([reading, timeout]).finally(() => clearTimeout(timer))
  }

  #reset(): void {
    this.steps.clear()
    this.epochs.length = 0
    this.warnings.length = 0
    this.damagedLines = 0
    this.#images = 0
    this.complete = false
    this.generation++
  }

  #line(text: string): void {
    const line = parseLogLine(text, TOLD)
    if (line === null) this.damagedLines++
    else if (line !== 'other') this.#event(line)
  }

  #event(line: LineOf<(typeof TOLD)[number]>): void {
    switch (line.type) {
      case 'start':
        this.#images = 0
        break
      case 'step': {
        const { step, loss, top1Error: error, learningRate, images, seconds, memoryBytes = Number.NaN } = line
        // Steps that were made again, in a log that was not cut: what was told of them is void.
        if (step <= this.steps.lastStep) this.generation++
        const pace = images > 0 && seconds > 0 ? seconds / images : Number.NaN
        this.steps.add(step, { loss, error, learningRate, pace, memory: memoryBytes })
        this.#images += images
        break
      }
      case 'epoch': {
        const { epoch, step, learningRate, train, test, seconds, testSeconds, memoryBytes } = line
        const throughput = this.#images > 0 && seconds > 0 ? this.#images / seconds : null
        const time = Date.parse(line.time)
        while (this.epochs.length > 0 && this.epochs.at(-1)!.epoch >= epoch) this.epochs.pop()
        this.epochs.push({
          epoch,
          step,
          time,
          learningRate,
          train,
          test: test ?? null,
          seconds,
          testSeconds,
          throughput,
          memory: memoryBytes ?? null,
        })
        this.#images = 0
        break
      }
      case 'warning':
        if (this.warnings.length < MOST_WARNINGS) this.warnings.push(String(line.message))
        break
      default:
    }
  }
}
