// How long a run still takes. Everything that a run does counts, by the clock: steps with the checkpoints between them, the
// evaluation after an epoch, the saving after that. What lies ahead for long is judged by what lies behind as long: the
// rest of an epoch by the last so many steps, the rest of a run by all of it, so that a passing load on the computer
// neither shakes the long estimate nor lingers in the short one.
import type { StartEvent, TrainingEvent } from '../training/events.js'
import type { LogLine } from './log-lines.js'

/** How long a training will go on. */
export interface TimeLeft {
  /** Seconds until the epoch is trained, evaluated and saved. */
  readonly epoch: number
  /** Seconds until the last one is. */
  readonly run: number
}

/** The evaluation of a batch against a training step, until one was seen: a third of the arithmetic, and less to write. */
const EVALUATION_SHARE = 0.25
const LEAST_STEPS = 100
const MOST_MARKS = 4096
/** A gap so long, in seconds and against the average step, was no step: the computer slept. */
const SLEPT = { seconds: 60, steps: 20 }

/** Tells from a training's events how long it will go on. */
export class TimeEstimator {
  private start: StartEvent | null = null
  /** Seconds in steps, after so many of them; the older, the sparser. */
  private marks = [{ steps: 0, seconds: 0 }]
  private previous = 0
  private epochs = 0
  private epoch = 1
  private stepsLeft = 0
  private tested: number | null = null
  private saved = 0
  private testing: { readonly since: number; done: number } | null = null
  private savingSince: number | null = null

  /** An event as it happens, or the line that a log keeps of it; `now`: seconds by any clock. */
  heed(event: TrainingEvent | LogLine, now: number): void {
    switch (event.type) {
      case 'start':
        this.start = event
        this.epochs = event.epochs
        this.epoch = event.epoch
        this.stepsLeft = event.batchesPerEpoch - event.batch
        this.previous = now
        break
      case 'step':
        this.mark(now - this.previous)
        this.previous = now
        this.epoch = event.epoch
        this.stepsLeft = this.batchesPerEpoch - event.batch
        this.savingSince = null
        break
      case 'evaluation':
        this.testing ??= { since: this.previous, done: 0 }
        this.testing.done = event.batch / event.batches
        break
      case 'epoch':
        this.tested = now - this.previous
        this.testing = null
        this.epoch = event.epoch + 1
        this.epochs = event.epochs
        this.stepsLeft = event.epoch < event.epochs ? this.batchesPerEpoch : 0
        this.savingSince = now
        this.previous = now
        break
      case 'checkpoint':
        // Those within an epoch are part of the next step.
        if (this.savingSince === null) break
        this.saved = now - this.savingSince
        this.previous = now
        break
      default:
    }
  }

  /** Null before there was a step. */
  left(now: number): TimeLeft | null {
    if (this.start === null || this.marks.length < 2) return null
    const epochsLeft = Math.max(0, this.epochs - this.epoch)
    const ahead = this.stepsLeft + epochsLeft * this.batchesPerEpoch
    const perStep = this.perStep(ahead)
    const after = (this.tested ?? this.guessedTest(perStep)) + this.saved
    const rest = this.testing ? this.restOfTest(this.testing, now) + this.saved : after
    return {
      epoch: this.stepsLeft * this.perStep(this.stepsLeft) + rest,
      run: ahead * perStep + rest + epochsLeft * after,
    }
  }

  private get batchesPerEpoch(): number {
    return this.start?.batchesPerEpoch ?? 0
  }

  /** Seconds of a step, by the last `ahead` of them. */
  private perStep(ahead: number): number {
    const last = this.marks.at(-1)!
    const from = last.steps - Math.max(LEAST_STEPS, ahead)
    // The first step warms everything up: it tells little of the others.
    const first = this.marks[last.steps > 2 ? 1 : 0]!
    const mark = this.marks.findLast(({ steps }) => steps <= from) ?? first
    return (last.seconds - mark.seconds) / (last.steps - mark.steps)
  }

  private mark(seconds: number): void {
    const { steps, seconds: before } = this.marks.at(-1)!
    const average = steps === 0 ? seconds : before / steps
    const slept = seconds > SLEPT.seconds && seconds > SLEPT.steps * average
    this.marks.push({ steps: steps + 1, seconds: before + (slept ? average : seconds) })
    if (this.marks.length > MOST_MARKS) this.marks = this.marks.filter((_, i) => i < 2 || i % 2 === 0)
  }

  private guessedTest(perStep: number): number {
    const { testImages, recipe } = this.start!
    return Math.ceil(testImages / recipe.batchSize) * EVALUATION_SHARE * perStep
  }

  private restOfTest({ since, done }: { since: number; done: number }, now: number): number {
    return done > 0 ? ((now - since) * (1 - done)) / done : 0
  }
}
