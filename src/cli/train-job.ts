// The parts that training commands share: flags, the network, options of fit, data, and the last words.
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Backend, createBackend } from '../entries/engine.js'
import { type Augmentation, type Blank, chosenAugmentation, limitDataset, type Uncertain } from '../entries/images.js'
import { BEST_FILE, leads, readCheckpoint, shareCheckpoint } from '../entries/runs.js'
import { usageError } from '../errors.js'
import {
  type BackendOptions,
  type ColourOrder,
  type Dataset,
  DenseNet,
  type DenseNetOptions,
  type EpochScore,
  type FitOptions,
  type MemoryChoice,
  type NameChoice,
  type TrainingResult,
  type WeightChoice,
} from '../index.js'
import type { Context } from './context.js'
import { type ChosenDataset, checkShape, dataReporter, type Splits } from './datasets.js'
import { lastWords } from './last-words.js'
import type { ModelFlags } from './model-options.js'
import type { AugmentFlag, ComputeFlags, OutputFlags } from './options.js'
import type { Reporter } from './progress.js'
import type { Party } from './ranks.js'
import type { StopRequest } from './signals.js'
import { givenRecipe } from './training-options.js'

export interface TrainFlags extends ModelFlags, ComputeFlags, OutputFlags {
  readonly dataset?: string
  readonly data?: string
  readonly recipe?: string
  readonly epochs?: number
  readonly imageSize?: number
  readonly frames?: boolean
  readonly channels?: number
  readonly uncertain?: Uncertain
  readonly blank?: Blank
  readonly augment?: AugmentFlag
  readonly memory?: MemoryChoice
  readonly seed?: number
  readonly output?: string
  readonly resume?: string
  readonly pretrained?: string
  readonly resetClassifier?: boolean
  readonly classes?: number
  readonly firstEpoch?: number
  readonly strict: boolean
  readonly weights?: WeightChoice
  readonly names?: NameChoice
  readonly colours?: ColourOrder
  readonly bnEpsilon?: number
  readonly checkpointSeconds?: number
  readonly keepBest?: number
  readonly layerStatistics?: boolean
  readonly tensorboard?: boolean | string
  readonly demo?: boolean
  readonly dashboard?: boolean
  readonly ranks?: number
}

/** One call of the command. */
export interface Job {
  readonly model: string | undefined
  readonly flags: TrainFlags
  readonly context: Context
  readonly reporter: Reporter
  readonly request: StopRequest
  readonly later: (release: () => unknown) => void
  readonly party: Party
}

/** A fresh network for the images of a data set: a preset with changes, or a description. */
export function networkOf(
  model: string | undefined,
  description: DenseNetOptions,
  dataset: ChosenDataset,
  seed = 0,
): DenseNet {
  const { channels, height, width, classes } = dataset
  const options = { ...description, inputChannels: channels, height, width, classes }
  if (model !== undefined) {
    const network = DenseNet.create(model, { ...options, seed })
    checkShape(network.config, dataset, network.name)
    return network
  }
  if (options.depth === undefined && options.blocks === undefined) {
    throw usageError(
      'which network?',
      'densenet train densenet-bc-100-12, or --depth and --growth-rate; densenet summary lists the presets',
    )
  }
  return DenseNet.create(options, { seed })
}

export function fitOptions({ flags, reporter, request, party }: Job) {
  return {
    ranks: party.ranks,
    ...givenRecipe(flags),
    memory: flags.memory,
    threads: flags.threads,
    loaderThreads: flags.loaderThreads,
    checkpointSeconds: flags.checkpointSeconds,
    keepBest: flags.keepBest,
    layerStatistics: flags.layerStatistics,
    tensorboard: typeof flags.tensorboard === 'string' ? resolve(flags.tensorboard) : flags.tensorboard,
    onEvent: reporter.onEvent,
    signal: request.signal,
    dataFolder: flags.data && resolve(flags.data),
  } satisfies FitOptions
}

/** What was asked for, in so many words; else undefined: the data set's usual one, or the run's. */
export const augmentationFor = (train: Dataset, { flags }: Job): Augmentation | undefined =>
  flags.augment === undefined ? undefined : chosenAugmentation(flags.augment, train)

export async function backendOf(
  options: Pick<BackendOptions, 'backend' | 'threads' | 'adapter' | 'precision'>,
  { context, later, party }: Job,
): Promise<Backend> {
  const { backend, threads = party.threads, adapter = party.adapter, precision } = options
  const made = await createBackend({ backend, threads, adapter, precision, onWarning: context.warn })
  later(() => made.dispose())
  return made
}

export async function splits(dataset: ChosenDataset, folder: string | undefined, job: Job): Promise<Splits> {
  const { out, flags } = job.context
  const { onProgress, end } = dataReporter(out, flags.quiet === true || flags.json === true)
  for (const line of dataset.notes) job.context.say(line)
  return dataset.splits({ folder, signal: job.request.signal, onProgress }).finally(end)
}

/** runs/NAME-1, or the next number that is free. */
export async function freeFolder(name: string): Promise<string> {
  for (let n = 1; ; n++) {
    const folder = `${name}-${n}`
    if (!(await stat(folder).catch(() => null))) return folder
  }
}

/** What else a command knows at the end of a run. */
interface Ending {
  /** Where to test what held-out images chose. */
  readonly test?: { readonly dataset: Dataset; readonly backend: Backend }
  /** Lines of what to do next. */
  readonly next?: string[]
}

/** The last words of a run, and its exit code. */
export async function conclude(
  result: TrainingResult,
  folder: string,
  job: Job,
  { test, next }: Ending = {},
): Promise<number> {
  const { context, reporter, request } = job
  reporter.end()
  // Where there are no test images, those that chose an epoch have had their say.
  const tested = !test
    ? null
    : test.dataset.split === 'validation'
      ? 'none'
      : await testChosen(result, folder, test, job)
  for (const line of lastWords(result, folder, reporter.effort(), tested, next)) context.say(line)
  return result.stopped ? request.exitCode : 0
}

/** The test images' first and only say: on the epoch that held-out images chose. */
async function testChosen(
  { stopped, heldOut, best }: TrainingResult,
  folder: string,
  { dataset, backend }: NonNullable<Ending['test']>,
  { context, flags, request, party: { ranks } }: Job,
): Promise<EpochScore | null> {
  if (stopped || !heldOut || best === null) return null
  const checkpoint = await shareCheckpoint(ranks, leads(ranks) ? await readCheckpoint(join(folder, BEST_FILE)) : null)
  using network = DenseNet.of(checkpoint)
  const { batchSize, testLimit, limitBy, crops: views, ownStatistics } = checkpoint.recipe!
  const images = limitDataset(dataset, testLimit, limitBy)
  const { loaderThreads } = flags
  const { signal } = request
  const asked = { on: backend, batchSize, views, ownStatistics, loaderThreads, ranks, signal }
  const score = await network.evaluate(images, asked)
  const tested = { epoch: best.epoch, ...score }
  if (flags.json) context.out.write(`${JSON.stringify({ type: 'test', images: images.length, ...tested })}\n`)
  return tested
}
