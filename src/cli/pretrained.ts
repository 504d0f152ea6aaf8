import { basename, join, resolve } from 'node:path'
import { describe, preset, resolveConfig } from '../entries/model.js'
import { readOriginalCheckpoint } from '../entries/networks.js'
import { PAPER_RECIPE, spelled } from '../entries/training.js'
import { usageError } from '../errors.js'
import { DenseNet, type DenseNetConfig, type TrainingResult } from '../index.js'
import { type ChosenDataset, checkShape, chooseDataset, suited } from './datasets.js'
import { fetching } from './fetching.js'
import { describedNetwork } from './model-options.js'
import { augmentationFor, backendOf, conclude, fitOptions, freeFolder, type Job, splits } from './train-job.js'
import { openOptions, tellReport } from './weight-options.js'

/** The network of --pretrained, and the images of a data set as it reads them; with --reset-classifier for its classes,
 * too. */
export async function pretrainedNetwork(
  job: Job,
  chosen: ChosenDataset,
): Promise<{ network: DenseNet; dataset: ChosenDataset }> {
  const { flags, context } = job
  const path = flags.pretrained!
  if (flags.channels) throw usageError('weights come with their own channels', 'leave out --channels, or --pretrained')
  const { dropRate } = flags
  const { height, width } = chosen
  const open = {
    ...openOptions(flags, chosen),
    dropRate,
    ...(chosen.pixels ? { imageSize: { height, width } } : {}),
  }
  const { fetch, end } = fetching({}, context)
  const network = await DenseNet.load(path, { ...open, fetch, onWarning: context.warn }).finally(end)
  checkDescribed(network.config, path, job)
  if (network.imported) tellReport(path, network.imported, network.config, context.say)
  const dataset = suited(chosen, network)
  if (!flags.resetClassifier) {
    network.requireClassifier('training on')
    checkShape(network.config, dataset, path)
    return { network, dataset }
  }
  const { classes } = dataset
  const seed = flags.seed === undefined ? {} : { seed: flags.seed }
  const renewed = network.withNewClassifier(classes, seed)
  checkShape(renewed.config, dataset, path)
  context.say(
    `new classifier: ${classes} classes${network.imported?.headless ? '' : ` instead of ${network.config.classes}`}`,
  )
  return { network: renewed, dataset }
}

/** Weights come with their network: one that is described beside them must be the same. */
function checkDescribed(config: DenseNetConfig, path: string, { model, flags }: Job): void {
  const { dropRate: _, ...described } = describedNetwork(flags)
  if (model === undefined && Object.keys(described).length === 0) return
  const { height, width, classes, inputChannels, ceilPools, bnEpsilon, dropRate } = config
  const options = { ...described, height, width, classes, inputChannels, ceilPools, bnEpsilon, dropRate }
  const asked = model === undefined ? resolveConfig(options) : preset(model, options)
  const differs = (Object.keys(asked) as (keyof DenseNetConfig)[]).filter(
    key => String(asked[key]) !== String(config[key]),
  )
  if (differs.length === 0) return
  const text = (of: DenseNetConfig): string =>
    [describe(of), ...differs.filter(key => !TOLD.includes(key)).map(key => `${spelled(key)} ${of[key]}`)].join(', ')
  throw usageError(`${path} holds ${text(config)}, not ${text(asked)}`, 'weights come with their network: leave it out')
}

/** What describe tells, or all but tells. */
const TOLD: readonly string[] = ['blocks', 'growthRate', 'bottleneck']

/** Goes on in a new run folder of ours, with the weights and the momentum that the original program left. */
export async function resumeOriginal(job: Job, folder: string, defaultDataset: string): Promise<number> {
  const { flags, context } = job
  const dataset = await chooseDataset(flags.dataset ?? defaultDataset, flags)
  const original = await readOriginalCheckpoint(folder)
  const open = { ...openOptions({ strict: true }, dataset), dropRate: flags.dropRate }
  const network = await DenseNet.load(folder, { ...open, onWarning: context.warn })
  checkDescribed(network.config, folder, job)
  checkShape(network.config, dataset, folder)
  if (original.velocity !== null && original.velocity.length !== network.state.parameters.length) {
    throw usageError(
      `the momentum in ${folder} has ${original.velocity.length} values, its network ${network.state.parameters.length}`,
    )
  }
  const options = fitOptions(job)
  const epochs = options.epochs ?? PAPER_RECIPE.epochs
  if (epochs <= original.epoch) {
    throw usageError(
      `the run in ${folder} has made ${original.epoch} epochs already; --epochs ${epochs} leaves nothing to do`,
    )
  }
  const backend = await backendOf(flags, job)
  const { train, validation, test } = await splits(dataset, flags.data, job)
  if (flags.output !== undefined && resolve(flags.output) === resolve(folder)) {
    throw usageError(`${folder} is the original program's own`, 'choose another folder for the run that goes on')
  }
  const output = flags.output ?? (await freeFolder(join('runs', basename(folder))))
  context.say(`${folder}: the original program's, ${original.epoch} epochs done; going on in ${output}`)
  const result: TrainingResult = await network.fit(train, {
    ...options,
    augmentation: augmentationFor(train, job),
    momentum: options.momentum ?? original.momentum,
    weightDecay: options.weightDecay ?? original.weightDecay,
    nesterov: original.nesterov,
    after: { epochs: original.epoch, velocity: original.velocity },
    validation,
    output,
    on: backend,
  })
  return conclude(result, output, job, { test: { dataset: test, backend } })
}
