// densenet train: a new run, a run that goes on, or the quick one of `npm start`.
import { isAbsolute, join } from 'node:path'
import { Command, Option } from 'commander'
import type { BackendOptions } from '../../backends/registry.js'
import { DenseNet, type FitOptions } from '../../densenet.js'
import { usageError } from '../../errors.js'
import type { Checkpoint } from '../../training/checkpoint.js'
import { memoryChoices } from '../../training/memory.js'
import { PAPER_RECIPE } from '../../training/recipe.js'
import { openCheckpoint, readSettings, refuseRun } from '../../training/run-folder.js'
import { scheduleNames } from '../../training/schedule.js'
import type { TrainingResult } from '../../training/trainer.js'
import { withCleanup } from '../../util/cleanup.js'
import { createContext } from '../context.js'
import { chooseDataset, DATASETS_HELP, IMAGE_SIZE_HELP } from '../datasets.js'
import { table } from '../format.js'
import { describedNetwork, modelOptions } from '../model-options.js'
import { augmentOptions, choiceOption, computeOptions, numberOption, outputOptions, wholeOption } from '../options.js'
import { createReporter } from '../progress.js'
import { QUICK } from '../quick.js'
import { withSignals } from '../signals.js'
import {
  augmentationFor,
  backendOf,
  conclude,
  fitOptions,
  freeFolder,
  type Job,
  networkOf,
  splits,
  type TrainFlags,
} from '../train-job.js'

const DEFAULT_DATASET = 'cifar10'

export function trainCommand(finish: (exitCode: number) => void): Command {
  const { epochs, batchSize, learningRate, schedule, momentum, weightDecay, seed } = PAPER_RECIPE
  const command = new Command('train')
    .description('train a DenseNet')
    .argument('[model]', 'a preset such as densenet-bc-100-12 (densenet summary lists them)')
    .option('--quick', 'a small DenseNet-BC on CIFAR-10 for a few minutes')
    .option('--dataset <name>', `${DATASETS_HELP}; default: ${DEFAULT_DATASET}`)
    .option('--data <folder>', 'where data sets are kept; default: the cache folder')
  const options = [
    wholeOption('--image-size <n>', IMAGE_SIZE_HELP),
    wholeOption('--epochs <n>', `passes over the training images; default: ${epochs}`),
    wholeOption('--batch-size <n>', `images of a step; default: ${batchSize}`),
    numberOption('--lr <rate>', `learning rate; default: ${learningRate}`, 'a number above 0', value => value > 0),
    choiceOption('--schedule <name>', `how it falls; default: ${schedule}`, scheduleNames),
    numberOption(
      '--momentum <m>',
      `default: ${momentum} (Nesterov)`,
      'a number from 0 up to, but not including, 1',
      value => value >= 0 && value < 1,
    ),
    numberOption('--weight-decay <d>', `default: ${weightDecay}`, 'a number of at least 0', value => value >= 0),
    ...augmentOptions(),
    ...modelOptions(),
    choiceOption(
      '--memory <mode>',
      'keep bottleneck outputs or make them again; default: auto, by what is free',
      memoryChoices,
    ),
    wholeOption('--seed <n>', `of weights, order, augmentation and dropout; default: ${seed}`, 0),
    wholeOption('--train-limit <n>', 'only the first n training images'),
    wholeOption('--test-limit <n>', 'only the first n test images'),
    new Option('--output <folder>', 'a new folder for checkpoints and log; default: runs/MODEL-N'),
    new Option('--resume <folder>', 'go on with the run in this folder'),
    numberOption(
      '--checkpoint-seconds <s>',
      'save at least so often; default: 60',
      'a number of at least 0',
      value => value >= 0,
    ),
    ...computeOptions(),
    ...outputOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  densenet train densenet-bc-100-12 --dataset cifar10 --epochs 300 --batch-size 64 --output runs/a
  densenet train --resume runs/a
  densenet train densenet-121 --dataset photos --epochs 90 --batch-size 32
  densenet train --depth 40 --growth-rate 12 --dataset synthetic --epochs 2

The options of the original program work as they did:
  densenet train -netType densenet -dataset cifar10 -batchSize 64 -nEpochs 300 -depth 100 -growthRate 12`,
    )
    .action(async (model: string | undefined, flags: TrainFlags) => finish(await train(model, flags)))
}

async function train(model: string | undefined, flags: TrainFlags): Promise<number> {
  const context = createContext(flags)
  const { out, warn } = context
  const reporter = createReporter({ terminal: out, warn, json: flags.json, quiet: flags.quiet })
  return withSignals(
    () => reporter.stopping(),
    request =>
      withCleanup(later => {
        later(() => reporter.end())
        const job = { model, flags, context, reporter, request, later }
        if (flags.quick) return quick(job)
        return flags.resume === undefined ? fresh(job) : resume(job, flags.resume)
      }),
  )
}

async function fresh(job: Job): Promise<number> {
  const { model, flags } = job
  const dataset = await chooseDataset(flags.dataset ?? DEFAULT_DATASET, flags)
  const network = networkOf(model, describedNetwork(flags), dataset, flags.seed)
  if (flags.output !== undefined) await refuseRun(flags.output)
  const backend = await backendOf(flags, job)
  const { train, test } = await splits(dataset, flags.data, job)
  const output = flags.output ?? (await freeFolder(join('runs', model ?? 'densenet')))
  const result = await network.fit(train, {
    ...fitOptions(job),
    augmentation: augmentationFor(train, job),
    validation: test,
    output,
    on: backend,
  })
  return conclude(result, output, job)
}

async function resume(job: Job, folder: string): Promise<number> {
  const { model, flags } = job
  if (flags.output !== undefined) {
    throw usageError('a run that goes on stays in its folder', 'leave out --output, or copy the folder first')
  }
  const settings = await readSettings(folder)
  const described = Object.keys(describedNetwork(flags)).length > 0
  // The warning about a damaged checkpoint comes once, from fit.
  const { checkpoint } = await openCheckpoint(folder, () => {})
  const finished = finishedRun(checkpoint, flags.epochs, folder)
  if (finished) {
    job.context.say(
      `all ${finished.progress.epoch - 1} epochs of this run are done; --epochs with a larger number trains on`,
    )
    return conclude({ ...finished, stopped: false }, folder, job)
  }
  const dataset = await chooseDataset(flags.dataset ?? settings.dataset, {
    // What was chosen by the network's size and the recipe's seed is so again.
    imageSize: flags.imageSize ?? (isPath(settings.dataset) ? checkpoint.config.height : undefined),
    seed: checkpoint.recipe?.seed,
  })
  const network =
    model !== undefined || described
      ? networkOf(model, describedNetwork(flags), dataset, flags.seed)
      : DenseNet.create(checkpoint.config, { name: settings.model })
  const computing = {
    backend: flags.backend ?? (settings.backend as BackendOptions['backend']),
    threads: flags.threads ?? settings.threads ?? undefined,
  }
  const backend = await backendOf(computing, job)
  const { train, test } = await splits(dataset, flags.data ?? settings.dataFolder ?? undefined, job)
  const augmentation = augmentationFor(train, job)
  const options = { ...fitOptions(job), augmentation, validation: test, resume: folder, on: backend }
  return conclude(await network.fit(train, { ...options, ...computing }), folder, job)
}

/** Own images go by their absolute path. */
const isPath = (dataset: string): boolean => isAbsolute(dataset)

/** The results of a run that has made all its epochs; null when there is something left to do. */
function finishedRun({ progress, recipe }: Checkpoint, epochs: number | undefined, folder: string): Finished | null {
  const done = (progress?.epoch ?? 1) - 1
  const wanted = epochs ?? recipe?.epochs ?? 0
  if (wanted < done) throw usageError(`the run in ${folder} has made ${done} epochs already, more than ${wanted}`)
  if (progress === null || wanted > done) return null
  return { final: progress.final, best: progress.best, progress }
}

type Finished = Omit<TrainingResult, 'stopped'>

async function quick(job: Job): Promise<number> {
  const { model, flags, context } = job
  if (model !== undefined || flags.resume !== undefined || Object.keys(describedNetwork(flags)).length > 0) {
    throw usageError('--quick has its own network', 'leave out --quick, or the network')
  }
  const dataset = await chooseDataset(flags.dataset ?? DEFAULT_DATASET, flags)
  const backend = await backendOf(flags, job)
  const plan = QUICK[backend.name === 'reference' ? 'reference' : 'native']
  if (backend.name === 'reference') {
    context.warn(
      'without the native engine this is a tiny network on a few images: it shows that all works, not what a DenseNet can do',
    )
  }
  const network = networkOf(plan.name, {}, dataset, flags.seed)
  const { train, test } = await splits(dataset, flags.data, job)
  const output = flags.output ?? (await freeFolder(join('runs', 'quick')))
  const result = await network.fit(train, {
    ...overlaid(plan.recipe, { ...fitOptions(job), augmentation: augmentationFor(train, job) }),
    validation: test,
    output,
    on: backend,
  })
  const code = conclude(result, output, job)
  if (!result.stopped) {
    const next = [
      [`densenet test ${output}`, 'its errors again, from the checkpoint'],
      ['densenet train densenet-bc-40-12 --epochs 40 --schedule cosine', 'a longer run'],
      ['densenet train densenet-bc-100-12', "the paper's: 300 epochs, 4.5 % error"],
    ]
    context.say(`\nnext (from this folder with node dist/cli/main.js for densenet):\n${table(next, [false, false])}`)
  }
  return code
}

/** The values of `over` where there are any, else those of `base`. */
function overlaid(base: FitOptions, over: FitOptions): FitOptions {
  const given = Object.entries(over).filter(([, value]) => value !== undefined)
  return { ...base, ...Object.fromEntries(given) }
}
