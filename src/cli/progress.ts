// Training as a person watches it: a reader of the event stream. On a terminal one line that is written over, else one
// line per epoch and one a minute in between; as JSON lines with --json; nothing with --quiet.
import { describeAugmentation, withoutChance } from '../data/augment.js'
import type {
  EpochEvent,
  FeaturesEvent,
  StartEvent,
  StepEvent,
  TrainingEvent,
  TrainingListener,
} from '../training/events.js'
import { machineBytes } from '../training/memory.js'
import { isMeant, type Recipe } from '../training/recipe.js'
import { bytes, duration, grouped, percent, rounded, short, wrapped } from './format.js'
import { StatusLine, type Terminal } from './terminal.js'
import { unusualWords } from './training-options.js'

export interface Reporter {
  readonly onEvent: TrainingListener
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
  if (options.quiet) return { onEvent: () => {}, stopping: () => {}, end: () => {} }
  return new TerminalReporter(options)
}

function jsonReporter(terminal: Terminal): Reporter {
  const onEvent = (event: TrainingEvent): void => {
    if (event.type !== 'evaluation' && event.type !== 'features') terminal.write(`${JSON.stringify(event)}\n`)
  }
  return { onEvent, stopping: () => {}, end: () => {} }
}

class TerminalReporter implements Reporter {
  private readonly status: StatusLine
  private readonly now: () => number
  private start: StartEvent | null = null
  private drawn = Number.NEGATIVE_INFINITY
  private perStep = 0
  private perEpochTest = 0

  constructor(private readonly options: ReporterOptions) {
    this.status = new StatusLine(options.terminal)
    this.now = options.now ?? (() => performance.now())
  }

  readonly onEvent = (event: TrainingEvent): void => {
    switch (event.type) {
      case 'start':
        this.start = event
        this.drawn = this.now()
        for (const line of header(event)) this.status.print(line)
        break
      case 'step':
        this.step(event)
        break
      case 'features':
        this.features(event)
        break
      case 'evaluation':
        if (this.due(REDRAW_MILLISECONDS)) {
          this.status.show(
            this.fitted([`epoch ${event.epoch}/${this.start!.epochs}`, `testing ${event.batch}/${event.batches}`]),
          )
        }
        break
      case 'epoch':
        this.perEpochTest = event.testSeconds
        this.status.print(this.epochLine(event))
        this.drawn = this.now()
        break
      case 'warning':
        this.status.clear()
        this.options.warn(event.message)
        break
      default:
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
    const { live } = this.options.terminal
    if (!live && this.due(PLAIN_LINE_MILLISECONDS))
      this.status.print(
        this.pieces(event)
          .map(piece => piece.text)
          .join('  '),
      )
    if (live && (event.batch === event.batchesPerEpoch || this.due(REDRAW_MILLISECONDS))) {
      this.status.show(this.fittedPieces(this.pieces(event)))
    }
  }

  private features({ on, pass, passes, imagesDone, images }: FeaturesEvent): void {
    const which = `${on === 'train' ? 'training' : on} images${passes > 1 ? `, pass ${pass} of ${passes}` : ''}`
    const { live } = this.options.terminal
    if (imagesDone === images || this.due(live ? REDRAW_MILLISECONDS : PLAIN_LINE_MILLISECONDS)) {
      const text = `features of the ${which}: ${grouped(imagesDone)}/${grouped(images)}`
      if (live) this.status.show(this.fitted([text]))
      else this.status.print(text)
    }
  }

  private due(milliseconds: number): boolean {
    const now = this.now()
    if (now - this.drawn < (this.options.terminal.live ? Math.min(milliseconds, REDRAW_MILLISECONDS) : milliseconds))
      return false
    this.drawn = now
    return true
  }

  /** The parts of the progress line; those with the highest rank go first when there is no room. */
  private pieces(event: StepEvent): { text: string; rank: number }[] {
    const { epoch, batch, batchesPerEpoch, images, running } = event
    const { epochs } = this.start!
    const left = (batchesPerEpoch - batch) * this.perStep + this.perEpochTest
    const all = left + (epochs - epoch) * (batchesPerEpoch * this.perStep + this.perEpochTest)
    const done = Math.round((BAR * batch) / batchesPerEpoch)
    const width = String(epochs).length
    return [
      { text: `epoch ${String(epoch).padStart(width)}/${epochs}`, rank: 0 },
      ...(this.options.terminal.live ? [{ text: '█'.repeat(done) + '░'.repeat(BAR - done), rank: 6 }] : []),
      { text: `${String(batch).padStart(String(batchesPerEpoch).length)}/${batchesPerEpoch}`, rank: 1 },
      { text: `loss ${running.loss.toFixed(3)}`, rank: 2 },
      { text: `error ${percent(running.top1Error, 1)}`, rank: 3 },
      { text: `${rounded(images / this.perStep)} images/s`, rank: 5 },
      { text: `${duration(left)} left`, rank: 4 },
      ...(epochs > 1 ? [{ text: `(all: ${duration(all)})`, rank: 7 }] : []),
    ]
  }

  private fittedPieces(pieces: { text: string; rank: number }[]): string {
    const room = this.options.terminal.columns() - 1
    let kept = pieces
    while (kept.length > 1 && kept.map(({ text }) => text).join('  ').length > room) {
      const worst = Math.max(...kept.map(({ rank }) => rank))
      kept = kept.filter(({ rank }) => rank !== worst)
    }
    return this.fitted(kept.map(({ text }) => text))
  }

  private fitted(texts: string[]): string {
    return texts.join('  ').slice(0, this.options.terminal.columns() - 1)
  }

  private epochLine({
    epoch,
    epochs,
    train,
    on,
    test,
    isBest,
    seconds,
    testSeconds,
    learningRate,
    waitingShare,
  }: EpochEvent): string {
    const { bold, dim } = this.options.terminal.colours
    const figures = `train loss ${train.loss.toFixed(3)}  error ${percent(train.top1Error)}`
    const tested = test ? `${on} loss ${test.loss.toFixed(3)}  error ${percent(test.top1Error)}` : ''
    const parts = [
      `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}  ${figures}`,
      ...(test ? [isBest ? bold(tested) : tested, isBest ? 'best' : '    '] : []),
      duration(seconds + testSeconds),
      dim(`lr ${Number(learningRate.toPrecision(3))}`),
      ...(waitingShare >= 0.01 ? [dim(`${percent(100 * waitingShare, 0)} waiting for data`)] : []),
    ]
    return parts.join('   ')
  }
}

/** Where the classifier alone is trained on features that are computed before. */
function keptWords({ featurePasses, augmentation }: Recipe): string {
  const images = withoutChance(augmentation) ? 'the images as they are' : 'augmented images'
  const passes = featurePasses === 1 ? 'one pass' : `${featurePasses} passes, taken in turn`
  return `trained alone, on features of ${images} that are computed once: ${passes}`
}

const OPTIMIZER_TITLES = { sgd: 'SGD', adamw: 'AdamW', rmsprop: 'RMSprop' } as const

/** What is trained, on what, where. */
function header({
  network,
  dataset,
  trainImages,
  testImages,
  compute,
  recipe,
  epoch,
  batch,
  epochs,
}: StartEvent): string[] {
  const nesterov = recipe.nesterov && isMeant(recipe, 'nesterov')
  const judges = recipe.heldOut === null ? 'test' : 'validation'
  const augmentation = `normalise, ${describeAugmentation(recipe.augmentation)}`.replace(/, $/, '')
  const label = Math.max(network.name.length, dataset.length, 18)
  const line = (name: string, ...facts: string[]): string => [name.padEnd(label), ...facts].join('   ')
  const [backend, ...machine] = compute.backend.split(': ')
  return [
    line(
      network.name,
      `${grouped(network.parameters)} parameters`,
      `${short(network.multiplyAdds)} multiply-adds`,
      `${network.depth} layers`,
    ),
    line(dataset, `${grouped(trainImages)} training, ${grouped(testImages)} ${judges} images`, augmentation),
    line(
      backend!,
      ...machine,
      `${bytes(compute.plannedBytes)} planned of ${bytes(machineBytes())}`,
      `--memory ${compute.memory}${compute.memoryReason === null ? '' : ` (${compute.memoryReason})`}`,
    ),
    line(
      OPTIMIZER_TITLES[recipe.optimizer],
      `${grouped(epochs)} epoch${epochs > 1 ? 's' : ''} of batches of ${recipe.batchSize}`,
      `lr ${recipe.learningRate} ${recipe.schedule}`,
      ...(isMeant(recipe, 'momentum') ? [`momentum ${recipe.momentum}${nesterov ? ' (Nesterov)' : ''}`] : []),
      `weight decay ${recipe.weightDecay}`,
    ),
    ...(recipe.featurePasses > 0 ? [line('classifier', keptWords(recipe))] : []),
    ...wrapped(unusualWords(recipe), 96).map((text, i) => line(i === 0 ? 'with' : '', text)),
    ...(epoch > 1 || batch > 0 ? [`going on from epoch ${epoch}, step ${batch}`] : []),
  ]
}
