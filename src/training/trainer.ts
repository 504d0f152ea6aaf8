// The training loop. It knows a session, two sources of batches and a schedule; files and terminals are its listeners.
// Everything it remembers between two rounds is in `Progress`, so it can stop after any and go on with the same bits. Of
// several ranks each goes through the same loop, and all agree on when to stop and save.

import type { Session } from '../engine/session.js'
import { DenseNetError } from '../errors.js'
import type { Batch } from '../images/dataset.js'
import { gather } from '../ranks/message.js'
import { ALONE, type Ranks } from '../ranks/ranks.js'
import { evaluateBatches, type News, NO_NEWS } from './evaluation.js'
import type { EpochScore, TrainingListener } from './events.js'
import { badness } from './judged.js'
import type { LayerStatistics } from './layer-statistics.js'
import { addMetrics, averageMetrics, type Metrics, NO_METRICS } from './metrics.js'
import { afterEpoch } from './plateau.js'
import { BEGINNING, isFinished, type Progress } from './progress.js'
import type { Recipe } from './recipe.js'
import { inRounds, type Round, roundsOf } from './rounds.js'
import type { Schedule } from './schedule.js'
import type { BatchSource } from './source.js'
import { type Steps, stepsOf, type Trained } from './steps.js'
import type { Evaluator } from './views.js'

export type LoopRecipe = Pick<Recipe, 'accumulate' | 'ema' | 'patience' | 'plateauPatience' | 'schedule'>
export type SaveKind = 'last' | 'best' | 'kept'

export interface Sources {
  readonly train: BatchSource
  /** Evaluated after each epoch. */
  readonly test: BatchSource | null
}

export interface TrainerOptions extends Sources {
  readonly session: Session
  /** Of several, with a session that shares its gradient; default: there is one. */
  readonly ranks?: Ranks
  /** Of several ranks: what else they tell each other between two rounds. */
  readonly news?: News | undefined
  /** Of several ranks: what all must have in common after each epoch. */
  readonly fingerprint?: () => Promise<string>
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
  /** True when it ended for want of a better epoch. */
  readonly early: boolean
  /** Whether the scores are on validation images (held out of the training ones, or the data set's own), not on test images. */
  readonly heldOut: boolean
  /** After the last epoch; null without test images. With validation images both scores are on those. */
  readonly final: EpochScore | null
  /** The best epoch, by what `judgedBy` says: picked by looking at the test images, so optimistic. */
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
  private readonly ranks: Ranks
  private readonly news: News
  private readonly steps: Steps
  /** Of several ranks: whether they have agreed to stop. */
  private agreedToStop = false

  constructor(private readonly options: TrainerOptions) {
    this.progress = options.from ?? BEGINNING
    this.ranks = options.ranks ?? ALONE
    this.news = options.news ?? NO_NEWS
    this.steps = stepsOf(options.session, this.ranks)
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

  private get asked(): boolean {
    return this.options.signal?.aborted ?? false
  }

  private get stopping(): boolean {
    return this.ranks.size > 1 ? this.agreedToStop : this.asked
  }

  private get saveDue(): boolean {
    return performance.now() - this.saved >= 1000 * this.options.checkpointSeconds
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
    const { train, recipe } = this.options
    const { rank, size: ranks } = this.ranks
    const { batchesPerEpoch } = train
    const { epoch, nextBatch } = this.progress
    const start = performance.now()
    let previous = start
    let waited = 0
    const rounds = roundsOf({ batchesPerEpoch, accumulate: recipe.accumulate, ranks }, nextBatch)
    for await (const { round, batch } of inRounds(train, epoch, rounds, rank)) {
      const waitedSeconds = (performance.now() - previous) / 1000
      waited += waitedSeconds
      // One that was stopped while it waited may have no more batches.
      if (batch === null && this.stopping) break
      const agreed = await this.agree(batch)
      if (this.stopping) break
      await this.round(round, batch, agreed.sizes, { began: previous, waitedSeconds })
      if (this.stopping) break
      if (ranks > 1 ? agreed.save : this.saveDue) await this.save('last')
      previous = performance.now()
    }
    return { seconds: (performance.now() - start) / 1000, waitedSeconds: waited }
  }

  /** What all ranks do next. Rank 0's clock says when to save. */
  private async agree(batch: Batch | null): Promise<{ sizes: number[]; save: boolean }> {
    const size = batch?.size ?? 0
    if (this.ranks.size === 1) return { sizes: [size], save: false }
    const own = { size, stop: this.asked, save: this.saveDue, news: this.news.take() }
    const all = (await gather(this.ranks, own)).map(({ facts }) => facts)
    this.news.hear(all.map(({ news }) => news))
    this.agreedToStop = all.some(({ stop }) => stop)
    return { sizes: all.map(({ size }) => size), save: all[0]!.save }
  }

  private get averageKeeps(): number {
    const { ema } = this.options.recipe
    const { updates } = this.progress
    return ema === null ? 0 : Math.min(ema, (1 + updates) / (10 + updates))
  }

  private async round(
    round: Round,
    batch: Batch | null,
    sizes: readonly number[],
    { began, waitedSeconds }: { readonly began: number; readonly waitedSeconds: number },
  ): Promise<void> {
    const { seed, train, layers, onEvent } = this.options
    const { epoch, step, updates, pendingImages } = this.progress
    const { update, end } = round
    const learningRate = this.learningRate(end)
    const args = { learningRate, seed, step, updates, pendingImages, update, averageKeeps: this.averageKeeps }
    const trained = await this.steps.round(batch, { ...args, round, sizes })
    const images = sizes.reduce((sum, size) => sum + size, pendingImages)
    const seconds = (performance.now() - began) / 1000 / trained.length
    for (const done of trained) this.count(done, { seconds, waitedSeconds: waitedSeconds / trained.length })
    this.progress = {
      ...this.progress,
      nextBatch: end,
      updates: updates + (update && images > 0 ? 1 : 0),
      pendingImages: update ? 0 : images,
    }
    // At once: a checkpoint between this step and the evaluation does not have its gradients.
    if (layers && end === train.batchesPerEpoch && trained.length > 0) {
      onEvent({ type: 'layers', epoch, step: this.progress.step, tensors: await layers() })
    }
  }

  /** Of a batch that was trained on. */
  private count(
    { index, images, losses, ranks, pixels }: Trained,
    times: { readonly seconds: number; readonly waitedSeconds: number },
  ): void {
    const { onEvent, train, memoryBytes = NOT_KNOWN } = this.options
    const { epoch, step, sums } = this.progress
    const learningRate = this.learningRate(index + 1)
    const { loss, top1Error } = averageMetrics(addMetrics(NO_METRICS, losses, ranks, pixels))
    if (!Number.isFinite(loss)) {
      throw divergence(`the loss is ${loss} at epoch ${epoch}, step ${index + 1}`, learningRate)
    }
    this.progress = { ...this.progress, step: step + 1, sums: addMetrics(sums, losses, ranks, pixels) }
    onEvent({
      type: 'step',
      epoch,
      batch: index + 1,
      batchesPerEpoch: train.batchesPerEpoch,
      step: step + 1,
      learningRate,
      loss,
      top1Error,
      images,
      running: averageMetrics(this.progress.sums),
      ...times,
      memoryBytes: memoryBytes(),
    })
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
    const waitingShare = await this.compare(seconds > 0 ? waitedSeconds / seconds : 0)
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
      waitingShare,
      memoryBytes: memoryNow,
    })
    if (isBest) await this.save('best')
    if (keepBest > 1 && ranking.some(score => score.epoch === epoch)) await this.save('kept')
    const age = (performance.now() - this.saved) / 1000
    if (this.finished || age >= leastCheckpointSeconds) await this.save('last')
  }

  /** Refuses ranks whose parameters are not the same any more. The largest of the waiting shares. */
  private async compare(waitingShare: number): Promise<number> {
    const { fingerprint } = this.options
    if (this.ranks.size === 1) return waitingShare
    const own = { waitingShare, news: this.news.take(), print: (await fingerprint?.()) ?? '' }
    const all = (await gather(this.ranks, own)).map(({ facts }) => facts)
    this.news.hear(all.map(({ news }) => news))
    const other = all.findIndex(({ print }) => print !== all[0]!.print)
    if (other > 0) {
      const { epoch } = this.progress
      throw new DenseNetError(`rank ${other} has other parameters than rank 0 after epoch ${epoch}`, {
        hint: 'its machine computes wrongly, or otherwise; the last checkpoint is from before this',
      })
    }
    return Math.max(...all.map(({ waitingShare }) => waitingShare))
  }

  private async evaluate(): Promise<Metrics | null> {
    const { session, test, evaluator, onEvent } = this.options
    const { ranks, news } = this
    const { epoch } = this.progress
    if (!test) return null
    const goOn = (batch: number): boolean => {
      onEvent({ type: 'evaluation', epoch, batch, batches: test.batchesPerEpoch })
      return !this.asked
    }
    const evaluated = await evaluateBatches(session, test, { evaluator, ranks, goOn, news })
    if (evaluated === null) this.agreedToStop = true
    return evaluated?.metrics ?? null
  }

  private async save(kind: SaveKind): Promise<void> {
    if (this.progress.pendingImages > 0) await this.steps.completeSum()
    await this.options.save(kind, this.progress)
    if (kind === 'last') this.saved = performance.now()
  }
}

/** With one more score, best first; of equal ones the earlier comes first. */
function ranked(ranking: readonly EpochScore[], score: EpochScore | null, keep: number): EpochScore[] {
  const all = [...ranking, ...(score ? [score] : [])]
  return all.sort((a, b) => badness(a) - badness(b) || a.epoch - b.epoch).slice(0, keep)
}

function divergence(what: string, learningRate: number): DenseNetError {
  return new DenseNetError(`${what} (learning rate ${learningRate})`, {
    hint: `try a lower learning rate (--lr ${Number((learningRate / 10).toPrecision(3))}); the last checkpoint is from before this`,
  })
}
