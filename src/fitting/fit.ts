// Training a network: a new run, or one that goes on. What is asked for -> settings and recipe -> prepared -> trained.
import type { ComputeOptions } from '../backends/registry.js'
import type { Backend } from '../engine/backend.js'
import { type SessionState, weightsOf } from '../engine/session.js'
import { usageError } from '../errors.js'
import type { Dataset } from '../images/dataset.js'
import { checkDataset } from '../images/fits.js'
import type { DatasetIdentity } from '../images/identity.js'
import type { DenseNetConfig } from '../model/config.js'
import { type Quantization, refuseQuantized } from '../model/quantization.js'
import { mustAgree } from '../ranks/agreement.js'
import { ALONE, leads, type Ranks } from '../ranks/ranks.js'
import { type Recipe, recipeKeys, spelled } from '../training/recipe.js'
import type { TrainingResult } from '../training/trainer.js'
import { withCleanup } from '../util/cleanup.js'
import { checkSettings } from '../util/settings.js'
import { type AskedRecipe, checkSameRun, newRecipe, resumedRecipe, startAfter } from './asked-recipe.js'
import type { KnownFeatures } from './kept-features.js'
import type { MemoryChoice } from './memory.js'
import type { OpenRun, Place } from './place.js'
import { prepare } from './prepare.js'
import { newRunId, RUN, type RunSettings } from './settings.js'
import { sharedPlace } from './shared-place.js'
import { learned, trainRun, type WatchOptions } from './train-run.js'

export interface FitOptions extends ComputeOptions, AskedRecipe, WatchOptions {
  /** Of several processes that train one network: each calls fit, with its own rank and otherwise the same. Rank 0 alone
   * writes and tells events. Default: there is one. */
  readonly ranks?: Ranks
  /** Evaluated after every epoch. */
  readonly validation?: Dataset
  /** `store` is faster, `recompute` takes less memory; the numbers are the same. Default `auto`: `store` where it fits
   * into the memory that is free. */
  readonly memory?: MemoryChoice
  /** A new folder for checkpoints and log. */
  readonly output?: string
  /** Goes on with the run in this folder, or that openRun gave, with its recipe; only `epochs` may then be given anew. It
   * is closed at the end. */
  readonly resume?: string | OpenRun
  readonly loaderThreads?: number
  /** How many of the best epochs' checkpoints are kept; default 1. */
  readonly keepBest?: number
  /** After each epoch an event `layers` tells statistics of every tensor's weights and gradients; default false. */
  readonly layerStatistics?: boolean
  /** Event files for TensorBoard, in this folder; true: in the folder `tensorboard` of the run. Default: none, but a run
   * that goes on and has that folder goes on with it, too. */
  readonly tensorboard?: boolean | string
  /** Where the classifier alone is trained: features that were computed before, as `features(train)` gives them, which must
   * be of these weights. */
  readonly knownFeatures?: KnownFeatures
  /** For config.json. */
  readonly dataFolder?: string
}

/** What of a network training takes. */
interface Untrained {
  readonly name: string
  readonly config: DenseNetConfig
  readonly state: SessionState
  readonly quantization?: Quantization | null
}

export interface Fitted {
  readonly result: TrainingResult
  /** The weights after it. */
  readonly state: SessionState
  /** What else the network is now. */
  readonly learned: ReturnType<typeof learned>
}

/** Where a device is lost on the way, a run that is kept goes on from its last checkpoint on a new one. */
export async function fitNetwork(
  network: Untrained,
  train: Dataset,
  options: FitOptions,
  backend: Backend,
  place: Place,
): Promise<Fitted> {
  const { output, resume, onEvent } = options
  const path = output ?? (typeof resume === 'string' ? resume : resume?.path)
  try {
    return await fitOnce(network, train, options, backend, place)
  } catch (error) {
    if (path === undefined || !(await backend.renew?.())) throw error
    onEvent?.({ type: 'warning', message: `${(error as Error).message}; going on from the last checkpoint` })
    return fitNetwork(network, train, { ...options, output: undefined, resume: path }, backend, place)
  }
}

function fitOnce(
  network: Untrained,
  train: Dataset,
  options: FitOptions,
  backend: Backend,
  ownPlace: Place,
): Promise<Fitted> {
  return withCleanup(async later => {
    const { validation = null, output, resume, after, loaderThreads, ranks = ALONE } = options
    const onEvent = leads(ranks) ? options.onEvent : undefined
    const place = sharedPlace(ownPlace, ranks)
    const { config, name } = network
    refuseQuantized(network.quantization, 'training')
    if (output !== undefined && resume !== undefined) throw usageError('give either output or resume, not both')
    for (const dataset of [train, validation]) if (dataset) checkDataset(config, dataset)
    const warn = (message: string): void => onEvent?.({ type: 'warning', message })
    const opened = typeof resume === 'string' ? await place.openRun(resume, warn) : (resume ?? null)
    if (opened) later(() => opened.close())
    const standing = opened?.checkpoint
    const recipe = standing
      ? resumedRecipe(standing, options)
      : newRecipe(train, config, { ...options, accumulate: options.accumulate ?? ranks.size })
    const kept = opened || output !== undefined || ranks.size > 1
    const dataset = kept ? await place.identify(train, validation) : null
    if (opened) checkSameRun(config, opened, dataset!)
    const schedule = typeof options.schedule === 'function' ? options.schedule : undefined
    if (recipe.schedule === 'custom' && !schedule) {
      throw usageError('this run has a schedule of its own: give the function again to go on')
    }
    const settings = settingsOf(name, train, options, backend, opened?.settings)
    if (opened) compareComputers(opened.settings, settings, warn)
    if (ranks.size > 1) {
      await mustAgree(ranks, { ...recipeFacts(recipe), ...factsOf(backend, config, dataset) }, AGREEING)
      checkShares(recipe, ranks.size, warn)
    }
    const from = standing?.progress ?? startAfter(after, train, config, recipe)
    const { machine, decodeMask } = place
    const images = { train, test: validation, loaderThreads, decodeMask, ranks }
    const prepared = await prepare({ config, recipe, schedule, backend, memory: settings.memory, machine, ...images })
    const board = await place.boards?.folder(options.tensorboard, output ?? opened?.path, opened !== null)
    const run = output === undefined ? opened : await place.createRun(output, settings, recipe, config)
    if (output !== undefined) later(() => run?.close())
    const changed = async (): Promise<boolean> =>
      'files' in train && (await place.identify(train, validation)).fingerprint !== dataset?.fingerprint
    const begins = { ...network.state, training: after?.velocity ? { velocity: after.velocity } : {} }
    const known = options.knownFeatures
    const asked = { settings, run, state: standing?.state ?? begins, from, dataset, changed, board, known }
    const { state, ...result } = await trainRun(prepared, asked, { ...options, onEvent }, place, later)
    return { result, state: weightsOf(state), learned: learned(prepared) }
  })
}

/** What decides bits, and so must be the same for all ranks. */
const recipeFacts = (recipe: Recipe) =>
  Object.fromEntries(recipeKeys.map(name => [spelled(name), recipe[name]] as const))
const factsOf = (backend: Backend, network: DenseNetConfig, identity: DatasetIdentity | null) => ({
  precision: backend.precision,
  computer: computer(backend),
  network,
  'data set': identity?.fingerprint?.slice(0, 8),
})
const AGREEING = { computer: 'set DENSENET_ISA to an instruction set that all of them have, such as avx2' }

/** Batches of an update are what is shared out. */
function checkShares({ accumulate }: Recipe, ranks: number, warn: (message: string) => void): void {
  if (accumulate === 1) {
    throw usageError(
      `${ranks} ranks share out the batches of an update, and an update of this run is of one batch`,
      'train in one process, or begin a new run with --accumulate',
    )
  }
  if (accumulate < ranks) {
    warn(`an update is of ${accumulate} batches: of the ${ranks} ranks ${ranks - accumulate} have nothing to train on`)
  }
}

/** What is asked for now, else what was for the run that goes on. */
function settingsOf(
  model: string,
  train: Dataset,
  options: FitOptions,
  backend: Backend,
  before?: RunSettings,
): RunSettings {
  const names = Object.keys(RUN) as (keyof typeof RUN)[]
  const asked = names.map(name => [name, options[name] ?? before?.[name] ?? RUN[name].default])
  return {
    ...checkSettings(RUN, Object.fromEntries(asked)),
    id: newRunId(),
    model,
    dataset: train.name,
    dataFolder: options.dataFolder ?? null,
    backend: backend.name,
    precision: backend.precision,
    threads: options.threads ?? null,
    computer: computer(backend),
  }
}

/** Says it aloud where a run goes on otherwise than it was made. */
function compareComputers(before: RunSettings, now: RunSettings, warn: (message: string) => void): void {
  if (before.precision !== now.precision) {
    warn(`this run was made in ${before.precision}; it goes on in ${now.precision}, which gives other numbers`)
  } else if (before.computer !== now.computer) {
    warn(`this run was made on ${before.computer}; on ${now.computer} its last digits may differ`)
  }
}

/** What decides the last digits: the backend and its instructions, not how many threads there are. */
const computer = ({ description }: Backend): string => description.replace(/, \d+ threads?/, '')
