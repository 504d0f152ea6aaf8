// The public API.

export { type BackendName, type BackendOptions, backendNames, createBackend } from './backends/registry.js'
export { measure } from './bench/measure.js'
export { measureHere } from './bench/measure-here.js'
export type { KernelTime, Measurement, Work } from './bench/work.js'
export { decodeImage, decodeImageFile } from './data/loading/decode.js'
export { createLoader, type Loader, type LoaderOptions } from './data/loading/loader.js'
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
} from './data/sets/catalogue.js'
export { type ImageFilesOptions, imageFiles, testImageFiles } from './data/sets/image-files.js'
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
export type {
  Backend,
  Bindings,
  DeviceBuffer,
  ElementType,
  Executable,
  Numbers,
  RunArguments,
} from './engine/backend.js'
export { createFeatureExtractor, type FeatureExtractor } from './engine/features.js'
export type { Loss } from './engine/loss.js'
export { type MemoryMode, type PlanOptions, plan } from './engine/planner.js'
export type { Program } from './engine/program.js'
export {
  createSession,
  type Session,
  type SessionBatch,
  type SessionOptions,
  type SessionPrograms,
  type SessionState,
  type StepArguments,
  type StepResult,
  type TrainingBuffer,
} from './engine/session.js'
export {
  type Optimizer,
  planBlend,
  planUpdate,
  type Region,
  type UpdateOptions,
  updateRegions,
} from './engine/update.js'
export { DenseNetError, type ErrorCode } from './errors.js'
export type { MultiLabelReport } from './evaluation/multi-label-page.js'
export {
  hasTargets,
  type MultiLabelClassScores,
  type MultiLabelPredictions,
  type MultiLabelScores,
  scoreMultiLabel,
} from './evaluation/multi-label-scores.js'
export type { Predictions } from './evaluation/predict.js'
export type { Report, ReportFacts } from './evaluation/report.js'
export { type Scores, scorePredictions } from './evaluation/scores.js'
export { writeReport } from './evaluation/write-report.js'
export { type Augmentation, type FlipAndCrop, noAugmentation } from './images/augment.js'
export type { Blank, LabelReading, Uncertain } from './images/class-columns.js'
export {
  type ArrayDataset,
  type Batch,
  type Dataset,
  type FileDataset,
  limitDataset,
  MISSING,
  type Normalisation,
  takeImages,
} from './images/dataset.js'
export type { Image } from './images/image.js'
export type { Mixing } from './images/mixing.js'
export {
  type AugmentationName,
  augmentationNames,
  namedAugmentation,
  standardAugmentation,
} from './images/named-augmentation.js'
export { type NetworkInput, writeInput } from './images/network-input.js'
export { splitDataset } from './images/split.js'
export { synthetic } from './images/synthetic.js'
export { type Preprocessing, preprocess, VIEWS, type View, type ViewName } from './images/transforms/preprocess.js'
export { type Interpolation, resize } from './images/transforms/resize.js'
export { applyTransforms, imagenetTransforms, type Transform } from './images/transforms/transform.js'
export { type Answer, type Classifier, type ClassifyOptions, classifyImages } from './inference/classifier.js'
export { type Prediction, type TopOptions, topClasses } from './inference/classify.js'
export type { Features } from './inference/features.js'
export { type ImageInput, type RawImage, readImage } from './inference/image-input.js'
export { createRunner, type Runner, type RunnerOptions, type RunnerOutput } from './inference/runner.js'
export { type ActivationOptions, type Activations, activations } from './inspect/activations.js'
export {
  type BlockReuse,
  type FeatureReuse,
  type FeatureReuseOptions,
  featureReuse,
  type ReuseMeasure,
  type ReuseScale,
  type ReuseSource,
  type ReuseTarget,
} from './inspect/feature-reuse.js'
export { type Filters, firstFilters } from './inspect/filters.js'
export { type ClassMap, type GradCam, type GradCamOptions, gradCam, gradCamLayers } from './inspect/grad-cam.js'
export {
  type Inspection,
  type InspectionRequest,
  inspection,
  layersInspection,
  type Subject,
} from './inspect/inspection.js'
export { type LayerHistory, readLayerHistory } from './inspect/layer-history.js'
export type { InspectedNetwork, InspectOptions } from './inspect/network.js'
export { type WeightStatistics, weightStatistics } from './inspect/weights.js'
export { pngOf, writeInspection } from './inspect/write-inspection.js'
export type { ImportReport } from './interop/import-weights.js'
export { type Precision, precisions } from './interop/onnx-graph.js'
export { readWeights } from './interop/read-weights.js'
export { decodeSafetensors, encodeSafetensors, type TensorFile } from './interop/safetensors.js'
export type { Tensor } from './interop/tensor.js'
export type { LayerInFile, NameChoice, WeightChoice, WeightFile, WeightFormat } from './interop/weight-file.js'
export { type ExportFormat, type ExportOptions, exportFormats } from './interop/write-weights.js'
export { type Architecture, architecture, type Layer } from './model/architecture.js'
export { type DenseNetConfig, type DenseNetOptions, resolveConfig } from './model/config.js'
export { type FeatureLayer, featureCount, featureLayer, featureLayers } from './model/feature-layers.js'
export { initialParameters, initialRunning } from './model/initialise.js'
export { type ParameterTable, parameterTable } from './model/parameters.js'
export { type PresetName, preset, presetNames } from './model/presets.js'
export { type Summary, type SummaryRow, summarise } from './model/summary.js'
export { type FetchOptions, type FetchProgress, fetchModel } from './networks/fetch.js'
export { NAMED_MODELS, type NamedFile, type NamedModel, namedModel } from './networks/named.js'
export { type Checkpoint, readCheckpoint, writeCheckpoint } from './runs/checkpoint.js'
export { type MemoryChoice, type MemoryOptions, predictMemory, type TrainingMemory } from './runs/memory.js'
export { type OpenRun, openRun, type Run, type Standing } from './runs/run.js'
export type { RunSettings } from './runs/run-settings.js'
export { createServer, type DenseNetServer, type ServerOptions } from './server/server.js'
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
export { addMetrics, averageMetrics, type MetricSums, type Metrics, NO_METRICS } from './training/metrics.js'
export { type ClassRanking, meanRanking, type RankingMeans, rankClasses } from './training/multi-label.js'
export type { Progress } from './training/progress.js'
export {
  type LossName,
  lossNames,
  type OptimizerName,
  optimizerNames,
  PAPER_RECIPE,
  type Recipe,
  resolveRecipe,
} from './training/recipe.js'
export { type NamedRecipe, namedRecipe, type RecipeName, recipeNames } from './training/recipes.js'
export {
  constant,
  cosine,
  imagenetSteps,
  multistep,
  oneCycle,
  type Schedule,
  type ScheduleMoment,
  type ScheduleName,
  scheduleNames,
  warmUp,
} from './training/schedule.js'
export type { TrainingResult } from './training/trainer.js'
export type { Histogram, NumberStatistics } from './util/statistics.js'
