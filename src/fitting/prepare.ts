// A training before anything of it is made: its images, what is asked of the session, its programs and their memory. All
// of it is decided and checked here, once.
import { checkViews } from '../batches/image-store.js'
import type { DecodeMask } from '../batches/mask-writer.js'
import type { Backend } from '../engine/backend.js'
import type { SessionOptions } from '../engine/session.js'
import { usageError } from '../errors.js'
import { type Dataset, limitDataset } from '../images/dataset.js'
import { checkDataset } from '../images/fits.js'
import { checkSplit, splitDataset } from '../images/split.js'
import { VIEWS } from '../images/transforms/preprocess.js'
import { architecture } from '../model/architecture.js'
import { type DenseNetConfig, resolveConfig } from '../model/config.js'
import type { Ranks } from '../ranks/ranks.js'
import { checkLoneImages, trainedImages } from '../training/lone-images.js'
import type { Recipe } from '../training/recipe.js'
import { createSchedule, type Schedule, warmUp } from '../training/schedule.js'
import { sessionOptions } from '../training/session-options.js'
import { balancedWeights } from './mask-balance.js'
import { type Machine, type MemoryChoice, type MemoryOptions, type MemoryPlan, planMemory } from './memory.js'

export interface AskedTraining {
  readonly config: DenseNetConfig
  readonly recipe: Recipe
  /** Needed when the recipe's is `custom`. */
  readonly schedule: Schedule | undefined
  readonly train: Dataset
  /** Evaluated after each epoch, where the recipe holds no training images out. */
  readonly test: Dataset | null
  readonly backend: Backend
  readonly memory: MemoryChoice
  readonly machine: Machine
  readonly ranks: Ranks
  readonly decodeMask: DecodeMask | null
  /** Of each loader; default: its own. */
  readonly loaderThreads: number | undefined
}

export interface PreparedTraining extends Omit<AskedTraining, 'schedule' | 'memory' | 'machine' | 'decodeMask'> {
  /** Those that are trained on: within the recipe's limit, none that is held out. */
  readonly train: Dataset
  readonly test: Dataset | null
  /** What these are. */
  readonly on: 'test' | 'validation'
  /** Warmed up. */
  readonly schedule: Schedule
  readonly session: SessionOptions
  readonly plan: MemoryPlan
}

/** Throws a sentence for what would make the training impossible. */
export async function prepare({
  schedule: own,
  memory,
  machine,
  decodeMask,
  ...asked
}: AskedTraining): Promise<PreparedTraining> {
  const { config, recipe, backend, loaderThreads, ranks } = asked
  const { batchSize, learningRate, warmupEpochs, trainLimit, testLimit, limitBy, heldOut, seed, featurePasses } = recipe
  checkRecipe(asked)
  const limited = limitDataset(asked.train, trainLimit, limitBy)
  const split = heldOut === null ? null : splitDataset(limited, heldOut, seed)
  const train = split?.train ?? limited
  const test = split?.validation ?? (asked.test && limitDataset(asked.test, testLimit, limitBy))
  for (const dataset of [train, test]) if (dataset) checkDataset(config, dataset)
  const share = ranks.size > 1 ? { accumulates: false, share: { rank: ranks.rank, ranks: ranks.size } } : {}
  const classWeights = await counted(recipe, config, train, decodeMask)
  const session = {
    ...sessionOptions({ ...recipe, classWeights }, config, train),
    ...share,
    ...evaluatedAt(config, test),
  }
  const keptImages = featurePasses > 0 ? featurePasses * train.length + (test?.length ?? 0) : 0
  const scratchBytes: MemoryOptions['scratchBytes'] = program => backend.scratchBytes(program)
  const { arenaBytes, precision } = backend
  const plan = planMemory(
    config,
    memory,
    { batchSize, precision, session, loaderThreads, scratchBytes, arenaBytes, keptImages },
    machine,
  )
  return {
    ...asked,
    train,
    test,
    on: split || test?.split === 'validation' ? 'validation' : 'test',
    schedule: warmUp(own ?? createSchedule(recipe.schedule, learningRate), warmupEpochs),
    session: { ...session, memory: plan.memory },
    plan,
  }
}

/** Class weights, those of pixels as numbers. */
async function counted(
  { classWeights }: Recipe,
  { classes }: DenseNetConfig,
  train: Dataset,
  decodeMask: DecodeMask | null,
): Promise<Recipe['classWeights']> {
  const masks = 'masks' in train ? train.masks : undefined
  if (classWeights !== 'balanced' || !masks || !decodeMask) return classWeights
  return balancedWeights(masks, classes, decodeMask)
}

/** Images with masks are evaluated as they are, of whatever size; the network for those. */
function evaluatedAt(config: DenseNetConfig, test: Dataset | null): Pick<SessionOptions, 'evaluated'> {
  if (config.family !== 'fc-densenet' || !test) return {}
  const { height, width } = test
  return { evaluated: architecture(resolveConfig({ ...config, height, width })) }
}

/** Before anything is done with the images. */
function checkRecipe({
  config,
  recipe,
  train,
  test,
}: Pick<AskedTraining, 'config' | 'recipe' | 'train' | 'test'>): void {
  const { name } = train
  const length = Math.min(train.length, recipe.trainLimit ?? train.length)
  if (recipe.heldOut !== null) checkSplit({ name, length }, recipe.heldOut)
  else checkJudged(recipe, test)
  checkLabels(recipe, train, test)
  checkLoneImages(config, recipe, trainedImages(recipe, train.length))
  const judged = recipe.heldOut === null ? test : train
  if (judged) checkViews(judged, VIEWS[recipe.crops])
}

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
function checkJudged({ schedule, patience }: Recipe, test: Dataset | null): void {
  if (test) return
  const hint = 'give a validation data set, or hold training images out'
  if (schedule === 'plateau') throw usageError('the schedule plateau needs images to be judged by', hint)
  if (patience !== null) throw usageError('early stopping needs images to be judged by', hint)
}
