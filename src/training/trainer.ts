// The training loop. It knows a session, two sources of batches and a schedule; files and terminals are its listeners.
// Everything it remembers between two steps is in `Progress`, so it can stop after any step and go on with the same bits.

import type { Session } from '../engine/session.js'
import { DenseNetError } from '../errors.js'
import type { Batch } from '../images/dataset.js'
import type { EpochScore, TrainingListener } from './events.js'
import type { LayerStatistics } from './layer-statistics.js'
import { addMetrics, averageMetrics, type Metrics, NO_METRICS } from './metrics.js'
import { RankingCollector } from './multi-label.js'
import { afterEpoch } from './plateau.js'
import { BEGINNING, isFinished, type Progress } from './progress.js'
import type { Recipe } from './recipe.js'
import type { Schedule } from './schedule.js'
import { type Evaluator, evaluateOnce } from './views.js'

/** Batches of an epoch (from 1) in their order; a loader is one. */
export interface BatchSource {
  readonly batchesPerEpoch: number
  epoch(epoch: number, options?: { readonly firstBatch?: number }): AsyncIterable<Batch>
}

export type LoopRecipe = Pick<Recipe, 'accumulate' | 'ema' | 'patience' | 'plateauPatience' | 'schedule'>
export type SaveKind = 'last' | 'best' | 'kept'

export interface Sources {
  readonly train: BatchSource
  /** Evaluated after each epoch. */
  readonly test: BatchSource | null
}

export interface TrainerOptions extends Sources {
  readonly session: Session
  /** What those images are; default `test`. */
  readonly on?: 'test' | 'validation'
  /** How they are evaluated; default: each entry of a batch is an image. */
  readonly evaluator?: Evaluator
  readonly epochs: number
  readonly schedule: Schedule
  /** What of the recipe the loop itself needs. */
  readonly recipe: LoopRecipe
  /** How many of the best epochs are to be kept, at least 1. */
  readonly keepBest: number
  /** Keys the dropout masks. */
  readonly seed: number
  /** Where to go on; default: the beginning. */
  readonly from?: Progress
  readonly onEvent: TrainingListener
  /** Asked for after each epoch's last step, for the event `layers`; default: no such events. */
  readonly layers?: (() => Promise<readonly LayerStatistics[]>) | undefined
  /** Asked to keep the present state: at the start, every `checkpointSeconds`, after each epoch and on stopping. `kept`:
   * this epoch is among the best ones, of which more than one are kept. */
  readonly save: (kind: SaveKind, progress: Progress) => Promise<void>
  readonly checkpointSeconds: number
  /** After an epoch only where the last one is so old, but always at the end; default 0. */
  readonly leastCheckpointSeconds?: number | undefined
  /** Bytes that the whole process has resident, for the events; default: 0. */
  readonly memoryBytes?: (() => number) | undefined
  /** Aborting finishes the step, saves, and returns. */
  readonly signal?: AbortSignal | undefined
}

/** How a training ended. Errors in percent. */
export interface TrainingResult {
  /** True when the signal ended it before the last epoch was done. */
  readonly stopped: boolean
  /** True when it ended for want of a lower error. */
  readonly early: boolean
  /** Whether the scores are on validation images (held out of the training ones, or the data set's own), not on test images. */
  readonly heldOut: boolean
  /** After the last epoch; null without test images. With validation images both scores are on those. */
  readonly final: EpochScore | null
  /** The lowest test error (with several labels: the highest mean average precision) of any epoch: picked by looking at the
   * test set, so optimistic. */
  readonly best: EpochScore | null
  readonly progress: Progress
}

const NOT_KNOWN = (): number => 0

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
    const { from, onEvent } = this.options
    if (!from) await this.save('last')
    while (!this.finished) {
      const { seconds, waitedSeconds } = await this.trainEpoch()
      if (!this.stopping) await this.finishEpoch(seconds, waitedSeconds)
      if (this.stopping && !this.finished) {
        await this.save('last')
        const { epoch, nextBatch, step } = this.progress
        onEvent({ type: 'stop', epoch, batch: nextBatch, step })
        return this.result(true)
      }
    }
    const { final, best, early } = this.result(false)
    onEvent({ type: 'end', final, best, early })
    return this.result(false)
  }

  private get stopping(): boolean {
    return this.options.signal?.aborted ?? false
  }

  private get finished(): boolean {
    return isFinished(this.options.epochs, this.options.recipe.patience, this.progress)
  }

  private result(stopped: boolean): TrainingResult {
    const { final, ranking, epoch } = this.progress
    return {
      stopped,
      early: !stopped && epoch <= this.options.epochs,
      heldOut: this.options.on === 'validation',
      final,
      best: ranking[0] ?? null,
      progress: this.progress,
    }
  }

  /** The rate of the batch about to be trained on. */
  private learningRate(iteration: number): number {
    const { train, epochs, schedule } = this.options
    const { epoch, plateau } = this.progress
    return plateau.scale * schedule({ epoch, iteration, epochs, batchesPerEpoch: train.batchesPerEpoch })
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
      await this.passOver(batch.index)
      await this.step(batch, previous, waitedSeconds)
      if (this.stopping) break
      if (performance.now() - this.saved >= 1000 * checkpointSeconds) await this.save('last')
      previous = performance.now()
    }
    if (!this.stopping) await this.passOver(train.batchesPerEpoch)
    return { seconds: (performance.now() - start) / 1000, waitedSeconds: waited }
  }

  /** Whether the batch of this number (from 0) is the last of an update. */
  private endsUpdate(batch: number): boolean {
    const { recipe, train } = this.options
    return (batch + 1) % recipe.accumulate === 0 || batch + 1 === train.batchesPerEpoch
  }

  private get averageKeeps(): number {
    const { ema } = this.options.recipe
    const { updates } = this.progress
    return ema === null ? 0 : Math.min(ema, (1 + updates) / (10 + updates))
  }

  /** Batches whose images are all unreadable do not come. Makes the updates that those before `end` were to make, of the
   * gradients that there are. */
  private async passOver(end: number): Promise<void> {
    const { session } = this.options
    while (this.progress.pendingImages > 0 && this.progress.nextBatch < end) {
      const { nextBatch, updates, pendingImages } = this.progress
      this.progress = { ...this.progress, nextBatch: nextBatch + 1 }
      if (!this.endsUpdate(nextBatch)) continue
      const learningRate = this.learningRate(nextBatch + 1)
      await session.finishUpdate({ learningRate, updates, pendingImages, averageKeeps: this.averageKeeps })
      this.progress = { ...this.progress, updates: updates + 1, pendingImages: 0 }
    }
  }

  private async step(batch: Batch, began: number, waitedSeconds: number): Promise<void> {
    const { session, train, seed, onEvent, memoryBytes = NOT_KNOWN } = this.options
    const { epoch, step, updates, pendingImages, sums } = this.progress
    const { batchesPerEpoch } = train
    const nextBatch = batch.index
    const learningRate = this.learningRate(nextBatch + 1)
    const update = this.endsUpdate(nextBatch)
    const args = { learningRate, seed, step, updates, pendingImages, update, averageKeeps: this.averageKeeps }
    const { losses, ranks } = await session.trainStep(batch, args)
    const own = addMetrics(NO_METRICS, losses, ranks)
    const { loss, top1Error } = averageMetrics(own)
    if (!Number.isFinite(loss))
      throw divergence(`the loss is ${loss} at epoch ${epoch}, step ${nextBatch + 1}`, learningRate)
    this.progress = {
      ...this.progress,
      nextBatch: nextBatch + 1,
      step: step + 1,
      updates: updates + (update ? 1 : 0),
      pendingImages: update ? 0 : pendingImages + batch.size,
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
      memoryBytes: memoryBytes(),
    })
    // At once: a checkpoint between this step and the evaluation does not have its gradients.
    const { layers } = this.options
    if (layers && nextBatch + 1 === batchesPerEpoch) {
      onEvent({ type: 'layers', epoch, step: step + 1, tensors: await layers() })
    }
  }

  /** Evaluates, reports, and saves; leaves the epoch unfinished when stopped in between. */
  private async finishEpoch(seconds: number, waitedSeconds: number): Promise<void> {
    const {
      epochs,
      train,
      onEvent,
      recipe,
      keepBest,
      leastCheckpointSeconds = 0,
      memoryBytes = NOT_KNOWN,
    } = this.options
    const { epoch, step, sums, plateau } = this.progress
    const learningRate = this.learningRate(train.batchesPerEpoch)
    const memoryNow = memoryBytes()
    const start = performance.now()
    const test = await this.evaluate()
    if (this.stopping && this.options.test && test === null) return
    if (test && !Number.isFinite(test.loss)) {
      throw divergence(
        `the loss of the ${this.options.on ?? 'test'} images is ${test.loss} after epoch ${epoch}`,
        learningRate,
      )
    }
    const final = test && { epoch, ...test }
    const ranking = ranked(this.progress.ranking, final, keepBest)
    const isBest = final !== null && ranking[0]!.epoch === epoch
    this.progress = {
      ...this.progress,
      epoch: epoch + 1,
      nextBatch: 0,
      sums: NO_METRICS,
      plateau: test && recipe.schedule === 'plateau' ? afterEpoch(plateau, test.loss, recipe.plateauPatience) : plateau,
      final,
      ranking,
    }
    onEvent({
      type: 'epoch',
      epoch,
      epochs,
      step,
      learningRate,
      train: averageMetrics(sums),
      on: this.options.on ?? 'test',
      test,
      best: ranking[0] ?? null,
      isBest,
      seconds,
      testSeconds: (performance.now() - start) / 1000,
      waitingShare: seconds > 0 ? waitedSeconds / seconds : 0,
      memoryBytes: memoryNow,
    })
    if (isBest) await this.save('best')
    if (keepBest > 1 && ranking.some(score => score.epoch === epoch)) await this.save('kept')
    const age = (performance.now() - this.saved) / 1000
    if (this.finished || age >= leastCheckpointSeconds) await this.save('last')
  }

  private async evaluate(): Promise<Metrics | null> {
    const { session, test, evaluator, onEvent } = this.options
    const { epoch } = this.progress
    if (!test) return null
    const goOn = (batch: number): boolean => {
      onEvent({ type: 'evaluation', epoch, batch, batches: test.batchesPerEpoch })
      return !this.stopping
    }
    return evaluateBatches(session, test, goOn, evaluator)
  }

  private async save(kind: SaveKind): Promise<void> {
    await this.options.save(kind, this.progress)
    if (kind === 'last') this.saved = performance.now()
  }
}

/** With one more score, best first; of equal ones the earlier comes first. */
function ranked(ranking: readonly EpochScore[], score: EpochScore | null, keep: number): EpochScore[] {
  const all = [...ranking, ...(score ? [score] : [])]
  return all.sort((a, b) => badness(a) - badness(b) || a.epoch - b.epoch).slice(0, keep)
}

/** Lower is better. Where images may have several labels few are right in all of them: what counts is the ranking. */
const badness = ({ top1Error, meanAveragePrecision }: EpochScore): number =>
  meanAveragePrecision === undefined ? top1Error : -(meanAveragePrecision ?? 0)

function divergence(what: string, learningRate: number): DenseNetError {
  return new DenseNetError(`${what} (learning rate ${learningRate})`, {
    hint: `try a lower learning rate (--lr ${Number((learningRate / 10).toPrecision(3))}); the last checkpoint is from before this`,
  })
}

/** Loss and errors over all batches, and the ranking where they have targets; null when `goOn` says no after one. */
export async function evaluateBatches(
  session: Session,
  source: BatchSource,
  goOn: (batchesDone: number) => boolean = () => true,
  evaluator: Evaluator = evaluateOnce,
): Promise<Metrics | null> {
  let sums = NO_METRICS
  let done = 0
  const ranking = new RankingCollector()
  for await (const batch of source.epoch(1)) {
    const { losses, ranks, several } = await evaluator(session, batch)
    sums = addMetrics(sums, losses, ranks)
    if (several) ranking.add(several.scores, several.targets, losses.length)
    if (!goOn(++done)) return null
  }
  return { ...averageMetrics(sums), ...ranking.means() }
}
