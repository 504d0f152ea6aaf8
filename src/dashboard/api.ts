// What goes over the wire, as both sides see it: the server's answers and the page's questions. Types only.
import type { MemoryMode } from '../engine/planner.js'
import type { MaskPictures } from '../evaluation/mask-pictures.js'
import type { PixelReport } from '../evaluation/pixel-report.js'
import type { Report } from '../evaluation/report.js'
import type { TrainingMemory } from '../fitting/memory.js'
import type { Prediction } from '../inference/classify.js'
import type { FeatureReuse } from '../inspect/feature-reuse.js'
import type { LayerFacts } from '../model/operations.js'
import type { RunState } from '../runs/run-state.js'
import type { EpochScore } from '../training/events.js'
import type { Metrics } from '../training/metrics.js'

/** Every error of the API: status 4xx or 5xx with this as its body. */
export interface Failure {
  readonly error: string
  readonly hint?: string | undefined
}

/** A run as the list shows it; sent anew whenever it changes. Times are milliseconds since 1970. */
export interface RunSummary {
  /** Its folder's path under the served one; "." for the served folder itself. */
  readonly id: string
  readonly state: RunState | 'damaged'
  /** What is wrong with a damaged one. */
  readonly problem: string | null
  readonly model: string
  readonly dataset: string
  readonly parameters: number | null
  readonly epochs: number
  readonly batchesPerEpoch: number
  /** Since when it trains, and when its log last grew. */
  readonly started: number | null
  readonly updated: number
  /** Whole epochs that are done, and steps. */
  readonly epochsDone: number
  readonly step: number
  /** Which images the scores are on. */
  readonly on: 'test' | 'validation'
  /** After the last whole epoch. */
  readonly last: EpochScore | null
  readonly best: EpochScore | null
  /** The last step; null without one. */
  readonly now: Moment | null
  /** Time left by the present pace, in seconds; null when nothing is left or not known. */
  readonly secondsLeft: number | null
}

export interface Moment {
  readonly epoch: number
  readonly batch: number
  readonly loss: number
  readonly top1Error: number
  readonly learningRate: number
  readonly imagesPerSecond: number
  readonly memoryBytes: number | null
}

/** Answer of /api/settings: everything that was asked for, flat, as text: "recipe.batchSize" -> "64". */
export type Settings = Readonly<Record<string, string>>

/** What is logged at every step. Errors in percent, throughput in images a second, memory in bytes. */
export const stepMetrics = ['loss', 'error', 'learningRate', 'throughput', 'memory'] as const
export type StepMetric = (typeof stepMetrics)[number]

/** Of all steps in a bucket; null where there are none. */
export interface BucketSeries {
  /** Of the smoothed values, if smoothing was asked for. */
  readonly mean: readonly (number | null)[]
  /** Of the values themselves; null where each bucket is one step and nothing is smoothed. */
  readonly least: readonly (number | null)[] | null
  readonly most: readonly (number | null)[] | null
}

/** Answer of /api/steps: a curve as so many buckets of `width` steps; bucket i begins at step `from` + i * `width`. */
export interface StepCurves {
  /** Another number than before: the log was cut or replaced, what was known of it is void. */
  readonly generation: number
  /** False while the log is still being read: ask again for more. */
  readonly complete: boolean
  /** The last step there is; 0 without any. */
  readonly lastStep: number
  readonly from: number
  readonly width: number
  readonly series: Readonly<Partial<Record<StepMetric, BucketSeries>>>
}

/** An epoch as the log tells it. */
export interface EpochPoint {
  readonly epoch: number
  readonly step: number
  readonly time: number
  readonly learningRate: number
  readonly train: Metrics
  readonly test: Metrics | null
  readonly seconds: number
  readonly testSeconds: number
  /** While training; null when not known. */
  readonly throughput: number | null
  readonly memory: number | null
}

/** Answer of /api/epochs: those from a number on. */
export interface EpochCurves {
  readonly generation: number
  readonly complete: boolean
  readonly epochs: readonly EpochPoint[]
  /** Warnings of the run, and lines of its log that cannot be read. */
  readonly warnings: readonly string[]
  readonly damagedLines: number
}

/** The checkpoints that can be evaluated. */
export type CheckpointName = 'last' | 'best'

/** Answer of /api/evaluation. */
export type EvaluationState =
  | { readonly state: 'none' }
  | { readonly state: 'running'; readonly stage: string; readonly images: number; readonly of: number }
  | { readonly state: 'failed'; readonly failure: Failure }
  | { readonly state: 'done'; readonly stale: boolean; readonly evaluation: Evaluation | PixelEvaluation }

interface Made {
  /** Epochs that the evaluated weights had seen. */
  readonly epoch: number | null
  readonly made: number
}

export interface Evaluation extends Made {
  readonly report: Report
  /** Of the worst mistakes, in their order: addresses with the picture in them; "" for one that cannot be drawn. */
  readonly thumbnails: readonly string[]
}

/** Where every pixel has a class. */
export interface PixelEvaluation extends Made {
  readonly report: PixelReport
  /** Of the worst images and the best, in their order. */
  readonly pictures: readonly MaskPictures[]
}

/** Answer of /api/model. */
export interface ModelFacts {
  readonly name: string
  /** "DenseNet-BC" */
  readonly kind: string
  readonly growthRate: number
  readonly depth: number
  readonly parameters: number
  readonly multiplyAdds: number
  readonly input: readonly [number, number, number]
  readonly classes: number
  readonly layers: readonly LayerFacts[]
  readonly batchSize: number
  /** Of a training process at that batch size, predicted. */
  readonly memory: Readonly<Record<MemoryMode, TrainingMemory>>
}

/** Answer of /api/inspect/places: what can be asked for. */
export interface InspectionPlaces {
  /** Whether the network says the classes of pixels. */
  readonly pixels: boolean
  /** In label order. */
  readonly classes: readonly string[]
  /** Layers that Grad-CAM can be made at, and those whose activations can be seen. */
  readonly camLayers: readonly string[]
  readonly layers: readonly string[]
  readonly tensors: readonly string[]
}

/** Answer of /api/inspect/reuse, filters, weights, layers and activations. */
export interface InspectionPicture {
  /** An SVG element in the colours of the page around it. */
  readonly svg: string
  readonly reuse?: FeatureReuse
  /** The same numbers as a table, its head first. */
  readonly rows?: readonly (readonly string[])[] | null
}

/** Answer of /api/inspect/gradcam. Pictures are addresses with the picture in them. */
export interface CamPictures {
  readonly layer: string
  readonly height: number
  readonly width: number
  /** What the network sees. */
  readonly image: string
  readonly maps: readonly (Prediction & { readonly score: number; readonly picture: string })[]
}

/** Answer of /api/inspect/segments: what the pixels of an image are taken for. Pictures are addresses with the picture in them. */
export interface Segments {
  readonly height: number
  readonly width: number
  readonly overlay: string
  /** Those that were found, the largest share of the pixels first; colours as in "#c00080". */
  readonly classes: readonly { readonly label: string; readonly share: number; readonly colour: string }[]
}
