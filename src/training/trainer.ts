// The training loop. It knows a session, two sources of batches and a schedule; files and terminals are its listeners.
// Everything it remembers between two steps is in `Progress`, so it can stop after any step and go on with the same bits.
import type { Batch } from '../data/dataset.js'
import type { Session } from '../engine/session.js'
import { DenseNetError } from '../errors.js'
import type { Progress } from './checkpoint.js'
import type { EpochScore, TrainingListener } from './events.js'
import { addMetrics, averageMetrics, type Metrics, NO_METRICS } from './metrics.js'
import type { Schedule } from './schedule.js'

/** Batches of an epoch (from 1) in their order; a loader is one. */
export interface BatchSource {
  readonly batchesPerEpoch: number
  epoch(epoch: number, options?: { readonly firstBatch?: number }): AsyncIterable<Batch>
}

export interface TrainerOptions {
  readonly session: Session
  readonly train: BatchSource
  readonly test: BatchSource | null
  readonly epochs: number
  readonly schedule: Schedule
  /** Keys the dropout masks. */
  readonly seed: number
  /** Where to go on; default: the beginning. */
  readonly from?: Progress
  readonly onEvent: TrainingListener
  /** Asked to keep the present state: at the start, every `checkpointSeconds`, after each epoch and on stopping. */
  readonly save: (kind: 'last' | 'best', progress: Progress) => Promise<void>
  readonly checkpointSeconds: number
  /** Aborting finishes the step, saves, and returns. */
  readonly signal?: AbortSignal | undefined
}

export interface TrainingResult {
  /** True when the signal ended it before the last epoch was done. */
  readonly stopped: boolean
  /** After the last epoch; null without test images. */
  readonly final: EpochScore | null
  /** The lowest test error of any epoch: picked by looking at the test set, so optimistic. */
  readonly best: EpochScore | null
  readonly progress: Progress
}

const BEGINNING: Progress = {
  epoch: 1,
  nextBatch: 0,
  step: 0,
  sums: NO_METRICS,
  final: null,
  best: null,
  logBytes: 0,
}

export async function train(options: TrainerOptions): Promise<TrainingResult> {
  return new Trainer(options).run()
}

class Trainer {
  private progress: Progress
  private saved = performance.now()

  constructor(private readonly options: TrainerOptions) {
    this.progress = options.from ?? BEGINNING
  }

  async run(): Promise<TrainingResult> {
    const { epochs, from, onEvent } = this.options
    if (!from) await this.save('last')
    while (this.progress.epoch <= epochs) {
      const { seconds, waitedSeconds } = await this.trainEpoch()
      if (!this.stopping) await this.finishEpoch(seconds, waitedSeconds)
      if (this.stopping && this.progress.epoch <= epochs) {
        await this.save('last')
        const { epoch, nextBatch, step } = this.progress
        onEvent({ type: 'stop', epoch, batch: nextBatch, step })
        return this.result(true)
      }
    }
    onEvent({ type: 'end', final: this.progress.final, best: this.progress.best })
    return this.result(false)
  }

  private get stopping(): boolean {
    return this.options.signal?.aborted ?? false
  }

  private result(stopped: boolean): TrainingResult {
    const { final, best } = this.progress
    return { stopped, final, best, progress: this.progress }
  }

  /** The rest of the epoch in progress, or as much of it as is wanted. */
  private async trainEpoch(): Promise<{ seconds: number; waitedSeconds: number }> {
    const { train, checkpointSeconds } = this.options
    const start = performance.now()
    let previous = start
    let waited = 0
    for await (const batch of train.epoch(this.progress.epoch, { firstBatch: this.progress.nextBatch })) {
      const waitedSeconds = (performance.now() - previous) / 1000
      waited += waitedSeconds
      await this.step(batch, previous, waitedSeconds)
      if (this.stopping) break
      if (performance.now() - this.saved >= 1000 * checkpointSeconds) await this.save('last')
      previous = performance.now()
    }
    return { seconds: (performance.now() - start) / 1000, waitedSeconds: waited }
  }

  private async step(batch: Batch, began: number, waitedSeconds: number): Promise<void> {
    const { session, train, epochs, schedule, seed, onEvent } = this.options
    const { epoch, step, sums } = this.progress
    const { batchesPerEpoch } = train
    // Batches whose images are all unreadable do not come.
    const nextBatch = batch.index
    const learningRate = schedule({ epoch, iteration: nextBatch + 1, epochs, batchesPerEpoch })
    const { losses, ranks } = await session.trainStep(batch, { learningRate, seed, step })
    const own = addMetrics(NO_METRICS, losses, ranks)
    const { loss, top1Error } = averageMetrics(own)
    if (!Number.isFinite(loss)) throw divergence(`the loss is ${loss}`, this.progress, learningRate)
    this.progress = {
      ...this.progress,
      nextBatch: nextBatch + 1,
      step: step + 1,
      sums: addMetrics(sums, losses, ranks),
    }
    onEvent({
      type: 'step',
      epoch,
      batch: nextBatch + 1,
      batchesPerEpoch,
      step: step + 1,
      learningRate,
      loss,
      top1Error,
      images: batch.size,
      running: averageMetrics(this.progress.sums),
      seconds: (performance.now() - began) / 1000,
      waitedSeconds,
    })
  }

  /** Evaluates, reports, and saves; leaves the epoch unfinished when stopped in between. */
  private async finishEpoch(seconds: number, waitedSeconds: number): Promise<void> {
    const { epochs, schedule, train, onEvent } = this.options
    const { batchesPerEpoch } = train
    const { epoch, step, sums, best: before } = this.progress
    const start = performance.now()
    const test = await this.evaluate()
    if (this.stopping && this.options.test && test === null) return
    const final = test && { epoch, ...test }
    const isBest = final !== null && (before === null || final.top1Error < before.top1Error)
    const best = isBest ? final : before
    this.progress = { ...this.progress, epoch: epoch + 1, nextBatch: 0, sums: NO_METRICS, final, best }
    onEvent({
      type: 'epoch',
      epoch,
      epochs,
      step,
      learningRate: schedule({ epoch, iteration: batchesPerEpoch, epochs, batchesPerEpoch }),
      train: averageMetrics(sums),
      test,
      best,
      isBest,
      seconds,
      testSeconds: (performance.now() - start) / 1000,
      waitingShare: seconds > 0 ? waitedSeconds / seconds : 0,
    })
    if (isBest) await this.save('best')
    await this.save('last')
  }

  private async evaluate(): Promise<Metrics | null> {
    const { session, test, onEvent } = this.options
    const { epoch } = this.progress
    if (!test) return null
    return evaluateBatches(session, test, batch => {
      onEvent({ type: 'evaluation', epoch, batch, batches: test.batchesPerEpoch })
      return !this.stopping
    })
  }

  private async save(kind: 'last' | 'best'): Promise<void> {
    await this.options.save(kind, this.progress)
    if (kind === 'last') this.saved = performance.now()
  }
}

function divergence(what: string, { epoch, nextBatch }: Progress, learningRate: number): DenseNetError {
  return new DenseNetError(`${what} at epoch ${epoch}, step ${nextBatch + 1} (learning rate ${learningRate})`, {
    hint: `try a lower learning rate (--lr ${Number((learningRate / 10).toPrecision(3))}); the last checkpoint is from before this`,
  })
}

/** Loss and errors over all batches; null when `goOn` says no after one. */
export async function evaluateBatches(
  session: Session,
  source: BatchSource,
  goOn: (batchesDone: number) => boolean = () => true,
): Promise<Metrics | null> {
  let sums = NO_METRICS
  let done = 0
  for await (const batch of source.epoch(1)) {
    const { losses, ranks } = await session.evaluate(batch)
    sums = addMetrics(sums, losses, ranks)
    if (!goOn(++done)) return null
  }
  return averageMetrics(sums)
}
