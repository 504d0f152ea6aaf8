import { nativeScratchBytes } from './backends/native/backend.js'
import { type ComputeOptions, checkPrecision, createBackend } from './backends/registry.js'
import { webGpuScratchBytes } from './backends/webgpu/backend.js'
import { createLoader } from './data/loading/loader.js'
import type { Precision } from './engine/backend.js'
import type { MemoryMode } from './engine/planner.js'
import type { SessionState } from './engine/session.js'
import { type EvaluateOptions, evaluate } from './evaluation/evaluate.js'
import { type Predictions, predict } from './evaluation/predict.js'
import type { Checkpoint } from './fitting/checkpoint.js'
import { type FitOptions, fitNetwork } from './fitting/fit.js'
import type { TrainingMemory } from './fitting/memory.js'
import type { Dataset, Normalisation } from './images/dataset.js'
import type { Preprocessing } from './images/transforms/preprocess.js'
import { type ClassifyOptions, predictionsOf } from './inference/classifier.js'
import type { Prediction } from './inference/classify.js'
import { type FeatureOptions, type Features, featuresOf } from './inference/features.js'
import { type ImageInput, imageList, unreadable } from './inference/image-input.js'
import { type LayerLoss, type QuantizeOptions, quantize } from './inference/quantize.js'
import { nodeReading, readImage } from './inference/read-image.js'
import { Ready } from './inference/ready.js'
import { createSegmenter, type Segmentation } from './inference/segment.js'
import type { ExportFormat, ExportOptions } from './interop/encode-weights.js'
import { type ImportReport, refuseHeadless } from './interop/import-weights.js'
import type { DenseNetConfig, DenseNetOptions } from './model/config.js'
import type { Quantization } from './model/quantization.js'
import { type Summary, summarise, withoutClassifier } from './model/summary.js'
import {
  type CreateOptions,
  checkpointOf,
  createNetwork,
  exportedOf,
  foundNetwork,
  type Network,
  quantizedNetwork,
  renewedNetwork,
} from './networks/network.js'
import { type OpenOptions, openNetwork } from './networks/open-network.js'
import { writeWeights } from './networks/weight-files.js'
import { writeCheckpoint } from './runs/checkpoint.js'
import { predictMemory } from './runs/memory.js'
import { nodePlace } from './runs/place.js'
import { readSettings } from './runs/run-settings.js'
import type { Metrics } from './training/metrics.js'
import type { TrainingResult } from './training/trainer.js'

export type { ComputeOptions } from './backends/registry.js'
export type { EvaluateOptions } from './evaluation/evaluate.js'
export type { FitOptions } from './fitting/fit.js'
export type { FeatureOptions } from './inference/features.js'
export type { LayerLoss, QuantizeOptions } from './inference/quantize.js'
export type { CreateOptions } from './networks/network.js'

/** For weights from elsewhere: what their files do not tell. Our own checkpoints tell everything. */
export interface LoadOptions extends OpenOptions {
  /** Told of what is damaged, and what was taken instead; default: process.emitWarning. */
  readonly onWarning?: (message: string) => void
}

/** The same as to evaluate. */
export type PredictOptions = EvaluateOptions

/** How many images of a call of classify go through the network at once: what its memory is for. */
const CLASSIFY_BATCH = 16

/** A summary with what training takes. */
export interface ModelSummary extends Summary {
  readonly batchSize: number
  readonly training: Readonly<Record<MemoryMode, TrainingMemory>>
}

/** What the memory of a summary is for. */
export interface SummaryOptions {
  readonly batchSize?: number
  /** Whose scratch is counted; default: native. */
  readonly backend?: 'native' | 'webgpu'
  /** Default: float32. */
  readonly precision?: Precision
}

/** A DenseNet with its weights: create, load, save, fit, evaluate. What of it is not the usual is taken from the parts:
 * `createSession`, `createLoader` and a schedule. */
export class DenseNet {
  /** A preset's name, or a description. */
  readonly name: string
  readonly config: DenseNetConfig
  /** In label order; empty when not known. */
  classes: readonly string[]
  normalisation: Normalisation | null
  /** How photographs get to its size; null for networks of small images. */
  preprocessing: Preprocessing | null
  /** How weights from elsewhere were understood: what matched, what was assumed; null for others. */
  readonly imported: ImportReport | null
  /** Whether an image may belong to several classes, or to none: their probabilities are then each class's own. True of a
   * network with one output. */
  multiLabel: boolean
  /** Of networks that classify pixels: whether batch norms take the statistics of each image, as in their training. */
  ownStatistics: boolean
  /** The layers that are computed in int8, of a network that `quantize` made; else null. */
  readonly quantization: Quantization | null
  #state: SessionState
  readonly #ready = new Ready(createBackend)

  private constructor({ multiLabel, ownStatistics, quantization, state, ...network }: Network) {
    const { name, config, classes, normalisation, preprocessing, imported } = network
    this.name = name
    this.config = config
    this.classes = classes
    this.normalisation = normalisation
    this.preprocessing = preprocessing
    this.imported = imported
    this.multiLabel = multiLabel
    this.ownStatistics = ownStatistics
    this.quantization = quantization
    this.#state = state
  }

  /** As plain data; `what` needs a classifier, such as "serving": a sentence where it came without one. */
  #network(what?: string): Network {
    if (what !== undefined) this.requireClassifier(what)
    return { ...this, state: this.#state }
  }

  /** A network with fresh weights: a preset's name with changes, or a complete description. */
  static create(model: string | DenseNetOptions, options: CreateOptions = {}): DenseNet {
    return new DenseNet(createNetwork(model, options))
  }

  /** From a checkpoint file, or from a run's folder: its last checkpoint. Or from weights of other programs: safetensors,
   * PyTorch, Keras, Torch7, a folder of timm's; `imported` then says how they were understood. Or by name: `cifar10`, which
   * comes with the package, or `densenet121`, `timm/densenet121.ra_in1k` and the like, fetched when first asked for, then
   * kept (`fetch` says from where). */
  static async load(path: string, options: LoadOptions = {}): Promise<DenseNet> {
    const { onWarning = (text: string) => process.emitWarning(text), ...open } = options
    const { checkpoint, name, report } = await openNetwork(path, open, onWarning)
    return DenseNet.of(checkpoint, name, report)
  }

  /** From a checkpoint that is read already. `imported`: how weights from elsewhere were understood. */
  static of(checkpoint: Checkpoint, name: string | null = null, imported: ImportReport | null = null): DenseNet {
    return new DenseNet(foundNetwork({ checkpoint, name, report: imported }))
  }

  /** Weights, classes, normalisation and preprocessing, in one safetensors file. */
  async save(path: string): Promise<void> {
    await writeCheckpoint(path, checkpointOf(this.#network('a checkpoint')))
  }

  /** Writes the weights for other programs: safetensors, timm's folder, PyTorch's .pth or ONNX, by the ending of `path` or
   * as `to` says. Resolves to the format. */
  async export(path: string, options: ExportOptions = {}): Promise<ExportFormat> {
    return writeWeights(path, exportedOf(this.#network('writing it for other programs')), options)
  }

  /** The same network with a new classifier for `classes` classes, everything else as it is. */
  withNewClassifier(classes: number, { seed = 0 }: { seed?: number } = {}): DenseNet {
    return new DenseNet(renewedNetwork(this.#network(), classes, seed))
  }

  /** Throws a sentence where weights from elsewhere came without a classifier; `what` needs it, such as "serving". */
  requireClassifier(what: string): void {
    refuseHeadless(this.imported, what)
  }

  /** All weights in parameter order, and running statistics: copies. */
  get state(): { readonly parameters: Float32Array | Float64Array; readonly running: Float32Array | Float64Array } {
    return { parameters: this.#state.parameters.slice(), running: this.#state.running.slice() }
  }

  /** What it is made of, and the bytes that a training step of `batchSize` images takes in either memory mode on a backend. */
  summary({ batchSize = 64, backend = 'native', precision = 'float32' }: SummaryOptions = {}): ModelSummary {
    checkPrecision(backend, precision)
    const scratchBytes = backend === 'webgpu' ? webGpuScratchBytes : nativeScratchBytes
    const predict = (memory: MemoryMode): TrainingMemory =>
      predictMemory(this.config, { batchSize, memory, scratchBytes, precision })
    return {
      ...(this.imported?.headless ? withoutClassifier(summarise(this.config)) : summarise(this.config)),
      batchSize,
      training: { store: predict('store'), recompute: predict('recompute') },
    }
  }

  /** Trains, by default as the paper did. With `output` or `resume` the run can be stopped at any time and gone on with. */
  async fit(train: Dataset, options: FitOptions = {}): Promise<TrainingResult> {
    const network = this.#network('training')
    const warn = (message: string): void => options.onEvent?.({ type: 'warning', message })
    const precision = options.precision ?? (await precisionOf(options.resume))
    const backend = await this.#ready.backend({ ...options, precision, onWarning: options.onWarning ?? warn })
    const { result, state, learned } = await fitNetwork(network, train, options, backend, nodePlace)
    this.#state = state
    Object.assign(this, learned)
    this.ownStatistics = options.ownStatistics ?? this.ownStatistics
    return result
  }

  /** Loss and errors in percent, with running statistics, without augmentation. */
  async evaluate(dataset: Dataset, options: EvaluateOptions = {}): Promise<Metrics> {
    const network = this.#network('testing')
    const backend = await this.#ready.backend(options)
    const ownStatistics = options.ownStatistics ?? this.ownStatistics
    return evaluate({ ...options, ...network, ownStatistics, dataset, backend, createLoader })
  }

  /** Probabilities of the classes for every image, averaged over its views; scorePredictions makes scores of them. */
  async predict(dataset: Dataset, options: PredictOptions = {}): Promise<Predictions> {
    const network = this.#network('predicting')
    const backend = await this.#ready.backend(options)
    return predict({ ...options, ...network, dataset, backend, createLoader })
  }

  /** The likeliest classes of an image (of each, for a list), with their probabilities. An image is a path, the bytes of
   * an image file, a Blob or pixels, of any size. Throws a sentence when one cannot be read. The network stays ready for
   * the next call until dispose(). */
  async classify(image: ImageInput, options?: ComputeOptions & ClassifyOptions): Promise<Prediction[]>
  async classify(images: readonly ImageInput[], options?: ComputeOptions & ClassifyOptions): Promise<Prediction[][]>
  async classify(given: ImageInput | readonly ImageInput[], options: ComputeOptions & ClassifyOptions = {}) {
    const network = this.#network('classifying')
    const { onWarning = (text: string) => process.emitWarning(text) } = options
    const runner = await this.#ready.runner(await this.#ready.backend(options), {
      ...network,
      batchSize: CLASSIFY_BATCH,
    })
    const all = await predictionsOf(imageList(given), { ...network, runner }, nodeReading, options, onWarning)
    return Array.isArray(given) ? all : all[0]!
  }

  /** What each pixel of an image is of, of any size; for networks that classify pixels. Throws a sentence when it cannot be
   * read. */
  async segment(image: ImageInput, options: ComputeOptions & { ownStatistics?: boolean } = {}): Promise<Segmentation> {
    const network = this.#network('segmenting')
    const { ownStatistics = this.ownStatistics } = options
    const segmenter = createSegmenter({ ...network, backend: await this.#ready.backend(options), ownStatistics })
    try {
      const decoded = await readImage(image).catch(error => {
        throw unreadable([image], 0, error instanceof Error ? error.message : String(error))
      })
      return await segmenter.segment(decoded)
    } finally {
      await segmenter.dispose()
    }
  }

  /** What a layer (a name of featureLayers; default `pooled`, what the classifier reads) makes of images or of a data set,
   * in evaluation. Throws a sentence when an image cannot be read, or leaves it out and calls `onUnreadable`. */
  async features(given: Dataset | ImageInput | readonly ImageInput[], options: FeatureOptions = {}): Promise<Features> {
    const backend = await this.#ready.backend(options)
    return featuresOf(given, this.#network(), options, backend, { reading: nodeReading, createLoader })
  }

  /** The same network with its dense layers in int8, to use, save and export: made by what its layers do with some images, a few
   * hundred of the kind that it will see. `layers` says what each of them alone does to the answers; those that it does too much
   * to stay in float32. */
  async quantize(
    given: Dataset | ImageInput | readonly ImageInput[],
    options: QuantizeOptions = {},
  ): Promise<{ readonly network: DenseNet; readonly layers: readonly LayerLoss[] }> {
    const network = this.#network('making int8')
    const backend = await this.#ready.backend(options)
    const place = { reading: nodeReading, createLoader }
    const { quantization, layers } = await quantize(given, network, options, backend, place)
    return { network: new DenseNet(quantizedNetwork(network, quantization)), layers }
  }

  /** Frees native memory and threads. */
  dispose(): void {
    this.#ready.dispose()
  }

  /** For `using`: the same as `dispose`. */
  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Of a run that goes on. What is wrong with its settings is said where it is opened. */
async function precisionOf(run: FitOptions['resume']): Promise<Precision | undefined> {
  const settings = typeof run === 'string' ? await readSettings(run).catch(() => undefined) : run?.settings
  return settings?.precision
}
