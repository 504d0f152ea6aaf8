/** DenseNet, with what goes into it and comes out of it. Its parts are in the other entries, one for each room.
 * @module densenet */

export type { BackendName, BackendOptions } from './backends/registry.js'
export {
  type ComputeOptions,
  type CreateOptions,
  DenseNet,
  type EvaluateOptions,
  type FeatureOptions,
  type FitOptions,
  type LoadOptions,
  type ModelSummary,
  type PredictOptions,
} from './densenet.js'
export type { MemoryMode } from './engine/planner.js'
export { DenseNetError, type ErrorCode } from './errors.js'
export type { Predictions } from './evaluation/predict.js'
export type { ArrayDataset, Dataset, FileDataset, Normalisation } from './images/dataset.js'
export { synthetic } from './images/synthetic.js'
export type { Preprocessing, ViewName } from './images/transforms/preprocess.js'
export type { ClassifyOptions } from './inference/classifier.js'
export type { Prediction, TopOptions } from './inference/classify.js'
export type { Features } from './inference/features.js'
export type { ImageInput, RawImage } from './inference/image-input.js'
export type { ExportFormat, ExportOptions } from './interop/encode-weights.js'
export type { ImportReport } from './interop/import-weights.js'
export type { Precision } from './interop/onnx-graph.js'
export type { NameChoice, WeightChoice } from './interop/weight-file.js'
export type { DenseNetConfig, DenseNetOptions } from './model/config.js'
export type { PresetName } from './model/presets.js'
export type { Summary, SummaryRow } from './model/summary.js'
export type { FetchOptions, FetchProgress } from './networks/fetch.js'
export type { MemoryChoice, TrainingMemory } from './runs/memory.js'
export type {
  CheckpointEvent,
  EndEvent,
  EpochEvent,
  EpochScore,
  EvaluationEvent,
  FeaturesEvent,
  LayersEvent,
  StartEvent,
  StepEvent,
  StopEvent,
  TrainingEvent,
  TrainingListener,
  WarningEvent,
} from './training/events.js'
export type { LayerStatistics, TensorStatistics } from './training/layer-statistics.js'
export type { Metrics } from './training/metrics.js'
export type { TrainingResult } from './training/trainer.js'
export type { Histogram, NumberStatistics } from './util/statistics.js'
