// A training that is prepared: session, loaders, run and loop put together, and taken apart again whatever happens.
import type { Loader } from '../batches/loader.js'
import type { Numbers } from '../engine/backend.js'
import { createFeatureExtractor } from '../engine/features.js'
import { createSession, type SessionState, weightsOf } from '../engine/session.js'
import { DenseNetError, usageError } from '../errors.js'
import type { Dataset } from '../images/dataset.js'
import type { DatasetIdentity } from '../images/identity.js'
import { VIEWS } from '../images/transforms/preprocess.js'
import { architecture } from '../model/architecture.js'
import { summarise } from '../model/summary.js'
import { leads } from '../ranks/ranks.js'
import type { StartEvent, TrainingEvent, TrainingListener } from '../training/events.js'
import { layerStatistics } from '../training/layer-statistics.js'
import { withoutLoneImages } from '../training/lone-images.js'
import { BEGINNING, type Progress } from '../training/progress.js'
import { hasOwnProbabilities, mixes } from '../training/recipe.js'
import { type SaveKind, type Sources, type TrainingResult, train } from '../training/trainer.js'
import { evaluateViews } from '../training/views.js'
import { hashOf } from '../util/hash.js'
import { type KnownFeatures, keptSources } from './kept-features.js'
import type { Board, Place, Run } from './place.js'
import type { PreparedTraining } from './prepare.js'
import type { RunSettings } from './settings.js'
import { type SharedNews, sharedNews } from './shared-news.js'

export interface RunOptions {
  readonly settings: RunSettings
  /** null: nothing is kept. */
  readonly run: Run | null
  /** Weights to begin with; with momentum when a run goes on. */
  readonly state: SessionState
  /** Where a run that goes on stands; null: at the beginning. */
  readonly from: Progress | null
  /** What the images are, for the checkpoints. */
  readonly dataset: DatasetIdentity | null
  /** Whether they have changed since then. */
  readonly changed: () => Promise<boolean>
  /** Where event files for TensorBoard are written; undefined: nowhere. */
  readonly board: string | undefined
  readonly known: KnownFeatures | undefined
}

/** How the loop is watched and stopped. */
export interface WatchOptions {
  /** How often the state is saved within an epoch; default 60. */
  readonly checkpointSeconds?: number
  /** Epochs may be over in a moment, as on kept features: then only those end with the state saved that come so long after
   * the last time, and the last one; default 0: all. */
  readonly leastCheckpointSeconds?: number
  readonly onEvent?: TrainingListener
  /** Finishes the step, saves and returns. */
  readonly signal?: AbortSignal
}

/** `later` hears how what it takes is released. The weights after it are the result's `state`. */
export async function trainRun(
  prepared: PreparedTraining,
  options: RunOptions,
  { checkpointSeconds = 60, leastCheckpointSeconds, onEvent, signal }: WatchOptions,
  place: Place,
  later: (release: () => unknown) => void,
): Promise<TrainingResult & { readonly state: SessionState }> {
  const { config, recipe, backend, on, schedule, ranks } = prepared
  const { run, from, settings } = options
  const { epochs, batchSize, seed } = recipe
  let board: Board | null = null
  const emit = (event: TrainingEvent): void => {
    run?.record(event)
    board?.write(event)
    onEvent?.(event)
  }
  const say = (message: string): void => emit({ type: 'warning', message })
  const shared = ranks.size > 1 ? sharedNews(ranks, say) : null
  const onWarning = shared?.warn ?? say
  const session = await createSession(architecture(config), backend, prepared.session, prepared.plan.programs)
  later(() => session.dispose())
  await session.writeState(options.state)
  const images = createLoaders(prepared, place, shared?.onWritten, onWarning, later)
  await run?.continueLog(from ?? BEGINNING, say)
  const trained = withoutLoneImages(images.train.loader, config, recipe, prepared.train.length, onWarning)
  const { batchesPerEpoch } = trained
  if (options.board !== undefined && place.boards) {
    board = await place.boards.open(options.board, from && firstVoidStep(from, batchesPerEpoch), say)
    later(() => board?.close())
  }
  emit(startEvent(prepared, settings.model, batchesPerEpoch, from ?? BEGINNING))
  if (!from) await board?.draw(prepared.train, recipe)
  // One copy of the weights for all checkpoints and statistics: those of large networks would pile up between garbage collections.
  let copied: SessionState | undefined
  let changed = false
  const save = async (kind: SaveKind, progress: Progress): Promise<void> => {
    if (!run || !leads(ranks)) return
    if (kind === 'last' && progress.nextBatch === 0 && progress.step > 0 && !changed) {
      changed = await options.changed()
      if (changed) {
        const { name } = prepared.train
        say(`the images of ${name} have changed since the run began, which may show in its results`)
      }
    }
    copied = await session.readState(copied)
    checkFinite(copied, progress)
    // What the checkpoint has behind it is never made again.
    await board?.flush()
    // The best ones are for use, not for going on: they carry the weights that were evaluated and no momentum.
    const state = kind === 'last' ? goingOn(copied, progress) : weightsOf(copied)
    const { dataset } = options
    const path = await run.save(kind, { config, ...learned(prepared), dataset, recipe, progress, state })
    const { epoch, nextBatch: batch, step } = progress
    emit({ type: 'checkpoint', path, kind, epoch, batch, step })
  }
  const layers = async () => {
    copied = await session.readState(copied)
    return layerStatistics(session.table, copied.parameters, await session.gradients())
  }
  let sources: Sources = { train: trained, test: images.test?.loader ?? null }
  const { known } = options
  if (recipe.featurePasses > 0) {
    // As the session has them: in the numbers of the backend, whatever the run began with.
    const state = await session.readState()
    const extractor = await createFeatureExtractor(architecture(config), backend, state, {
      batchSize,
      program: prepared.plan.extractor,
    })
    later(() => extractor.dispose())
    sources = keptSources({ ...images, extractor, recipe, on, known, signal, ranks, onProgress: emit })
  } else if (known) {
    throw usageError('known features are for training the classifier alone, without chance in the images')
  }
  const fingerprint = async (): Promise<string> => {
    copied = await session.readState(copied)
    return hashOf([copied.parameters, copied.running])
  }
  const result = await train({
    ...sources,
    session,
    ranks,
    news: shared?.news,
    fingerprint,
    on,
    evaluator: evaluateViews(VIEWS[recipe.crops].length, hasOwnProbabilities(recipe)),
    epochs,
    schedule,
    recipe,
    keepBest: settings.keepBest,
    seed,
    ...(from ? { from } : {}),
    onEvent: emit,
    layers: settings.layerStatistics && leads(ranks) ? layers : undefined,
    save,
    checkpointSeconds,
    leastCheckpointSeconds,
    memoryBytes: place.memoryBytes,
    signal,
  })
  const state = await session.readState(copied)
  checkFinite(state, result.progress)
  return { ...result, state }
}

/** What a network takes on from the images that it is trained on. */
export const learned = ({ train, recipe }: Pick<PreparedTraining, 'train' | 'recipe'>) => ({
  classes: train.classes,
  normalisation: train.normalisation,
  preprocessing: 'preprocessing' in train ? train.preprocessing : null,
  multiLabel: hasOwnProbabilities(recipe),
})

interface Images {
  readonly dataset: Dataset
  readonly loader: Loader
}

function createLoaders(
  { recipe, train, test, loaderThreads: workers }: PreparedTraining,
  { createLoader }: Place,
  onWritten: SharedNews['onWritten'] | undefined,
  onWarning: (message: string) => void,
  later: (release: () => unknown) => void,
): { readonly train: Images; readonly test: Images | null } {
  const { batchSize, seed, augmentation, mixup, cutmix, switchProbability, featurePasses, crops } = recipe
  const common = { batchSize, seed, onWarning, workers }
  const shuffle = featurePasses === 0
  const mixing = mixes(recipe) ? { mixing: { mixup, cutmix, switchProbability } } : {}
  const loader = createLoader(train, { ...common, onWritten: onWritten?.(train), shuffle, augmentation, ...mixing })
  later(() => loader.dispose())
  const testLoader =
    test && createLoader(test, { ...common, onWritten: onWritten?.(test), shuffle: false, views: VIEWS[crops] })
  if (testLoader) later(() => testLoader.dispose())
  return { train: { dataset: train, loader }, test: test && testLoader && { dataset: test, loader: testLoader } }
}

/** What a run in progress goes on with: no sum of gradients, where none is in the making. */
function goingOn({ training, ...state }: SessionState, { pendingImages }: Progress): SessionState {
  const { accumulated, ...rest } = training
  return { ...state, training: pendingImages > 0 ? training : rest }
}

function startEvent(
  { config, recipe, train, test, on, backend, plan, ranks }: PreparedTraining,
  name: string,
  batchesPerEpoch: number,
  { epoch, nextBatch: batch, step }: Progress,
): StartEvent {
  const { depth, parameters, multiplyAdds } = summarise(config)
  const { memory, reason: memoryReason, predicted } = plan
  return {
    type: 'start',
    network: { name, depth, parameters, multiplyAdds },
    compute: {
      backend: backend.description,
      memory,
      memoryReason,
      plannedBytes: predicted.total,
      ...(ranks.size > 1 ? { ranks: ranks.size } : {}),
    },
    dataset: train.name,
    recipe,
    epochs: recipe.epochs,
    batchesPerEpoch,
    trainImages: train.length,
    testImages: test?.length ?? 0,
    on,
    ...(train.targets ? { multiLabel: true } : {}),
    ...('files' in train && train.masks ? { pixels: true } : {}),
    epoch,
    batch,
    step,
  }
}

/** What a run that goes on makes anew: all after the steps that are done; of an epoch that lacks its evaluation, its last
 * step with it. */
export function firstVoidStep(
  { step, nextBatch }: Pick<Progress, 'step' | 'nextBatch'>,
  batchesPerEpoch: number,
): number {
  return nextBatch === batchesPerEpoch ? step : step + 1
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
