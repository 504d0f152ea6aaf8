// A whole training run: session, loaders, folder and loop put together, and taken apart again whatever happens.
import { isAbsolute } from 'node:path'
import { checkViews } from '../data/loading/image-store.js'
import { createLoader } from '../data/loading/loader.js'
import { drawSheet } from '../data/loading/sheet.js'
import { fingerprint } from '../data/sets/fingerprint.js'
import type { Backend, Numbers } from '../engine/backend.js'
import { createFeatureExtractor } from '../engine/features.js'
import type { Loss } from '../engine/loss.js'
import type { Program } from '../engine/program.js'
import { createSession, type Session, type SessionOptions, type SessionState, weightsOf } from '../engine/session.js'
import { DenseNetError, usageError } from '../errors.js'
import { type Dataset, limitDataset } from '../images/dataset.js'
import { checkSplit, splitDataset } from '../images/split.js'
import { VIEWS, type ViewName } from '../images/transforms/preprocess.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import { summarise } from '../model/summary.js'
import type { TrainingEvent, TrainingListener } from '../training/events.js'
import { layerStatistics } from '../training/layer-statistics.js'
import { checkLoneImages, trainedImages, withoutLoneImages } from '../training/lone-images.js'
import type { Metrics } from '../training/metrics.js'
import { hasOwnProbabilities, mixes, type Recipe } from '../training/recipe.js'
import { createSchedule, type Schedule, warmUp } from '../training/schedule.js'
import { sessionOptions } from '../training/session-options.js'
import {
  BEGINNING,
  evaluateBatches,
  type SaveKind,
  type Sources,
  type TrainingResult,
  train,
} from '../training/trainer.js'
import { evaluateViews } from '../training/views.js'
import { withCleanup } from '../util/cleanup.js'
import { BoardLog, firstVoidStep } from './board-log.js'
import type { DatasetIdentity, Progress } from './checkpoint.js'
import { keptSources } from './kept-features.js'
import { type MemoryChoice, planMemory } from './memory.js'
import type { RunFolder } from './run-folder.js'

export interface RunOptions {
  readonly name: string
  readonly config: DenseNetConfig
  /** Weights to begin with; with momentum when a run goes on. */
  readonly state: SessionState
  readonly train: Dataset
  readonly test: Dataset | null
  /** What these are, for the checkpoints. */
  readonly dataset: DatasetIdentity | null
  readonly recipe: Recipe
  /** Needed when the recipe's is `custom`. */
  readonly schedule?: Schedule | undefined
  readonly backend: Backend
  readonly memory: MemoryChoice
  readonly loaderThreads?: number | undefined
  readonly checkpointSeconds?: number | undefined
  /** How many of the best epochs' checkpoints are kept; default 1. */
  readonly keepBest?: number | undefined
  /** Whether to tell statistics of weights and gradients after each epoch; default false. */
  readonly layerStatistics?: boolean | undefined
  readonly folder: RunFolder | null
  /** Where event files for TensorBoard are written; default: nowhere. */
  readonly tensorboard?: string | undefined
  /** Where a run that goes on stands. */
  readonly from?: Progress | undefined
  readonly onEvent?: TrainingListener | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RunResult extends TrainingResult {
  /** The weights after it. */
  readonly state: SessionState
}

const CHECKPOINT_SECONDS = 60

function memoryOptions(
  {
    backend,
    loaderThreads,
    train,
    test,
    recipe: { featurePasses, trainLimit, testLimit },
  }: Pick<RunOptions, 'backend' | 'loaderThreads' | 'train' | 'test' | 'recipe'>,
  asked: SessionOptions,
) {
  const scratchBytes = (program: Program): number => backend.scratchBytes(program)
  const trained = featurePasses * Math.min(train.length, trainLimit ?? train.length)
  const keptImages = featurePasses > 0 ? trained + Math.min(test?.length ?? 0, testLimit ?? Number.MAX_SAFE_INTEGER) : 0
  return { batchSize: asked.batchSize, scratchBytes, loaderThreads, keptImages, session: asked }
}

/** What would make a run impossible, before anything of it is made. */
export function checkRun(
  options: Pick<RunOptions, 'config' | 'train' | 'test' | 'recipe' | 'memory' | 'backend' | 'loaderThreads'>,
): void {
  const { config, train, test, recipe, memory } = options
  const { name } = train
  const length = Math.min(train.length, recipe.trainLimit ?? train.length)
  if (recipe.heldOut !== null) checkSplit({ name, length }, recipe.heldOut)
  else checkJudged(recipe, test)
  checkLabels(recipe, train, test)
  checkLoneImages(config, recipe, trainedImages(recipe, train.length))
  const judged = recipe.heldOut === null ? test : train
  if (judged) checkViews(judged, VIEWS[recipe.crops])
  planMemory(config, memory, memoryOptions(options, sessionOptions(recipe, config, train)))
}

export function run(options: RunOptions): Promise<RunResult> {
  return withCleanup(later => runWith(options, later))
}

async function runWith(options: RunOptions, later: (release: () => unknown) => void): Promise<RunResult> {
  const { config, recipe, dataset, folder, from } = options
  const limited = limitDataset(options.train, recipe.trainLimit, recipe.limitBy)
  const split = recipe.heldOut === null ? null : splitDataset(limited, recipe.heldOut, recipe.seed)
  const trainSet = split?.train ?? limited
  const testSet = split?.validation ?? (options.test && limitDataset(options.test, recipe.testLimit, recipe.limitBy))
  for (const dataset of [trainSet, testSet]) if (dataset) checkDataset(config, dataset)
  const on = split || testSet?.split === 'validation' ? 'validation' : 'test'
  const { epochs, batchSize, seed, mixup, cutmix, switchProbability } = recipe
  const schedule = warmUp(options.schedule ?? createSchedule(recipe.schedule, recipe.learningRate), recipe.warmupEpochs)
  const { signal, onEvent, checkpointSeconds = CHECKPOINT_SECONDS, keepBest = 1 } = options
  let board: BoardLog | null = null
  const emit = (event: TrainingEvent): void => {
    folder?.record(event)
    board?.write(event)
    onEvent?.(event)
  }
  const { depth, parameters, multiplyAdds } = summarise(config)
  const asked = sessionOptions(recipe, config, trainSet)
  const { memory, reason, predicted } = planMemory(config, options.memory, memoryOptions(options, asked))
  const workers = options.loaderThreads === undefined ? {} : { workers: options.loaderThreads }
  const onWarning = (message: string): void => emit({ type: 'warning', message })
  const common = { batchSize, seed, onWarning, ...workers }
  const session = await createSession(architecture(config), options.backend, {
    ...asked,
    memory,
  })
  later(() => session.dispose())
  await session.writeState(options.state)
  const kept = recipe.featurePasses > 0
  const loader = createLoader(trainSet, {
    ...{ ...common, shuffle: !kept, augmentation: recipe.augmentation },
    ...(mixes(recipe) ? { mixing: { mixup, cutmix, switchProbability } } : {}),
  })
  later(() => loader.dispose())
  const views = VIEWS[recipe.crops]
  const testLoader = testSet && createLoader(testSet, { ...common, shuffle: false, views })
  if (testLoader) later(() => testLoader.dispose())
  await folder?.continueLog(from ?? BEGINNING, onWarning)
  const trained = withoutLoneImages(loader, config, recipe, trainSet.length, onWarning)
  const { batchesPerEpoch } = trained
  if (options.tensorboard !== undefined) {
    const voidFrom = from ? firstVoidStep(from, batchesPerEpoch) : null
    board = await BoardLog.open(options.tensorboard, voidFrom, onWarning)
    later(() => board?.close())
  }
  emit({
    type: 'start',
    network: { name: options.name, depth, parameters, multiplyAdds },
    compute: { backend: options.backend.description, memory, memoryReason: reason, plannedBytes: predicted.total },
    dataset: trainSet.name,
    recipe,
    epochs,
    batchesPerEpoch,
    trainImages: trainSet.length,
    testImages: testSet?.length ?? 0,
    on,
    ...(trainSet.targets ? { multiLabel: true } : {}),
    epoch: from?.epoch ?? 1,
    batch: from?.nextBatch ?? 0,
    step: from?.step ?? 0,
  })
  if (board && !from) await drawImages(board, trainSet, recipe, onWarning)
  const { classes, normalisation } = trainSet
  const preprocessing = 'preprocessing' in trainSet ? trainSet.preprocessing : null
  const multiLabel = hasOwnProbabilities(recipe)
  // One copy of the weights for all checkpoints and statistics: those of large networks would pile up between garbage collections.
  let copied: SessionState | undefined
  let changed = false
  const save = async (kind: SaveKind, progress: Progress): Promise<void> => {
    if (!folder) return
    if (kind === 'last' && progress.nextBatch === 0 && progress.step > 0 && !changed && 'files' in options.train) {
      const now = await identify(options.train, options.test)
      changed = now.fingerprint !== dataset?.fingerprint
      if (changed)
        onWarning(`the images of ${now.name} have changed since the run began, which may show in its results`)
    }
    const state = await session.readState(copied)
    copied = state
    checkFinite(state, progress)
    // What the checkpoint has behind it is never made again.
    await board?.flush()
    const checkpoint = { config, classes, normalisation, preprocessing, multiLabel, dataset, recipe, progress }
    // The best ones are for use, not for going on: they carry the weights that were evaluated and no momentum.
    const path = await folder.save(kind, {
      ...checkpoint,
      state: kind === 'last' ? state : weightsOf(state),
    })
    const { epoch, nextBatch: batch, step } = progress
    emit({ type: 'checkpoint', path, kind, epoch, batch, step })
  }
  const layers = async () => {
    copied = await session.readState(copied)
    return layerStatistics(session.table, copied.parameters, await session.gradients())
  }
  let sources: Sources = { train: trained, test: testLoader }
  if (kept) {
    // As the session has them: in the numbers of the backend, whatever the run began with.
    const state = await session.readState()
    const extractor = await createFeatureExtractor(architecture(config), options.backend, state, { batchSize })
    later(() => extractor.dispose())
    sources = keptSources({
      ...{ extractor, recipe, on, signal, onProgress: emit },
      train: { dataset: trainSet, loader },
      test: testSet && testLoader && { dataset: testSet, loader: testLoader },
    })
  }
  const result = await train({
    session,
    ...sources,
    on,
    evaluator: evaluateViews(views.length, multiLabel),
    epochs,
    schedule,
    recipe,
    keepBest,
    seed,
    ...(from ? { from } : {}),
    onEvent: emit,
    layers: options.layerStatistics ? layers : undefined,
    save,
    checkpointSeconds,
    signal,
  })
  const state = await session.readState(copied)
  checkFinite(state, result.progress)
  return { ...result, state }
}

const SHEET = { images: 8, columns: 8 }

/** What training will see of some images. */
async function drawImages(
  board: BoardLog,
  dataset: Dataset,
  { augmentation, seed }: Recipe,
  onWarning: (message: string) => void,
): Promise<void> {
  try {
    const sheet = await drawSheet(dataset, { ...SHEET, augmentation, seed })
    board.image('training_images', 0, sheet)
  } catch (error) {
    onWarning(`TensorBoard gets no images: ${(error as Error).message}`)
  }
}

export interface EvaluationOptions {
  readonly config: DenseNetConfig
  readonly state: SessionState
  readonly dataset: Dataset
  /** Whether each class has a probability of its own; else they exclude each other. */
  readonly multiLabel?: boolean
  readonly backend: Backend
  readonly batchSize: number
  /** What is shown of each image; default: single. */
  readonly views?: ViewName | undefined
  readonly loaderThreads?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((imagesDone: number) => void) | undefined
}

/** Loss and errors of given weights on a data set, with running statistics and without augmentation; null when
 * stopped. */
export function evaluate(options: EvaluationOptions): Promise<Metrics | null> {
  const { config, dataset, backend, batchSize, signal, onProgress } = options
  checkDataset(config, dataset)
  return withCleanup(async later => {
    const loss = evaluatedLoss(dataset, options.multiLabel)
    const session: Session = await createSession(architecture(config), backend, { batchSize, loss })
    later(() => session.dispose())
    await session.writeState(options.state)
    const workers = options.loaderThreads === undefined ? {} : { workers: options.loaderThreads }
    const views = VIEWS[options.views ?? 'single']
    const loader = createLoader(dataset, { batchSize, seed: 0, shuffle: false, views, ...workers })
    later(() => loader.dispose())
    const imagesPerBatch = Math.ceil(dataset.length / loader.batchesPerEpoch)
    const goOn = (done: number): boolean => {
      onProgress?.(Math.min(done * imagesPerBatch, dataset.length))
      return !signal?.aborted
    }
    return evaluateBatches(session, loader, goOn, evaluateViews(views.length, loss.kind === 'binaryCrossEntropy'))
  })
}

/** The loss of an evaluation: that of training, plain. */
export const evaluatedLoss = ({ targets }: Dataset, multiLabel = false): Loss =>
  multiLabel || targets ? { kind: 'binaryCrossEntropy', multiLabel: targets !== undefined } : { kind: 'crossEntropy' }

/** One label an image, or several, and the loss for it. */
function checkLabels({ loss }: Recipe, train: Dataset, test: Dataset | null): void {
  if (train.targets && loss === 'cross-entropy') {
    const hint = 'use binary cross entropy (--loss binary-cross-entropy): every class is a yes or no of its own'
    throw usageError(`the images of ${train.name} may have several labels; cross entropy is for one`, hint)
  }
  if (test && (train.targets === undefined) !== (test.targets === undefined)) {
    const [one, several] = train.targets ? [test, train] : [train, test]
    throw usageError(`the images of ${one.name} have one label, those of ${several.name} may have several`)
  }
}

/** Some recipes need images to be judged by. */
function checkJudged({ schedule, patience }: Recipe, testSet: Dataset | null): void {
  if (testSet) return
  const hint = 'give a validation data set, or hold training images out'
  if (schedule === 'plateau') throw usageError('the schedule plateau needs images to be judged by', hint)
  if (patience !== null) throw usageError('early stopping needs images to be judged by', hint)
}

export async function identify(trainSet: Dataset, testSet: Dataset | null): Promise<DatasetIdentity> {
  return {
    name: trainSet.name,
    trainImages: trainSet.length,
    testImages: testSet?.length ?? 0,
    ...(testSet?.split === 'validation' ? { judgedBy: 'validation' as const } : {}),
    ...('files' in trainSet && trainSet.reading ? { reading: trainSet.reading } : {}),
    fingerprint: await fingerprint(testSet ? [trainSet, testSet] : [trainSet]),
  }
}

/** What of a data set a network must suit. */
export interface ImageFacts {
  readonly name: string
  readonly channels: number
  readonly height: number
  readonly width: number
  /** How many. */
  readonly classes: number
}

/** A network reads images of one shape and knows a number of classes. */
export function checkFits(config: DenseNetConfig, images: ImageFacts, network = 'the network', hint?: string): void {
  const { inputChannels, height, width, classes } = config
  if (classes === 1 && images.classes === 2) {
    throw usageError(
      `${network} has one output, a yes or no, and ${images.name} has 2 classes: it is for one class that images are of or not`,
      hint ??
        'name that class alone in a list of images with several labels or none (a CSV file with a column "labels")',
    )
  }
  if (classes !== images.classes) {
    throw usageError(
      `${network} classifies ${classes} class${classes === 1 ? '' : 'es'}, ${images.name} has ${images.classes}`,
      hint,
    )
  }
  if (inputChannels !== images.channels || height !== images.height || width !== images.width) {
    const theirs = `${images.channels} x ${images.height} x ${images.width}`
    throw usageError(
      `${network} reads images of ${inputChannels} x ${height} x ${width}, those of ${images.name} are ${theirs}`,
      inputChannels === images.channels && isAbsolute(images.name)
        ? `to bring the images of a folder or list to its size: --image-size ${height}`
        : undefined,
    )
  }
}

export function checkDataset(config: DenseNetConfig, dataset: Dataset): void {
  checkFits(config, { ...dataset, classes: dataset.classes.length })
  if (config.classes === 1 && !dataset.targets) {
    throw usageError(
      `all images of ${dataset.name} are of its one class: there is nothing to tell apart`,
      'one class is for images that are of it or not: labels of which an image may have none (in the API targets)',
    )
  }
  if (dataset.length === 0) throw usageError(`the ${dataset.split} images of ${dataset.name} are none`)
}

/** A loss is of the weights before its step; the weights themselves may already be lost. */
function checkFinite({ parameters, running }: SessionState, { epoch, nextBatch }: Progress): void {
  if (allFinite(parameters) && allFinite(running)) return
  throw new DenseNetError(`the weights are not finite any more at epoch ${epoch}, step ${nextBatch}`, {
    hint: 'try a lower learning rate (--lr); a checkpoint that there is, is from before this',
  })
}

/** Their `every` makes an object of each number. */
function allFinite(values: Numbers): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false
  return true
}
