// What happens during training, as one stream of plain objects. The terminal, the log file and a user's own callback
// are readers of the same events.
import type { MemoryMode } from '../engine/planner.js'
import type { LayerStatistics } from './layer-statistics.js'
import type { Metrics } from './metrics.js'
import type { Recipe } from './recipe.js'

/** An epoch and how well the network does after it. */
export interface EpochScore extends Metrics {
  readonly epoch: number
}

/** The network that is trained. */
export interface NetworkFacts {
  readonly name: string
  readonly depth: number
  readonly parameters: number
  /** For one image. */
  readonly multiplyAdds: number
}

/** What it is trained on, and in how much memory. */
export interface ComputeFacts {
  /** "native: AVX-512, 2 threads" */
  readonly backend: string
  readonly memory: MemoryMode
  /** Why that mode, when it was for the program to choose; else null. */
  readonly memoryReason: string | null
  /** What the whole process is predicted to take, but for the data set's images. */
  readonly plannedBytes: number
  /** How many processes share the batches of an update; absent: there is one. */
  readonly ranks?: number
}

/** A run begins, or goes on. */
export interface StartEvent {
  readonly type: 'start'
  readonly network: NetworkFacts
  readonly compute: ComputeFacts
  readonly dataset: string
  readonly recipe: Recipe
  readonly epochs: number
  readonly batchesPerEpoch: number
  readonly trainImages: number
  /** Evaluated after each epoch: test images, or validation images. */
  readonly testImages: number
  /** Which images these are; absent in logs from before it was told. */
  readonly on?: 'test' | 'validation'
  /** Whether the images may have several labels. */
  readonly multiLabel?: boolean
  /** Whether every pixel has a class. */
  readonly pixels?: boolean
  /** Where it goes on: epoch 1, batch 0 for a fresh run. */
  readonly epoch: number
  readonly batch: number
  readonly step: number
}

/** A batch is trained on. Losses are means over images, errors in percent, times in seconds. */
export interface StepEvent {
  readonly type: 'step'
  /** From 1. */
  readonly epoch: number
  /** Batches of this epoch done, this one included. */
  readonly batch: number
  readonly batchesPerEpoch: number
  /** Steps of the whole run done, this one included. */
  readonly step: number
  readonly learningRate: number
  /** Of this batch. */
  readonly loss: number
  readonly top1Error: number
  readonly images: number
  /** Of the epoch so far. */
  readonly running: Metrics
  /** From batch to batch, with and without waiting for the data. */
  readonly seconds: number
  readonly waitedSeconds: number
  /** Of the whole process, resident now. */
  readonly memoryBytes: number
}

/** Features are computed, to be kept: see Recipe.featurePasses. */
export interface FeaturesEvent {
  readonly type: 'features'
  /** Which images these are. */
  readonly on: 'train' | 'test' | 'validation'
  /** From 1. */
  readonly pass: number
  readonly passes: number
  readonly imagesDone: number
  readonly images: number
}

/** A batch of the evaluation after an epoch is done. */
export interface EvaluationEvent {
  readonly type: 'evaluation'
  readonly epoch: number
  readonly batch: number
  readonly batches: number
}

/** An epoch is trained and evaluated. Losses are means over images, errors in percent, times in seconds. */
export interface EpochEvent {
  readonly type: 'epoch'
  readonly epoch: number
  readonly epochs: number
  readonly step: number
  /** Rate of its last step. */
  readonly learningRate: number
  /** Averages while training, over the changing weights and augmented images. */
  readonly train: Metrics
  /** Which images `test` is on: the test images, or validation images. */
  readonly on: 'test' | 'validation'
  /** After the epoch; null without any images. */
  readonly test: Metrics | null
  /** The best epoch so far, by what `judgedBy` says; null without test images. */
  readonly best: EpochScore | null
  readonly isBest: boolean
  /** Training alone, and the evaluation after it, since the start or the resumption. */
  readonly seconds: number
  readonly testSeconds: number
  /** Share of the training time spent waiting for data, 0..1; of several ranks the largest. */
  readonly waitingShare: number
  /** Of the whole process, resident after the epoch's training. */
  readonly memoryBytes: number
}

/** After an epoch's last step, before its evaluation, if it was asked for. */
export interface LayersEvent {
  readonly type: 'layers'
  readonly epoch: number
  /** Steps of the whole run done. */
  readonly step: number
  /** Every tensor of parameters: its weights after that step, and the gradients (as Session.gradients has them) of its
   * update. */
  readonly tensors: readonly LayerStatistics[]
}

/** A checkpoint was written. */
export interface CheckpointEvent {
  readonly type: 'checkpoint'
  readonly path: string
  /** `kept`: one of the best, of which more than one are kept. */
  readonly kind: 'last' | 'best' | 'kept'
  readonly epoch: number
  readonly batch: number
  readonly step: number
}

/** Something is not as it should be, and the run goes on. */
export interface WarningEvent {
  readonly type: 'warning'
  readonly message: string
}

/** Stopped on request, after a whole step. */
export interface StopEvent {
  readonly type: 'stop'
  readonly epoch: number
  readonly batch: number
  readonly step: number
}

/** All epochs are done, or there is nothing to be had from more of them. Errors in percent. */
export interface EndEvent {
  readonly type: 'end'
  /** After the last epoch: the honest figure. */
  readonly final: EpochScore | null
  /** The best epoch: picked by looking at the test images, so optimistic. */
  readonly best: EpochScore | null
  /** Ended before its last epoch, for want of a better one. */
  readonly early: boolean
}

/** Everything that happens in a run; `type` tells which. */
export type TrainingEvent =
  | StartEvent
  | FeaturesEvent
  | StepEvent
  | EvaluationEvent
  | EpochEvent
  | LayersEvent
  | CheckpointEvent
  | WarningEvent
  | StopEvent
  | EndEvent

/** Hears of every event as it happens, in order. It is called between two steps, so the training waits for it to
 * return, but never for a promise; what it throws ends the training. Slow work is to be begun here and awaited
 * elsewhere. */
export type TrainingListener = (event: TrainingEvent) => void
