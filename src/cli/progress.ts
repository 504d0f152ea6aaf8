// Training as a person watches it: a reader of the event stream. On a terminal one line that is written over, else one
// line per epoch and one a minute in between; as JSON lines with --json; nothing with --quiet.

import { TimeEstimator, type TimeLeft } from '../entries/runs.js'
import type {
  EpochEvent,
  EvaluationEvent,
  FeaturesEvent,
  StartEvent,
  StepEvent,
  TrainingEvent,
  TrainingListener,
} from '../index.js'
import { duration, grouped, percent, rounded, wrapped } from './format.js'
import { runHeader } from './run-header.js'
import { figure } from './scores.js'
import { StatusLine, type Terminal } from './terminal.js'

/** What a run, since it was started or gone on with, has cost. */
export interface Effort {
  readonly seconds: number
  readonly testSeconds: number
  /** While training, not while testing. */
  readonly imagesPerSecond: number
}

export interface Reporter {
  readonly onEvent: TrainingListener
  /** Null before there was an epoch, and where nobody reads it. */
  effort(): Effort | null
  /** Ctrl-C was heard. */
  stopping(): void
  /** Takes the status line away. */
  end(): void
}

export interface ReporterOptions {
  readonly terminal: Terminal
  /** For warnings. */
  readonly warn: (message: string) => void
  readonly json?: boolean | undefined
  readonly quiet?: boolean | undefined
  /** Milliseconds; a test brings its own clock. */
  readonly now?: () => number
}

const REDRAW_MILLISECONDS = 100
const PLAIN_LINE_MILLISECONDS = 60_000
const BAR = 20

export function createReporter(options: ReporterOptions): Reporter {
  if (options.json) return jsonReporter(options.terminal)
  if (options.quiet) return { onEvent: () => {}, ...SILENT }
  return new TerminalReporter(options)
}

const SILENT = { effort: () => null, stopping: () => {}, end: () => {} }

function jsonReporter(terminal: Terminal): Reporter {
  const onEvent = (event: TrainingEvent): void => {
    if (event.type !== 'evaluation' && event.type !== 'features') terminal.write(`${JSON.stringify(event)}\n`)
  }
  return { onEvent, ...SILENT }
}

class TerminalReporter implements Reporter {
  private readonly status: StatusLine
  private readonly now: () => number
  private readonly estimator = new TimeEstimator()
  private start: StartEvent | null = null
  private began = 0
  private drawn = Number.NEGATIVE_INFINITY
  private perStep = 0
  private images = 0
  private trainSeconds = 0
  private testSeconds = 0

  constructor(private readonly options: ReporterOptions) {
    this.status = new StatusLine(options.terminal)
    this.now = options.now ?? (() => performance.now())
  }

  readonly onEvent = (event: TrainingEvent): void => {
    const { live, columns } = this.options.terminal
    this.estimator.heed(event, this.now() / 1000)
    switch (event.type) {
      case 'start':
        this.start = event
        this.began = this.now()
        this.drawn = this.now()
        for (const line of runHeader(event, live ? columns() : null)) this.status.print(line)
        break
      case 'step':
        this.step(event)
        break
      case 'features':
        this.features(event)
        break
      case 'evaluation':
        if (live && this.due(REDRAW_MILLISECONDS)) this.show(this.testPieces(event))
        break
      case 'epoch':
        this.testSeconds += event.testSeconds
        for (const line of this.epochLines(event)) this.status.print(line)
        this.drawn = this.now()
        break
      case 'warning':
        this.status.clear()
        this.options.warn(event.message)
        break
      default:
    }
  }

  effort(): Effort | null {
    if (this.trainSeconds === 0) return null
    return {
      seconds: (this.now() - this.began) / 1000,
      testSeconds: this.testSeconds,
      imagesPerSecond: this.images / this.trainSeconds,
    }
  }

  stopping(): void {
    if (this.options.terminal.live) this.status.show('finishing the step …')
  }

  end(): void {
    this.status.clear()
  }

  private step(event: StepEvent): void {
    // A running average: quick to settle, calm afterwards.
    this.perStep = this.perStep === 0 ? event.seconds : 0.95 * this.perStep + 0.05 * event.seconds
    this.images += event.images
    this.trainSeconds += event.seconds
    if (this.options.terminal.live) {
      if (event.batch === event.batchesPerEpoch || this.due(REDRAW_MILLISECONDS)) this.show(this.stepPieces(event))
    } else if (this.due(PLAIN_LINE_MILLISECONDS)) {
      this.status.print(fitted(this.stepPieces(event), Number.POSITIVE_INFINITY))
    }
  }

  private features({ on, pass, passes, imagesDone, images }: FeaturesEvent): void {
    const which = `${on === 'train' ? 'training' : on} images${passes > 1 ? `, pass ${pass} of ${passes}` : ''}`
    const { live } = this.options.terminal
    if (imagesDone === images || this.due(live ? REDRAW_MILLISECONDS : PLAIN_LINE_MILLISECONDS)) {
      const text = `features of the ${which}: ${grouped(imagesDone)}/${grouped(images)}`
      if (live) this.show([{ text, rank: 0 }])
      else this.status.print(text)
    }
  }

  private due(milliseconds: number): boolean {
    const now = this.now()
    if (now - this.drawn < milliseconds) return false
    this.drawn = now
    return true
  }

  private stepPieces({ epoch, batch, batchesPerEpoch, images, running }: StepEvent): Piece[] {
    const left = this.estimator.left(this.now() / 1000)
    const done = Math.round((BAR * batch) / batchesPerEpoch)
    return [
      this.epochPiece(epoch),
      ...(this.options.terminal.live ? [{ text: '█'.repeat(done) + '░'.repeat(BAR - done), rank: 6 }] : []),
      { text: `${String(batch).padStart(String(batchesPerEpoch).length)}/${batchesPerEpoch}`, rank: 1 },
      { text: `loss ${running.loss.toFixed(3)}`, rank: 2 },
      { text: `${this.errorName} ${percent(running.top1Error, 1)}`, rank: 3 },
      { text: `${rounded(images / this.perStep)} images/s`, rank: 5 },
      ...this.leftPieces(left),
    ]
  }

  /** With several labels an image is right when all of them are. */
  private get errorName(): string {
    if (this.start?.pixels) return 'pixel error'
    return this.start?.multiLabel ? 'subset error' : 'error'
  }

  private testPieces({ epoch, batch, batches }: EvaluationEvent): Piece[] {
    const left = this.estimator.left(this.now() / 1000)
    return [this.epochPiece(epoch), { text: `testing ${batch}/${batches}`, rank: 1 }, ...this.leftPieces(left)]
  }

  private epochPiece(epoch: number): Piece {
    const { epochs } = this.start!
    return { text: `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`, rank: 0 }
  }

  private leftPieces(left: TimeLeft | null): Piece[] {
    if (left === null) return []
    const all = { text: `(all: ${duration(left.run)})`, rank: 7 }
    return [{ text: `${duration(left.epoch)} left`, rank: 4 }, ...(this.start!.epochs > 1 ? [all] : [])]
  }

  private show(pieces: readonly Piece[]): void {
    this.status.show(room => fitted(pieces, room))
  }

  private epochLines(event: EpochEvent): string[] {
    const { epoch, epochs, train, on, test, isBest, seconds, testSeconds, learningRate, waitingShare } = event
    const { live, columns, colours } = this.options.terminal
    const figures = `train loss ${train.loss.toFixed(3)}  ${this.errorName} ${percent(train.top1Error)}`
    const tested = test ? `${on} loss ${test.loss.toFixed(3)}  ${figure(test)}` : ''
    const rate = `lr ${Number(learningRate.toPrecision(3))}`
    const waiting = waitingShare >= 0.01 ? `${percent(100 * waitingShare, 0)} waiting for data` : ''
    const parts = [
      `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}  ${figures}`,
      ...(test ? [tested, isBest ? 'best' : '    '] : []),
      duration(seconds + testSeconds),
      rate,
      ...(waiting === '' ? [] : [waiting]),
    ]
    const whole = parts.join('   ')
    const words = parts.flatMap(part => part.trim().split(/ {2}(?=[a-z])/)).filter(Boolean)
    const lines = live && whole.length > columns() ? wrapped(words, columns()) : [whole]
    const dimmed = (line: string, text: string): string => (text === '' ? line : line.replace(text, colours.dim(text)))
    return lines.map(line => dimmed(dimmed(isBest ? line.replace(tested, colours.bold(tested)) : line, rate), waiting))
  }
}

/** A part of the progress line; those with the highest rank go first when there is no room. */
interface Piece {
  readonly text: string
  readonly rank: number
}

function fitted(pieces: readonly Piece[], room: number): string {
  const text = pieces.map(piece => piece.text).join('  ')
  if (pieces.length <= 1 || text.length <= room) return text
  const worst = Math.max(...pieces.map(({ rank }) => rank))
  return fitted(
    pieces.filter(({ rank }) => rank !== worst),
    room,
  )
}
