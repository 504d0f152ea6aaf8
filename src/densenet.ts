import { nativeScratchBytes } from './backends/native/backend.js'
import { type BackendOptions, createBackend } from './backends/registry.js'
import type { Backend } from './engine/backend.js'
import { createFeatureExtractor } from './engine/features.js'
import type { MemoryMode } from './engine/planner.js'
import { type SessionState, weightsOf } from './engine/session.js'
import { DenseNetError, parameterError, usageError } from './errors.js'
import { type Predictions, predict } from './evaluation/predict.js'
import type { Dataset, Normalisation } from './images/dataset.js'
import { type Preprocessing, VIEWS, type ViewName } from './images/transforms/preprocess.js'
import { type ClassifyOptions, classifyImages } from './inference/classifier.js'
import type { Prediction } from './inference/classify.js'
import { type Features, featuresOfDataset, featuresOfImages } from './inference/features.js'
import { type ImageInput, imageName, inputPreprocessing } from './inference/image-input.js'
import { createRunner, type Runner } from './inference/runner.js'
import type { ExportFormat, ExportOptions } from './interop/encode-weights.js'
import { type ImportReport, refuseHeadless } from './interop/import-weights.js'
import { architecture } from './model/architecture.js'
import { type DenseNetConfig, type DenseNetOptions, resolveConfig } from './model/config.js'
import { describe } from './model/describe.js'
import { initialParameters, initialRunning } from './model/initialise.js'
import { parameterTable } from './model/parameters.js'
import { isPreset, preset } from './model/presets.js'
import { type Summary, summarise, withoutClassifier } from './model/summary.js'
import { type OpenModelOptions, openModel } from './networks/open-model.js'
import { writeWeights } from './networks/weight-files.js'
import { type AskedRecipe, checkSameRun, newRecipe, resumedRecipe, startAfter } from './runs/asked-recipe.js'
import { boardFolder } from './runs/board-log.js'
import { isMultiLabel, writeCheckpoint } from './runs/checkpoint.js'
import { type MemoryChoice, predictMemory, type TrainingMemory } from './runs/memory.js'
import { checkDataset, checkRun, evaluate, identify, run } from './runs/run.js'
import { RunFolder } from './runs/run-folder.js'
import { newRunId } from './runs/run-settings.js'
import type { TrainingListener } from './training/events.js'
import type { Metrics } from './training/metrics.js'
import { hasOwnProbabilities } from './training/recipe.js'
import type { TrainingResult } from './training/trainer.js'
import { withCleanup } from './util/cleanup.js'

export interface CreateOptions extends DenseNetOptions {
  /** What to call it; default: the preset's name, or a description. */
  readonly name?: string
  /** Of the fresh weights; default 0. */
  readonly seed?: number
}

/** Where the arithmetic is done: a backend of your own, or which one to make. */
export interface ComputeOptions extends BackendOptions {
  readonly on?: Backend
}

export interface FitOptions extends ComputeOptions, AskedRecipe {
  /** Evaluated after every epoch. */
  readonly validation?: Dataset
  /** `store` is faster, `recompute` takes less memory; the numbers are the same. Default `auto`: `store` where it fits
   * into the memory that is free. */
  readonly memory?: MemoryChoice
  /** A new folder for checkpoints and log. */
  readonly output?: string
  /** Goes on with the run in this folder, with its recipe; only `epochs` may then be given anew. */
  readonly resume?: string
  readonly loaderThreads?: number
  /** How often the state is saved within an epoch; default 60. */
  readonly checkpointSeconds?: number
  /** How many of the best epochs' checkpoints are kept; default 1. */
  readonly keepBest?: number
  /** After each epoch an event `layers` tells statistics of every tensor's weights and gradients; default false. */
  readonly layerStatistics?: boolean
  /** Event files for TensorBoard, in this folder; true: in the folder `tensorboard` of the run. Default: none, but a run
   * that goes on and has that folder goes on with it, too. */
  readonly tensorboard?: boolean | string
  /** For config.json. */
  readonly dataFolder?: string
  readonly onEvent?: TrainingListener
  /** Finishes the step, saves and returns. */
  readonly signal?: AbortSignal
}

/** For weights from elsewhere: what their files do not tell. Our own checkpoints tell everything. */
export interface LoadOptions extends OpenModelOptions {
  /** Told of what is damaged, and what was taken instead; default: process.emitWarning. */
  readonly onWarning?: (message: string) => void
}

export interface EvaluateOptions extends ComputeOptions {
  readonly batchSize?: number
  /** `single`, `flip` (also mirrored) or `ten` (crops): probabilities are averaged; default: single. */
  readonly views?: ViewName
  readonly loaderThreads?: number
  readonly signal?: AbortSignal
  /** Told after every batch how many images are done. */
  readonly onProgress?: (imagesDone: number) => void
}

/** The same as to evaluate. */
export type PredictOptions = EvaluateOptions

/** The same as to evaluate but the views, and which layer. */
export interface FeatureOptions extends Omit<EvaluateOptions, 'views'> {
  /** A name of featureLayers; default: `pooled`. */
  readonly layer?: string | undefined
  /** Of a list: leaves out images that cannot be read, and hears of each; default: the first one is an error. */
  readonly onUnreadable?: ((index: number, reason: string) => void) | undefined
}

const FEATURE_BATCH = 16

/** How many images of a call of classify go through the network at once: what its memory is for. */
const CLASSIFY_BATCH = 16

/** A summary with what training takes, on the default backend of this machine. */
export interface ModelSummary extends Summary {
  readonly batchSize: number
  readonly training: Readonly<Record<MemoryMode, TrainingMemory>>
}

/** A DenseNet with its weights: create, load, save, fit, evaluate. What of it is not the usual is taken from the parts:
 * `createSession`, `createLoader` and a schedule. */
export class DenseNet {
  #state: SessionState
  #made: { readonly key: string; readonly backend: Backend } | null = null
  #runner: { readonly backend: Backend; readonly state: SessionState; readonly runner: Promise<Runner> } | null = null

  private constructor(
    /** A preset's name, or a description. */
    readonly name: string,
    readonly config: DenseNetConfig,
    state: SessionState,
    /** In label order; empty when not known. */
    public classes: readonly string[] = [],
    public normalisation: Normalisation | null = null,
    /** How photographs get to its size; null for networks of small images. */
    public preprocessing: Preprocessing | null = null,
    /** How weights from elsewhere were understood: what matched, what was assumed; null for others. */
    readonly imported: ImportReport | null = null,
    /** Whether an image may belong to several classes, or to none: their probabilities are then each class's own. True of a
     * network with one output. */
    public multiLabel = config.classes === 1,
  ) {
    this.#state = state
  }

  /** A network with fresh weights: a preset's name with changes, or a complete description. */
  static create(model: string | DenseNetOptions, options: CreateOptions = {}): DenseNet {
    const { seed = 0, name, ...overrides } = options
    const config = typeof model === 'string' ? preset(model, overrides) : resolveConfig({ ...model, ...overrides })
    const table = parameterTable(architecture(config))
    return new DenseNet(name ?? (typeof model === 'string' ? nameOf(model, config) : describe(config)), config, {
      parameters: initialParameters(table, seed),
      running: initialRunning(table),
      training: {},
    })
  }

  /** From a checkpoint file, or from a run's folder: its last checkpoint. Or from weights of other programs: safetensors,
   * PyTorch, Keras, Torch7, a folder of timm's; `imported` then says how they were understood. Or by name: `cifar10`, which
   * comes with the package, or `densenet121`, `timm/densenet121.ra_in1k` and the like, fetched when first asked for, then
   * kept (`fetch` says from where). */
  static async load(path: string, options: LoadOptions = {}): Promise<DenseNet> {
    const { onWarning = (text: string) => process.emitWarning(text), ...open } = options
    const { checkpoint, name, report } = await openModel(path, open, onWarning)
    const { config, state, classes, normalisation, preprocessing } = checkpoint
    const given = [config, weightsOf(state), classes, normalisation, preprocessing, report] as const
    return new DenseNet(name ?? describe(config), ...given, isMultiLabel(checkpoint))
  }

  /** Weights, classes, normalisation and preprocessing, in one safetensors file. */
  async save(path: string): Promise<void> {
    this.requireClassifier('a checkpoint')
    const { config, classes, normalisation, preprocessing, multiLabel } = this
    await writeCheckpoint(path, {
      config,
      classes,
      normalisation,
      preprocessing,
      ...(multiLabel ? { multiLabel } : {}),
      dataset: null,
      recipe: null,
      progress: null,
      state: this.#state,
    })
  }

  /** Writes the weights for other programs: safetensors, timm's folder, PyTorch's .pth or ONNX, by the ending of `path` or
   * as `to` says. Resolves to the format. */
  async export(path: string, options: ExportOptions = {}): Promise<ExportFormat> {
    this.requireClassifier('writing it for other programs')
    const { config, classes, normalisation, multiLabel } = this
    const { parameters, running } = this.#state
    const preprocessing = config.height === config.width ? inputPreprocessing(this) : null
    const network = { config, classes, normalisation, preprocessing, multiLabel, parameters, running }
    return writeWeights(path, network, options)
  }

  /** The same network with a new classifier for `classes` classes, everything else as it is. */
  withNewClassifier(classes: number, { seed = 0 }: { seed?: number } = {}): DenseNet {
    const config = resolveConfig({ ...this.config, classes })
    const table = parameterTable(architecture(config))
    const parameters = initialParameters(table, seed)
    // The classifier is the last of the parameters.
    const kept = table.parameters.find(({ name }) => name === 'classifier.weight')!.offset
    parameters.set(this.#state.parameters.subarray(0, kept))
    const state = { parameters, running: this.#state.running.slice(), training: {} }
    const imported = this.imported && { ...this.imported, headless: null }
    return new DenseNet(this.name, config, state, [], this.normalisation, this.preprocessing, imported)
  }

  /** Throws a sentence where weights from elsewhere came without a classifier; `what` needs it, such as "serving". */
  requireClassifier(what: string): void {
    refuseHeadless(this.imported, what)
  }

  /** All weights in parameter order, and running statistics: copies. */
  get state(): { readonly parameters: Float32Array | Float64Array; readonly running: Float32Array | Float64Array } {
    return { parameters: this.#state.parameters.slice(), running: this.#state.running.slice() }
  }

  /** What it is made of, and the bytes that a training step of `batchSize` images takes in either memory mode. */
  summary({ batchSize = 64 }: { batchSize?: number } = {}): ModelSummary {
    const predict = (memory: MemoryMode): TrainingMemory =>
      predictMemory(this.config, { batchSize, memory, scratchBytes: nativeScratchBytes })
    return {
      ...(this.imported?.headless ? withoutClassifier(summarise(this.config)) : summarise(this.config)),
      batchSize,
      training: { store: predict('store'), recompute: predict('recompute') },
    }
  }

  /** Trains, by default as the paper did. With `output` or `resume` the run can be stopped at any time and gone on with. */
  fit(train: Dataset, options: FitOptions = {}): Promise<TrainingResult> {
    return withCleanup(later => this.#fit(train, options, later))
  }

  async #fit(train: Dataset, options: FitOptions, later: (release: () => unknown) => void): Promise<TrainingResult> {
    this.requireClassifier('training')
    const { validation = null, output, resume, memory, signal, onEvent, loaderThreads, checkpointSeconds } = options
    if (output !== undefined && resume !== undefined) throw usageError('give either output or resume, not both')
    for (const dataset of [train, validation]) if (dataset) checkDataset(this.config, dataset)
    const warn = (message: string): void => onEvent?.({ type: 'warning', message })
    const opened = resume === undefined ? null : await RunFolder.open(resume, warn)
    if (opened) later(() => opened.folder.close())
    const recipe = opened ? resumedRecipe(opened.checkpoint, options) : newRecipe(train, this.config, options)
    const dataset = opened || output !== undefined ? await identify(train, validation) : null
    if (opened) checkSameRun(this.config, opened.checkpoint, dataset!, resume!)
    const schedule = typeof options.schedule === 'function' ? options.schedule : undefined
    if (recipe.schedule === 'custom' && !schedule) {
      throw usageError('this run has a schedule of its own: give the function again to go on')
    }
    const choice = memory ?? opened?.settings.memory ?? 'auto'
    const keepBest = options.keepBest ?? opened?.settings.keepBest ?? 1
    if (!Number.isInteger(keepBest) || keepBest < 1)
      throw parameterError('keepBest', 'a whole number of at least 1', keepBest)
    const layerStatistics = options.layerStatistics ?? opened?.settings.layerStatistics ?? false
    const backend = await this.#backend({ ...options, onWarning: options.onWarning ?? warn })
    const settings = {
      id: newRunId(),
      model: this.name,
      dataset: train.name,
      dataFolder: options.dataFolder ?? null,
      memory: choice,
      backend: backend.name,
      threads: options.threads ?? null,
      computer: computer(backend),
      keepBest,
      layerStatistics,
    }
    if (opened && opened.settings.computer !== settings.computer) {
      warn(`this run was made on ${opened.settings.computer}; on ${settings.computer} its last digits may differ`)
    }
    const from = opened?.checkpoint.progress ?? startAfter(options.after, train, this.config, recipe)
    checkRun({ config: this.config, train, test: validation, recipe, memory: choice, backend, loaderThreads })
    const tensorboard = await boardFolder(options)
    const created = output === undefined ? null : await RunFolder.create(output, settings, recipe, this.config)
    if (created) later(() => created.close())
    const folder = opened?.folder ?? created
    const { state, ...result } = await run({
      name: this.name,
      config: this.config,
      state: opened?.checkpoint.state ?? {
        ...this.#state,
        training: options.after?.velocity ? { velocity: options.after.velocity } : {},
      },
      train,
      test: validation,
      dataset,
      recipe,
      schedule,
      backend,
      memory: choice,
      loaderThreads,
      checkpointSeconds,
      keepBest,
      layerStatistics,
      folder,
      tensorboard,
      ...(from ? { from } : {}),
      onEvent,
      signal,
    })
    this.#state = weightsOf(state)
    this.classes = train.classes
    this.normalisation = train.normalisation
    this.preprocessing = 'preprocessing' in train ? train.preprocessing : null
    this.multiLabel = hasOwnProbabilities(recipe)
    return result
  }

  /** Loss and errors in percent, with running statistics, without augmentation. */
  async evaluate(dataset: Dataset, options: EvaluateOptions = {}): Promise<Metrics> {
    this.requireClassifier('testing')
    const { batchSize = 64, views, loaderThreads, signal, onProgress } = options
    const metrics = await evaluate({
      config: this.config,
      state: this.#state,
      dataset,
      multiLabel: this.multiLabel,
      backend: await this.#backend(options),
      batchSize: Math.min(batchSize, dataset.length * VIEWS[views ?? 'single'].length),
      views,
      loaderThreads,
      signal,
      onProgress,
    })
    if (metrics === null) throw new DenseNetError('stopped before the evaluation was done', { code: 'aborted' })
    return metrics
  }

  /** Probabilities of the classes for every image, averaged over its views; scorePredictions makes scores of them. */
  async predict(dataset: Dataset, options: PredictOptions = {}): Promise<Predictions> {
    this.requireClassifier('predicting')
    const { batchSize = 64, onWarning } = options
    const backend = await this.#backend(options)
    const { config, multiLabel } = this
    return predict({ ...options, onWarning, config, multiLabel, state: this.#state, dataset, backend, batchSize })
  }

  /** The likeliest classes of an image (of each, for a list), with their probabilities. An image is a path, the bytes of
   * an image file, a Blob or pixels, of any size. Throws a sentence when one cannot be read. The network stays ready for
   * the next call until dispose(). */
  async classify(image: ImageInput, options?: ComputeOptions & ClassifyOptions): Promise<Prediction[]>
  async classify(images: readonly ImageInput[], options?: ComputeOptions & ClassifyOptions): Promise<Prediction[][]>
  async classify(given: ImageInput | readonly ImageInput[], options: ComputeOptions & ClassifyOptions = {}) {
    const images = Array.isArray(given) ? (given as readonly ImageInput[]) : [given as ImageInput]
    this.requireClassifier('classifying')
    const { top = 5, signal, onWarning = (text: string) => process.emitWarning(text) } = options
    if (!Number.isInteger(top) || top < 1) throw parameterError('top', 'a whole number of at least 1', top)
    const runner = await this.#ready(await this.#backend(options))
    const { config, classes, normalisation, preprocessing, multiLabel } = this
    const classifier = { config, classes, normalisation, preprocessing, multiLabel, runner }
    const all: Prediction[][] = []
    for await (const answer of classifyImages(images, classifier, { top, signal })) {
      if ('reason' in answer) throw unreadable(images[answer.index]!, answer, images.length)
      if (answer.doubt !== undefined) onWarning(`${imageName(images[answer.index]!)}: ${answer.doubt}`)
      all.push(answer.predictions)
    }
    return Array.isArray(given) ? all : all[0]!
  }

  /** What a layer (a name of featureLayers; default `pooled`, what the classifier reads) makes of images or of a data set,
   * in evaluation. Throws a sentence when an image cannot be read, or leaves it out and calls `onUnreadable`. */
  async features(given: Dataset | ImageInput | readonly ImageInput[], options: FeatureOptions = {}): Promise<Features> {
    const { layer, batchSize = FEATURE_BATCH, onUnreadable } = options
    checkBatchSize(batchSize)
    const backend = await this.#backend(options)
    const { config, normalisation, preprocessing } = this
    const network = { config, normalisation, preprocessing }
    const extractor = await createFeatureExtractor(architecture(config), backend, this.#state, { batchSize, layer })
    try {
      const job = { ...options, extractor }
      if (isDataset(given)) return await featuresOfDataset(given, network, job)
      const images = Array.isArray(given) ? (given as readonly ImageInput[]) : [given as ImageInput]
      return await featuresOfImages(images, network, job, (index, reason) => {
        if (!onUnreadable) throw unreadable(images[index]!, { index, reason }, images.length)
        onUnreadable(index, reason)
      })
    } finally {
      extractor.dispose()
    }
  }

  /** A runner with the weights of now, kept for the next call. */
  #ready(backend: Backend): Promise<Runner> {
    const state = this.#state
    if (this.#runner?.backend !== backend || this.#runner.state !== state) {
      this.#release()
      const runner = createRunner({ config: this.config, state, backend, batchSize: CLASSIFY_BATCH })
      this.#runner = { backend, state, runner }
    }
    return this.#runner.runner
  }

  /** Resolves when the runner, if there is one, has answered and is gone; null: there is none. */
  #release(): Promise<void> | null {
    const { runner } = this.#runner ?? {}
    this.#runner = null
    return (
      runner?.then(
        made => made.dispose(),
        () => {},
      ) ?? null
    )
  }

  /** Frees native memory and threads. */
  dispose(): void {
    const { backend } = this.#made ?? {}
    this.#made = null
    const released = this.#release()
    if (released) void released.finally(() => backend?.dispose())
    else backend?.dispose()
  }

  /** For `using`: the same as `dispose`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  /** Made once, kept until it is asked for differently. */
  async #backend({ on, backend, threads, onWarning }: ComputeOptions): Promise<Backend> {
    if (on) return on
    if (this.#made && backend === undefined && threads === undefined) return this.#made.backend
    const key = `${backend} ${threads}`
    if (this.#made?.key !== key) {
      this.dispose()
      this.#made = { key, backend: await createBackend({ backend, threads, onWarning }) }
    }
    return this.#made.backend
  }
}

/** A preset with other blocks or another growth rate is another network. */
const nameOf = (model: string, config: DenseNetConfig): string =>
  isPreset(model) && describe(preset(model)) !== describe(config) ? describe(config) : model

const isDataset = (given: unknown): given is Dataset =>
  typeof given === 'object' && given !== null && 'split' in given && 'labels' in given

function checkBatchSize(batchSize: number): void {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw parameterError('batchSize', 'a whole number of at least 1', batchSize)
  }
}

function unreadable(image: ImageInput, { index, reason }: { index: number; reason: string }, count: number) {
  return new DenseNetError(`${count > 1 ? `image ${index + 1}: ` : ''}${imageName(image)} cannot be read: ${reason}`)
}

/** What decides the last digits: the backend and its instructions, not how many threads there are. */
const computer = ({ description }: Backend): string => description.replace(/, \d+ threads?$/, '')
