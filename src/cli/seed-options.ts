// The options of the original program (`th main.lua -netType densenet -depth 100 ...`), with one dash and its names and
// defaults, turned into this program's own. Three kinds: meaningful ones are translated, ones that mean nothing here are
// accepted with a note, ones that mean something this program does not have are refused.
import { usageError } from '../errors.js'

export interface Translation {
  /** `test` when -testOnly was given. */
  readonly command: 'train' | 'test'
  readonly args: readonly string[]
  readonly notes: readonly string[]
}

/** Every option of the original, with its default. */
const DEFAULTS = {
  data: '',
  dataset: 'cifar10',
  manualSeed: '0',
  nGPU: '1',
  backend: 'cudnn',
  cudnn: 'fastest',
  gen: 'gen',
  precision: 'single',
  nThreads: '2',
  nEpochs: '0',
  epochNumber: '1',
  batchSize: '32',
  testOnly: 'false',
  tenCrop: 'false',
  save: 'checkpoints',
  resume: 'none',
  LR: '0.1',
  momentum: '0.9',
  weightDecay: '1e-4',
  lrShape: 'multistep',
  netType: 'densenet',
  depth: '20',
  shortcutType: '',
  retrain: 'none',
  optimState: 'none',
  shareGradInput: 'false',
  optnet: 'false',
  resetClassifier: 'false',
  nClasses: '0',
  growthRate: '12',
  bottleneck: 'true',
  reduction: '0.5',
  dropRate: '0',
  optMemory: '2',
  d1: '0',
  d2: '0',
  d3: '0',
  d4: '0',
} as const

type SeedOption = keyof typeof DEFAULTS
type SeedValues = Record<SeedOption, string>

/** Told once each when given, and otherwise ignored. */
const MEANINGLESS: Partial<Record<SeedOption, string>> = {
  backend: 'there is no CUDA here; --backend chooses between native and reference',
  cudnn: 'there is no CUDA here',
  gen: 'data sets live in the cache folder; --data chooses another',
  data: 'the original read it for ImageNet only; --data chooses the folder of the data set',
  shortcutType: 'it is for residual networks',
  optimState: 'the original never read it either',
  shareGradInput: 'memory is planned; -optMemory chooses how',
  optnet: 'memory is planned; -optMemory chooses how',
}

/** The original's own: anything but "false" is true. */
const isTrue = (text: string): boolean => text !== 'false'

const isSeedOption = (arg: string): boolean => /^-[A-Za-z]/.test(arg) && Object.hasOwn(DEFAULTS, arg.slice(1))

/** Null when `args` (after `train`) are not in the original's style. */
export function translateSeedOptions(args: readonly string[]): Translation | null {
  const first = args.find(isSeedOption)
  if (first === undefined) return null
  const given: Partial<SeedValues> = {}
  const own: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (isSeedOption(arg)) {
      const value = args[++i]
      if (value === undefined) throw usageError(`${arg} needs a value`)
      given[arg.slice(1) as SeedOption] = value
    } else if (/^--(debug|json|quiet)$/.test(arg)) own.push(arg)
    else if (/^--?help$|^-h$/.test(arg)) own.push('--help')
    else if (arg.startsWith('--')) {
      throw usageError(
        `${first} is an option of the original program and ${arg} is not; write all of them one way or the other`,
      )
    } else if (arg.startsWith('-') && Number.isNaN(Number(arg))) throw unknownOption(arg)
    else throw usageError(`"${arg}" stands alone between options of the original program, which each take one value`)
  }
  if (own.includes('--help')) return { command: 'train', args: own, notes: [] }
  const values: SeedValues = { ...DEFAULTS, ...given }
  refuse(values)
  const translated = isTrue(values.testOnly) ? testArgs(values) : trainArgs(values, given)
  return {
    command: isTrue(values.testOnly) ? 'test' : 'train',
    args: [...translated, ...own],
    notes: notesOn(given, values),
  }
}

function unknownOption(arg: string): Error {
  const close = Object.keys(DEFAULTS).find(name => name.toLowerCase() === arg.slice(1).toLowerCase())
  return usageError(`unknown option ${arg}${close ? ` (did you mean -${close}?)` : ''}`)
}

function trainArgs(values: SeedValues, given: Partial<SeedValues>): string[] {
  const resuming = values.resume !== 'none'
  const growthRate = Number(values.growthRate)
  const args: Partial<Record<SeedOption, readonly string[]>> = {
    dataset: option('--dataset', datasetOf(values)),
    // For ImageNet, the depth names a network.
    depth: isImagenet(values) ? [`densenet-${values.depth}`] : option('--depth', values.depth),
    growthRate: [
      ...option('--growth-rate', values.growthRate),
      // The original starts with 2k channels, bottlenecks or not.
      ...(Number.isInteger(growthRate) && growthRate > 0 ? option('--initial-channels', String(2 * growthRate)) : []),
    ],
    bottleneck: [isTrue(values.bottleneck) ? '--bottleneck' : '--no-bottleneck'],
    reduction: option('--reduction', values.reduction),
    dropRate: option('--drop-rate', values.dropRate),
    nEpochs: option('--epochs', Number(values.nEpochs) === 0 ? (isImagenet(values) ? '90' : '164') : values.nEpochs),
    batchSize: option('--batch-size', values.batchSize),
    LR: option('--lr', values.LR),
    lrShape: option('--schedule', isImagenet(values) && values.lrShape === 'multistep' ? 'imagenet' : values.lrShape),
    momentum: option('--momentum', values.momentum),
    weightDecay: option('--weight-decay', values.weightDecay),
    optMemory: option('--memory', Number(values.optMemory) >= 3 ? 'recompute' : 'store'),
    manualSeed: option('--seed', values.manualSeed),
    nThreads: option('--loader-threads', values.nThreads),
    save: resuming ? [] : option('--output', values.save),
    resume: resuming ? option('--resume', values.resume) : [],
  }
  // A run that goes on knows its own values; those given are checked against them.
  return Object.entries(args).flatMap(([name, words]) => (resuming && !(name in given) ? [] : words))
}

function testArgs(values: SeedValues): string[] {
  if (values.resume === 'none') throw usageError('-testOnly needs -resume and the folder of a run')
  return [
    values.resume,
    ...option('--dataset', datasetOf(values)),
    ...(isTrue(values.tenCrop) ? option('--crops', 'ten') : []),
    ...option('--batch-size', values.batchSize),
    ...option('--loader-threads', values.nThreads),
  ]
}

/** ImageNet, or any folder that is laid out like it. */
const isImagenet = ({ dataset }: SeedValues): boolean => dataset === 'imagenet'
const datasetOf = (values: SeedValues): string => (isImagenet(values) ? values.data : values.dataset)
/** Depths that the original knows the stages of. */
const IMAGENET_DEPTHS: readonly string[] = ['121', '161', '169', '201']

/** As one word, so that a value with a dash in front stays a value. */
const option = (flag: string, value: string): string[] => [`${flag}=${value}`]

function refuse(values: SeedValues): void {
  const no = (name: SeedOption, why: string, hint?: string): never => {
    throw usageError(`-${name} ${values[name]}: ${why}`, hint)
  }
  if (values.netType !== 'densenet') no('netType', 'the only network here is densenet')
  if (!['cifar10', 'cifar100', 'imagenet'].includes(values.dataset)) {
    no('dataset', "the original's data sets are cifar10, cifar100 and imagenet")
  }
  if (isImagenet(values) && values.data === '') {
    no('dataset', 'its images are not fetched', 'add -data and a folder with train/<class>/* and val/<class>/*')
  }
  if (Number(values.nGPU) !== 1) no('nGPU', 'training runs in one process on the processor; only 1 is possible')
  if (values.precision !== 'single') no('precision', 'training is in single precision')
  if (isImagenet(values) && !isTrue(values.testOnly) && !IMAGENET_DEPTHS.includes(values.depth)) {
    no('depth', `for ImageNet it is one of ${IMAGENET_DEPTHS.join(', ')}`)
  }
  if (isTrue(values.tenCrop) && !isTrue(values.testOnly)) {
    no('tenCrop', 'training is watched with one crop', 'use it with -testOnly true and -resume')
  }
  if (values.retrain !== 'none') no('retrain', 'starting from other weights does not exist here')
  if (isTrue(values.resetClassifier)) no('resetClassifier', 'a new classifier on old weights does not exist here')
  if (Number(values.epochNumber) !== 1)
    no('epochNumber', 'a run goes on where it stopped', 'use -resume and the folder of the run')
  if (!['0', '1', '2', '3', '4', '5'].includes(values.optMemory)) no('optMemory', 'the levels are 0 to 4')
  if (!['multistep', 'cosine'].includes(values.lrShape)) no('lrShape', 'the shapes are multistep and cosine')
}

function notesOn(given: Partial<SeedValues>, values: SeedValues): string[] {
  const notes = Object.entries(MEANINGLESS)
    .filter(([name]) => name in given && !(name === 'data' && isImagenet(values)))
    .map(([name, why]) => `-${name} means nothing here: ${why}`)
  for (const name of ['d1', 'd2', 'd3', 'd4'] as const) {
    if (Number(values[name]) !== 0) notes.push(`-${name} means nothing here: the original used it for ImageNet only`)
  }
  if (given.nClasses !== undefined) notes.push('-nClasses means nothing here: the data set says how many there are')
  if (given.nGPU !== undefined) notes.push('-nGPU 1 means nothing here: there is no CUDA here')
  const level = Number(values.optMemory)
  if (level === 5) notes.push('-optMemory 5 is 4: memory is recomputed')
  if (level >= 3 && Number(values.dropRate) > 0) {
    notes.push(`-optMemory ${level} of the original left dropout out of dense layers; here it is applied`)
  }
  if (!isTrue(values.bottleneck) && given.reduction === undefined) {
    notes.push(
      "as in the original, reduction stays 0.5 without bottlenecks; -reduction 1 is the paper's plain DenseNet",
    )
  }
  return notes
}
