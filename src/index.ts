// The public API.

export { type BackendName, type BackendOptions, backendNames, createBackend } from './backends/registry.js'
export { measure } from './bench/measure.js'
export { measureHere } from './bench/measure-here.js'
export type { KernelTime, Measurement, Work } from './bench/work.js'
export { type Augmentation, type FlipAndCrop, noAugmentation } from './data/augment.js'
export {
  cifar10,
  cifar100,
  type DataProgress,
  type DatasetInfo,
  type DatasetName,
  datasetInfo,
  datasetNames,
  fashionMnist,
  loadDataset,
  mnist,
  prepareDataset,
  svhn,
} from './data/catalogue.js'
export {
  type ArrayDataset,
  type Batch,
  type Dataset,
  type FileDataset,
  limitDataset,
  type Normalisation,
  takeImages,
} from './data/dataset.js'
export { decodeImage, decodeImageFile } from './data/decode.js'
export type { Image } from './data/image.js'
export { type ImageFilesOptions, imageFiles, testImageFiles } from './data/image-files.js'
export { createLoader, type Loader, type LoaderOptions } from './data/loader.js'
export type { Mixing } from './data/mixing.js'
export {
  type AugmentationName,
  augmentationNames,
  namedAugmentation,
  standardAugmentation,
} from './data/named-augmentation.js'
export { synthetic } from './data/synthetic.js'
export { type Preprocessing, preprocess, VIEWS, type View, type ViewName } from './data/transforms/preprocess.js'
export { type Interpolation, resize } from './data/transforms/resize.js'
export { applyTransforms, imagenetTransforms, type Transform } from './data/transforms/transform.js'
export {
  type ComputeOptions,
  type CreateOptions,
  DenseNet,
  type EvaluateOptions,
  type FitOptions,
  type ModelSummary,
  type PredictOptions,
} from './densenet.js'
export type {
  Backend,
  Bindings,
  DeviceBuffer,
  ElementType,
  Executable,
  Numbers,
  RunArguments,
} from './engine/backend.js'
export { type MemoryMode, type PlanOptions, plan, planUpdate } from './engine/planner.js'
export type { Program } from './engine/program.js'
export {
  createSession,
  type Session,
  type SessionBatch,
  type SessionOptions,
  type SessionState,
  type StepResult,
} from './engine/session.js'
export { DenseNetError, type ErrorCode } from './errors.js'
export type { Predictions } from './evaluation/predict.js'
export type { Report, ReportFacts } from './evaluation/report.js'
export { type Scores, scorePredictions } from './evaluation/scores.js'
export { writeReport } from './evaluation/write-report.js'
export { type Architecture, architecture, type Layer } from './model/architecture.js'
export { type DenseNetConfig, type DenseNetOptions, resolveConfig } from './model/config.js'
export { initialParameters, initialRunning } from './model/initialise.js'
export { type ParameterTable, parameterTable } from './model/parameters.js'
export { type PresetName, preset, presetNames } from './model/presets.js'
export { type Summary, type SummaryRow, summarise } from './model/summary.js'
export { type Checkpoint, type Progress, readCheckpoint, writeCheckpoint } from './training/checkpoint.js'
export type {
  CheckpointEvent,
  EndEvent,
  EpochEvent,
  EpochScore,
  EvaluationEvent,
  StartEvent,
  StepEvent,
  StopEvent,
  TrainingEvent,
  TrainingListener,
  WarningEvent,
} from './training/events.js'
export { type MemoryChoice, type MemoryOptions, predictMemory, type TrainingMemory } from './training/memory.js'
export { addMetrics, averageMetrics, type MetricSums, type Metrics, NO_METRICS } from './training/metrics.js'
export { PAPER_RECIPE, type Recipe, resolveRecipe } from './training/recipe.js'
export { decodeSafetensors, encodeSafetensors, type Tensor, type TensorFile } from './training/safetensors.js'
export {
  constant,
  cosine,
  imagenetSteps,
  multistep,
  type Schedule,
  type ScheduleMoment,
  type ScheduleName,
  scheduleNames,
} from './training/schedule.js'
export type { TrainingResult } from './training/trainer.js'
