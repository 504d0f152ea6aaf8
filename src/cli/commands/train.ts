// densenet train: a new run, a run that goes on, or the demo of `npm start`.
import { isAbsolute, join } from 'node:path'
import { Command, Option } from 'commander'
import type { ImageOptions } from '../../entries/data.js'
import { isOriginalCheckpoint } from '../../entries/networks.js'
import {
  broadcast,
  leads,
  openRun,
  openSharedRun,
  RUN,
  refuseRun,
  type Standing,
  unpackProject,
} from '../../entries/runs.js'
import { isFinished, type NamedRecipe, namedRecipe, recipeNames, type ScheduleName } from '../../entries/training.js'
import { usageError } from '../../errors.js'
import {
  type BackendOptions,
  DenseNet,
  type FitOptions,
  type TrainingEvent,
  type TrainingListener,
  type TrainingResult,
} from '../../index.js'
import { withCleanup } from '../../util/cleanup.js'
import { createContext } from '../context.js'
import {
  type ChosenDataset,
  channelsOption,
  chooseDataset,
  DATASETS_HELP,
  IMAGE_SIZE_HELP,
  labelOptions,
  suited,
  tellGrey,
} from '../datasets.js'
import { DEMO } from '../demo.js'
import { table, wrapped } from '../format.js'
import { describedNetwork, modelOptions } from '../model-options.js'
import {
  choiceOption,
  computeOptions,
  loaderOption,
  numberOption,
  outputOptions,
  ranksOption,
  settingOption,
  wholeOption,
} from '../options.js'
import { pretrainedNetwork, resumeOriginal } from '../pretrained.js'
import { createReporter } from '../progress.js'
import { flagsOf, withRanks } from '../ranks.js'
import { withSignals } from '../signals.js'
import { showDashboard } from '../train-dashboard.js'
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
import { recipeWords, trainingOptions } from '../training-options.js'
import { readingOptions } from '../weight-options.js'

const DEFAULT_DATASET = 'cifar10'

export function trainCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('train')
    .description('train a DenseNet')
    .argument('[model]', 'a preset such as densenet-bc-100-12 (densenet summary lists them)')
    .option('--demo', 'a small DenseNet-BC on CIFAR-10 for a few minutes: npm start')
    .option('--dataset <name>', `${DATASETS_HELP}; default: ${DEFAULT_DATASET}`)
    .option('--data <folder>', 'where data sets are kept; default: the cache folder')
  const options = [
    choiceOption('--recipe <name>', 'published settings, printed in full; options given beside it win', recipeNames),
    wholeOption('--image-size <n>', IMAGE_SIZE_HELP),
    new Option('--frames', 'of images with masks: train on whole images, not on crops of --image-size'),
    channelsOption('3, or those of --pretrained'),
    ...labelOptions(),
    ...trainingOptions(),
    ...modelOptions(),
    settingOption(RUN.memory),
    new Option('--output <folder>', 'a new folder for checkpoints and log; default: runs/MODEL-N'),
    new Option(
      '--resume <folder>',
      "go on with the run in this folder, in a playground's project (.zip), or with the original program's checkpoints",
    ),
    new Option(
      '--pretrained <path>',
      'begin with these weights: a run, or a file of PyTorch, Keras, Caffe, MXNet or others',
    ),
    new Option('--reset-classifier', "with a new classifier for the data set's classes"),
    wholeOption('--classes <n>', 'how many classes the images must have; default: any number'),
    wholeOption(
      '--first-epoch <n>',
      'the number of the first epoch, where those before were made elsewhere; default: 1',
    ),
    ...readingOptions(),
    settingOption(RUN.keepBest),
    settingOption(RUN.layerStatistics),
    new Option('--tensorboard [folder]', 'write event files for TensorBoard; default folder: tensorboard, in the run'),
    numberOption(
      '--checkpoint-seconds <s>',
      'save at least so often; default: 60',
      'a number of at least 0',
      value => value >= 0,
    ),
    new Option('--dashboard', 'show the run in the browser while it trains: prints the address'),
    ...computeOptions('single, or as the run'),
    loaderOption(),
    ranksOption(),
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
  densenet train densenet-bc-100-12 --recipe c10+
  densenet train --recipe quick --epochs 10
  densenet train densenet-121 --recipe imagenet --dataset photos --batch-size 32
  densenet train --depth 40 --growth-rate 12 --dataset synthetic --epochs 2
  densenet train densenet-121 --dataset photos --ranks 4
  mpirun -n 8 --hostfile hosts --bind-to none densenet train densenet-121 --dataset photos --batch-size 32

The options of the original program work as they did:
  densenet train -netType densenet -dataset cifar10 -batchSize 64 -nEpochs 300 -depth 100 -growthRate 12`,
    )
    .action(async (model: string | undefined, flags: TrainFlags) => finish(await train(model, flags)))
}

async function train(model: string | undefined, asked: TrainFlags): Promise<number> {
  return withRanks(asked.ranks, party => {
    const flags = flagsOf(asked, party.ranks)
    const context = createContext(flags, party.who)
    const { out, warn } = context
    const reporter = createReporter({ terminal: out, warn, json: flags.json, quiet: flags.quiet })
    return withSignals(
      () => reporter.stopping(),
      request =>
        withCleanup(later => {
          later(() => reporter.end())
          const job = { model, flags, context, reporter, request, later, party }
          checkBeginning(flags)
          if (flags.demo) return demo(job)
          return flags.resume === undefined ? fresh(job) : resume(job, flags.resume)
        }),
    )
  })
}

async function fresh(job: Job): Promise<number> {
  const { flags } = job
  const recipe = flags.recipe === undefined ? null : namedRecipe(flags.recipe)
  const model = job.model ?? (isDescribed(flags) ? undefined : recipe?.model) ?? undefined
  const chosen = await chooseDataset(flags.dataset ?? chosenDataset(recipe, flags.recipe), flags)
  checkClasses(chosen, flags)
  const described = { ...(recipe && { dropRate: recipe.dropRate }), ...describedNetwork(flags) }
  const { network, dataset } =
    flags.pretrained === undefined
      ? { network: networkOf(model, described, chosen, flags.seed), dataset: chosen }
      : await pretrainedNetwork(job, chosen)
  if (flags.output !== undefined && leads(job.party.ranks)) await refuseRun(flags.output)
  const backend = await backendOf(flags, job)
  const { train, validation, test } = await splits(dataset, flags.data, job)
  tellGrey(train, job.context.say)
  const output = flags.output ?? (await freeFolder(join('runs', model ?? 'densenet')))
  await showDashboard(output, job)
  const given = { ...fitOptions(job), augmentation: augmentationFor(train, job) }
  const { dropRate } = network.config
  const result = await network.fit(train, {
    ...overlaid(recipe ? base(recipe) : {}, given),
    ...(flags.firstEpoch === undefined ? {} : { after: { epochs: flags.firstEpoch - 1, velocity: null } }),
    ...(recipe ? { onEvent: announcing(`${flags.recipe}: ${recipe.title}`, dataset.name, dropRate, job) } : {}),
    validation,
    output,
    on: backend,
  })
  return conclude(result, output, job, { test: { dataset: test, backend } })
}

const isDescribed = ({ depth, blocks }: TrainFlags): boolean => depth !== undefined || blocks !== undefined

function chosenDataset(recipe: NamedRecipe | null, name: string | undefined): string {
  if (recipe === null) return DEFAULT_DATASET
  if (recipe.dataset === null) throw usageError(`the recipe ${name} needs its images`, 'give --dataset')
  return recipe.dataset
}

/** What a recipe asks of fit. */
function base({ training }: NamedRecipe): FitOptions {
  const { schedule, ...rest } = training
  return { ...rest, ...(schedule === undefined ? {} : { schedule: schedule as ScheduleName }) }
}

/** Prints the whole recipe before anything else of the run. */
function announcing(title: string, dataset: string, dropRate: number, { context, reporter }: Job): TrainingListener {
  return (event: TrainingEvent) => {
    if (event.type === 'start') {
      const words = [`--dataset ${dataset}`, `--drop-rate ${dropRate}`, ...recipeWords(event.recipe)]
      context.say(`recipe ${title}`)
      for (const line of wrapped(words, 96)) context.say(`    ${line}`)
    }
    reporter.onEvent(event)
  }
}

function checkClasses({ name, classes }: ChosenDataset, flags: TrainFlags): void {
  if (flags.classes === undefined || flags.classes === classes) return
  throw usageError(`${name} has ${classes} classes, not ${flags.classes}`)
}

async function resume(job: Job, path: string): Promise<number> {
  const { model, flags, context } = job
  const { ranks } = job.party
  // The leading rank looks for all.
  const look = async () => {
    const folder = /\.zip$/i.test(path) ? await unpacked(path, job) : path
    return { facts: { folder, isOriginal: await isOriginalCheckpoint(folder) }, numbers: [] }
  }
  const { folder, isOriginal } = (await broadcast(ranks, leads(ranks) ? await look() : null)).facts
  if (isOriginal) return resumeOriginal(job, folder, DEFAULT_DATASET)
  if (flags.output !== undefined) {
    throw usageError('a run that goes on stays in its folder', 'leave out --output, or copy the folder first')
  }
  if (flags.recipe !== undefined) throw usageError('a run that goes on keeps its recipe', 'leave out --recipe')
  if (flags.channels !== undefined) throw usageError('a run that goes on keeps its channels', 'leave out --channels')
  if (flags.uncertain || flags.blank) {
    throw usageError('a run that goes on reads its labels as it did', 'leave out --uncertain and --blank')
  }
  const onWarning = (message: string): void => job.reporter.onEvent({ type: 'warning', message })
  const run = await openSharedRun({ openRun }, ranks, folder, onWarning)
  job.later(() => run.close())
  const { settings, checkpoint } = run
  const finished = finishedRun(checkpoint, flags.epochs, folder)
  if (finished) {
    if (!finished.early) {
      const done = finished.progress.epoch - 1
      context.say(`all ${done} epochs of this run are done; --epochs with a larger number trains on`)
    }
    return conclude({ ...finished, stopped: false }, folder, job)
  }
  const chosen = await chooseDataset(flags.dataset ?? settings.dataset, {
    // What was chosen by the network's size and the recipe's seed is so again.
    ...sizeOf(checkpoint, flags, settings.dataset),
    seed: checkpoint.recipe.seed,
    usual: checkpoint.dataset?.reading,
  })
  const dataset = suited(chosen, checkpoint)
  checkClasses(dataset, flags)
  const described = describedNetwork(flags)
  const asked = model !== undefined || Object.keys(described).length > 0
  const network = asked ? networkOf(model, described, dataset, flags.seed) : DenseNet.of(checkpoint, settings.model)
  const computing = {
    backend: flags.backend ?? (settings.backend as BackendOptions['backend']),
    threads: flags.threads ?? settings.threads ?? undefined,
    adapter: flags.adapter,
    precision: flags.precision ?? settings.precision,
  }
  const backend = await backendOf(computing, job)
  const { train, validation, test } = await splits(dataset, flags.data ?? settings.dataFolder ?? undefined, job)
  const augmentation = augmentationFor(train, job)
  const options = { ...fitOptions(job), augmentation, validation, resume: run, on: backend }
  await showDashboard(folder, job)
  const result = await network.fit(train, { ...options, ...computing })
  return conclude(result, folder, job, { test: { dataset: test, backend } })
}

/** The run in a project of the playground, which is from then on a folder. */
async function unpacked(archive: string, { context }: Job): Promise<string> {
  const run = await unpackProject(archive)
  context.say(`${archive} is unpacked; later: densenet train --resume ${run}`)
  return run
}

/** Of a person's own images, as the run has them. */
function sizeOf({ config, recipe }: Standing, { imageSize }: TrainFlags, dataset: string): ImageOptions {
  const { augmentation } = recipe
  const crops = !Array.isArray(augmentation) || augmentation.some(({ kind }) => kind === 'randomCrop')
  if (config.family === 'fc-densenet' && !crops) return { frames: true }
  return { imageSize: imageSize ?? (isPath(dataset) ? config.height : undefined) }
}

/** Own images go by their absolute path. */
const isPath = (dataset: string): boolean => isAbsolute(dataset)

function checkBeginning({
  pretrained,
  resetClassifier,
  strict,
  weights,
  names,
  colours,
  bnEpsilon,
  firstEpoch,
  resume,
  demo,
}: TrainFlags): void {
  if (firstEpoch !== undefined && (resume !== undefined || demo)) {
    throw usageError(`give either --first-epoch or ${demo ? '--demo' : '--resume'}, not both`)
  }
  const alone = [
    ...(resetClassifier ? ['--reset-classifier'] : []),
    ...(strict ? [] : ['--no-strict']),
    ...(weights === undefined ? [] : ['--weights']),
    ...(names === undefined ? [] : ['--names']),
    ...(colours === undefined ? [] : ['--colours']),
    ...(bnEpsilon === undefined ? [] : ['--bn-epsilon']),
  ]
  if (pretrained === undefined && alone.length > 0) throw usageError(`${alone[0]} needs --pretrained`)
  if (pretrained !== undefined && (resume !== undefined || demo)) {
    throw usageError(`give either --pretrained or ${demo ? '--demo' : '--resume'}, not both`)
  }
}

/** The results of a run that has made all its epochs; null when there is something left to do. */
function finishedRun(
  { progress, recipe, dataset }: Standing,
  epochs: number | undefined,
  folder: string,
): Finished | null {
  const done = progress.epoch - 1
  const wanted = epochs ?? recipe.epochs
  if (wanted < done) throw usageError(`the run in ${folder} has made ${done} epochs already, more than ${wanted}`)
  if (!isFinished(wanted, recipe.patience, progress)) return null
  const { final, ranking } = progress
  return {
    final,
    best: ranking[0] ?? null,
    progress,
    early: done < wanted,
    heldOut: recipe.heldOut !== null || dataset?.judgedBy === 'validation',
  }
}

type Finished = Omit<TrainingResult, 'stopped'>

async function demo(job: Job): Promise<number> {
  const { model, flags, context } = job
  if (
    model !== undefined ||
    flags.resume !== undefined ||
    flags.recipe !== undefined ||
    Object.keys(describedNetwork(flags)).length > 0
  ) {
    throw usageError('--demo has its own network and recipe', 'leave out --demo, or the network and the recipe')
  }
  const dataset = await chooseDataset(flags.dataset ?? DEFAULT_DATASET, flags)
  const backend = await backendOf(flags, job)
  const plan = DEMO[backend.name === 'reference' ? 'reference' : 'native']
  if (backend.name === 'reference') {
    context.warn(
      'without the native engine this is a tiny network on a few images: it shows that all works, not what a DenseNet can do',
    )
  }
  const network = networkOf(plan.name, {}, dataset, flags.seed)
  const { train, validation, test } = await splits(dataset, flags.data, job)
  const output = flags.output ?? (await freeFolder(join('runs', 'demo')))
  await showDashboard(output, job)
  const result = await network.fit(train, {
    ...overlaid(plan.recipe, { ...fitOptions(job), augmentation: augmentationFor(train, job) }),
    validation,
    output,
    on: backend,
  })
  const next = [
    [`densenet test ${output}`, 'its errors again, from the checkpoint'],
    ['densenet train --recipe quick', 'a longer run: about an hour'],
    ['densenet train densenet-bc-100-12 --recipe c10+', "the paper's: 300 epochs, 4.5 % error"],
  ]
  const title = '\nnext (from this folder with node dist/cli/main.js for densenet):'
  return conclude(result, output, job, { test: { dataset: test, backend }, next: [title, table(next, [false, false])] })
}

/** The values of `over` where there are any, else those of `base`. */
function overlaid(base: FitOptions, over: FitOptions): FitOptions {
  const given = Object.entries(over).filter(([, value]) => value !== undefined)
  return { ...base, ...Object.fromEntries(given) }
}
