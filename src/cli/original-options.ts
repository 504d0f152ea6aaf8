// The options of the original program (`th main.lua -netType densenet -depth 100 ...`), with one dash and its names and
// defaults, turned into this program's own. Three kinds: meaningful ones are translated, ones that mean nothing here are
// accepted with a note, ones that mean something this program does not have are refused.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as z from 'zod'
import { IMAGENET_BLOCKS } from '../entries/model.js'
import { ORIGINAL_LATEST } from '../entries/networks.js'
import { parameterError, usageError } from '../errors.js'
import { above0, atLeast0, below1, count, expected, upTo, wholeAtLeast0 } from '../util/settings.js'

export interface Translation {
  /** `test` when -testOnly was given. */
  readonly command: 'train' | 'test'
  readonly args: readonly string[]
  readonly notes: readonly string[]
}

/** An option of the original. Its `schema` is for those that are numbers; `nothing` says why it means nothing here, which is
 * told once when it is given. */
interface OriginalOption {
  readonly default: string
  readonly schema?: z.ZodType<number>
  readonly nothing?: string
}
const table = <N extends string>(rows: Readonly<Record<N, OriginalOption>>) => rows

/** Every option of the original. */
const ORIGINAL = table({
  dataset: { default: 'cifar10' },
  manualSeed: { default: '0', schema: wholeAtLeast0 },
  nGPU: { default: '1', schema: count },
  backend: {
    default: 'cudnn',
    nothing: 'there is no CUDA here; --backend webgpu computes on a GPU of any make',
  },
  cudnn: { default: 'fastest', nothing: 'there is no CUDA here' },
  gen: { default: 'gen', nothing: 'data sets live in the cache folder; --data chooses another' },
  data: {
    default: '',
    nothing: 'the original read it for ImageNet only; --data chooses the folder of the data set',
  },
  precision: { default: 'single' },
  nThreads: { default: '2', schema: wholeAtLeast0 },
  nEpochs: { default: '0', schema: wholeAtLeast0 },
  epochNumber: { default: '1', schema: count },
  batchSize: { default: '32', schema: count },
  testOnly: { default: 'false' },
  tenCrop: { default: 'false' },
  save: { default: 'checkpoints' },
  resume: { default: 'none' },
  LR: { default: '0.1', schema: above0 },
  momentum: { default: '0.9', schema: below1 },
  weightDecay: { default: '1e-4', schema: atLeast0 },
  lrShape: { default: 'multistep' },
  netType: { default: 'densenet' },
  depth: { default: '20', schema: count },
  shortcutType: { default: '', nothing: 'it is for residual networks' },
  retrain: { default: 'none' },
  optimState: { default: 'none', nothing: 'the original never read it either' },
  shareGradInput: { default: 'false', nothing: 'memory is planned; -optMemory chooses how' },
  optnet: { default: 'false', nothing: 'memory is planned; -optMemory chooses how' },
  resetClassifier: { default: 'false' },
  nClasses: { default: '0', schema: wholeAtLeast0 },
  growthRate: { default: '12', schema: count },
  bottleneck: { default: 'true' },
  reduction: { default: '0.5', schema: upTo(1) },
  dropRate: { default: '0', schema: below1 },
  optMemory: { default: '2', schema: z.int().min(0).max(5).describe('a level from 0 to 5') },
  d1: { default: '0', schema: wholeAtLeast0 },
  d2: { default: '0', schema: wholeAtLeast0 },
  d3: { default: '0', schema: wholeAtLeast0 },
  d4: { default: '0', schema: wholeAtLeast0 },
})

type OriginalName = keyof typeof ORIGINAL
type OriginalValues = Record<OriginalName, string>
const DEFAULTS = Object.fromEntries(
  Object.entries(ORIGINAL).map(([name, row]) => [name, row.default]),
) as OriginalValues

/** The original's own: anything but "false" is true. */
const isTrue = (text: string): boolean => text !== 'false'

const isOriginalOption = (arg: string): boolean => /^-[A-Za-z]/.test(arg) && Object.hasOwn(ORIGINAL, arg.slice(1))

/** Null when `args` (after `train`) are not in the original's style. */
export function translateOriginalOptions(args: readonly string[]): Translation | null {
  const first = args.find(isOriginalOption)
  if (first === undefined) return null
  const given: Partial<OriginalValues> = {}
  const own: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (isOriginalOption(arg)) {
      const value = args[++i]
      if (value === undefined) throw usageError(`${arg} needs a value`)
      given[arg.slice(1) as OriginalName] = value
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
  const values: OriginalValues = { ...DEFAULTS, ...given }
  refuse(values, given)
  const translated = isTrue(values.testOnly) ? testArgs(values) : trainArgs(values, given)
  return {
    command: isTrue(values.testOnly) ? 'test' : 'train',
    args: [...translated, ...own],
    notes: notesOn(given, values),
  }
}

function unknownOption(arg: string): Error {
  const close = Object.keys(ORIGINAL).find(name => name.toLowerCase() === arg.slice(1).toLowerCase())
  return usageError(`unknown option ${arg}${close ? ` (did you mean -${close}?)` : ''}`)
}

/** Where the weights to begin with are. */
type Beginning = 'fresh' | 'file' | 'run' | 'original run'

function beginningOf({ resume, retrain }: OriginalValues): Beginning {
  if (resume !== 'none') return existsSync(join(resume, ORIGINAL_LATEST)) ? 'original run' : 'run'
  return retrain === 'none' ? 'fresh' : 'file'
}

const NETWORK = ['depth', 'growthRate', 'bottleneck', 'reduction', 'dropRate', 'd1', 'd2', 'd3', 'd4'] as const

function trainArgs(values: OriginalValues, given: Partial<OriginalValues>): string[] {
  const beginning = beginningOf(values)
  const isGiven = (...names: OriginalName[]): boolean => names.some(name => name in given)
  // A run of ours that goes on knows its own values; those given are checked against them.
  const only = (names: OriginalName[], args: string[]): string[] =>
    beginning !== 'run' || isGiven(...names) ? args : []
  // Weights come with their network, which the one described is checked against.
  const network = beginning === 'fresh' || isGiven(...NETWORK) ? networkArgs(values) : []
  const { nGPU, batchSize } = values
  const share = isGiven('batchSize') || beginning !== 'run' ? String(Number(batchSize) / Number(nGPU)) : batchSize
  const schedule = isImagenet(values) && values.lrShape === 'multistep' ? 'imagenet' : values.lrShape
  const epochs = Number(values.nEpochs) > 0 ? values.nEpochs : isImagenet(values) ? '90' : '164'
  // The state of the original's optimiser has its own momentum and decay.
  const kept = beginning === 'original run'
  const crops = isTrue(values.tenCrop) ? 'ten' : 'single'
  return [
    ...only(['dataset'], option('--dataset', datasetOf(values))),
    ...network,
    ...only(['nEpochs'], option('--epochs', epochs)),
    ...only(['batchSize'], option('--batch-size', share)),
    ...(Number(nGPU) > 1 || (beginning === 'run' && isGiven('nGPU')) ? option('--accumulate', nGPU) : []),
    ...only(['LR'], option('--lr', values.LR)),
    ...only(['lrShape'], option('--schedule', schedule)),
    ...(kept && !isGiven('momentum') ? [] : only(['momentum'], option('--momentum', values.momentum))),
    ...(kept && !isGiven('weightDecay') ? [] : only(['weightDecay'], option('--weight-decay', values.weightDecay))),
    ...precisionArgs(values, beginning === 'run' && isGiven('precision')),
    ...only(['optMemory'], option('--memory', Number(values.optMemory) >= 3 ? 'recompute' : 'store')),
    ...only(['manualSeed'], option('--seed', values.manualSeed)),
    ...only(['nThreads'], option('--loader-threads', values.nThreads)),
    ...(crops === 'ten' || (beginning === 'run' && isGiven('tenCrop')) ? option('--crops', crops) : []),
    ...beginningArgs(values, given, beginning),
  ]
}

/** All of it: the original builds its network anew before it reads weights. */
function networkArgs(values: OriginalValues): string[] {
  const growthRate = Number(values.growthRate)
  return [
    ...(isImagenet(values) ? imagenetNetwork(values) : option('--depth', values.depth)),
    ...option('--growth-rate', values.growthRate),
    // The original starts with 2k channels, bottlenecks or not.
    ...option('--initial-channels', String(2 * growthRate)),
    isTrue(values.bottleneck) ? '--bottleneck' : '--no-bottleneck',
    ...option('--reduction', values.reduction),
    ...option('--drop-rate', values.dropRate),
  ]
}

/** Depths that the original knows the blocks of; of others it is told them. */
const IMAGENET_DEPTHS: readonly string[] = ['121', '161', '169', '201']

function imagenetNetwork(values: OriginalValues): string[] {
  const { depth } = values
  if (IMAGENET_DEPTHS.includes(depth)) return [`densenet-${depth}`]
  const blocks = [values.d1, values.d2, values.d3, values.d4].map(Number)
  const usual = IMAGENET_BLOCKS[Number(depth)]
  if (blocks.includes(0)) {
    const example = (usual ?? IMAGENET_BLOCKS[264]!).map((layers, i) => `-d${i + 1} ${layers}`).join(' ')
    throw usageError(
      `-depth ${depth}: for ImageNet it is one of ${IMAGENET_DEPTHS.join(', ')}, or any with -d1, -d2, -d3 and -d4`,
      `these are the dense layers of each block: ${usual ? '' : 'of depth 264 '}${example}`,
    )
  }
  return usual?.join() === blocks.join()
    ? [`densenet-${depth}`]
    : ['densenet-121', ...option('--blocks', blocks.join())]
}

function beginningArgs(values: OriginalValues, given: Partial<OriginalValues>, beginning: Beginning): string[] {
  const { resume, retrain, save, epochNumber, nClasses } = values
  if (beginning === 'run') return option('--resume', resume)
  // Its default is where the original's own checkpoints are.
  if (beginning === 'original run')
    return [...('save' in given ? option('--output', save) : []), ...option('--resume', resume)]
  const reset = isTrue(values.resetClassifier)
  return [
    ...option('--output', save),
    ...(Number(epochNumber) > 1 ? option('--first-epoch', epochNumber) : []),
    ...(beginning === 'file' ? option('--pretrained', retrain) : []),
    ...(beginning === 'file' && reset ? ['--reset-classifier'] : []),
    ...(reset ? option('--classes', nClasses) : []),
  ]
}

function testArgs(values: OriginalValues): string[] {
  const { resume, retrain } = values
  if (resume === 'none' && retrain === 'none') {
    throw usageError('-testOnly needs -resume and the folder of a run, or -retrain and a file of weights')
  }
  return [
    resume === 'none' ? retrain : resume,
    ...option('--dataset', datasetOf(values)),
    ...(isTrue(values.tenCrop) ? option('--crops', 'ten') : []),
    ...option('--batch-size', values.batchSize),
    ...option('--loader-threads', values.nThreads),
    ...precisionArgs(values),
  ]
}

/** `told`: even if it is the usual one. */
const precisionArgs = ({ precision }: OriginalValues, told = false): string[] =>
  told || precision !== DEFAULTS.precision ? option('--precision', precision) : []

/** ImageNet, or any folder that is laid out like it. */
const isImagenet = ({ dataset }: OriginalValues): boolean => dataset === 'imagenet'
const datasetOf = (values: OriginalValues): string => (isImagenet(values) ? values.data : values.dataset)

/** As one word, so that a value with a dash in front stays a value. */
const option = (flag: string, value: string): string[] => [`${flag}=${value}`]

function refuse(values: OriginalValues, given: Partial<OriginalValues>): void {
  const no = (name: OriginalName, why: string, hint?: string): never => {
    throw usageError(`-${name} ${values[name]}: ${why}`, hint)
  }
  for (const [name, text] of Object.entries(given)) {
    const { schema } = ORIGINAL[name as OriginalName]
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (schema && !schema.safeParse(value).success) throw parameterError(`-${name}`, expected({ schema }), text)
  }
  for (const name of ['save', 'resume', 'retrain'] as const) {
    if (values[name] === '') throw parameterError(`-${name}`, 'a path', '')
  }
  if (values.netType !== 'densenet') no('netType', 'the only network here is densenet')
  if (!['cifar10', 'cifar100', 'imagenet'].includes(values.dataset)) {
    no('dataset', "the original's data sets are cifar10, cifar100 and imagenet")
  }
  if (isImagenet(values) && values.data === '') {
    no('dataset', 'its images are not fetched', 'add -data and a folder with train/<class>/* and val/<class>/*')
  }
  if (!['single', 'half', 'double'].includes(values.precision)) no('precision', 'it is single, half or double')
  if (!['multistep', 'cosine'].includes(values.lrShape)) no('lrShape', 'the shapes are multistep and cosine')
  if (isTrue(values.tenCrop) && !isImagenet(values)) {
    no(
      'tenCrop',
      `the images of ${values.dataset} have the size that the network reads: there are no crops to be cut out`,
    )
  }
  if (isTrue(values.resetClassifier)) refuseClassifier(values)
  const [nGPU, batchSize] = [Number(values.nGPU), Number(values.batchSize)]
  // What a run of ours goes on with is its own, where it is not given.
  const divides = beginningOf(values) !== 'run' || 'batchSize' in given
  if (divides && !isTrue(values.testOnly) && batchSize % nGPU !== 0) {
    const less = batchSize - (batchSize % nGPU)
    const sizes = less > 0 ? `${less} or ${less + nGPU}` : `${nGPU}`
    no('nGPU', `batches of ${batchSize} cannot be shared out evenly among ${nGPU}`, `take -batchSize ${sizes}`)
  }
}

function refuseClassifier({ nClasses, resume, testOnly }: OriginalValues): void {
  if (Number(nClasses) === 0) throw usageError('-resetClassifier needs -nClasses and the number of classes')
  if (isTrue(testOnly) && resume === 'none') {
    throw usageError('-testOnly and -resetClassifier: a new classifier cannot be tested before it is trained')
  }
}

function notesOn(given: Partial<OriginalValues>, values: OriginalValues): string[] {
  const notes = Object.entries(ORIGINAL)
    .filter(([name, { nothing }]) => nothing && name in given && !(name === 'data' && isImagenet(values)))
    .map(([name, { nothing }]) => `-${name} means nothing here: ${nothing}`)
  const nothing = (name: OriginalName, why: string): void => void notes.push(`-${name} means nothing here: ${why}`)
  if (isTrue(values.testOnly)) {
    const told = NETWORK.filter(name => name in given).map(name => `-${name}`)
    if (told.length > 0) notes.push(`the network is that of the weights; not looked at: ${told.join(', ')}`)
  } else notes.push(...networkNotes(given, values))
  const named = isImagenet(values) && IMAGENET_DEPTHS.includes(values.depth)
  for (const name of ['d1', 'd2', 'd3', 'd4'] as const) {
    if (Number(values[name]) === 0 || isTrue(values.testOnly) || (isImagenet(values) && !named)) continue
    nothing(name, named ? `densenet-${values.depth} has its own blocks` : 'the original used it for ImageNet only')
  }
  if (values.resume !== 'none') {
    const own = 'a run that goes on has its own, as in the original'
    if (values.retrain !== 'none') nothing('retrain', own)
    if (isTrue(values.resetClassifier)) nothing('resetClassifier', own)
    if (Number(values.epochNumber) > 1) nothing('epochNumber', own)
    const elsewhere = given.save !== undefined && resolve(given.save) !== resolve(values.resume)
    if (elsewhere && beginningOf(values) === 'run') nothing('save', 'a run that goes on stays in its folder')
  }
  if (given.nClasses !== undefined && !isTrue(values.resetClassifier)) {
    nothing('nClasses', 'the data set says how many there are')
  }
  if (given.nGPU !== undefined) notes.push(replicasNote(given, values))
  const level = Number(values.optMemory)
  if (level === 5) notes.push('-optMemory 5 is 4: memory is recomputed')
  if (level >= 3 && Number(values.dropRate) > 0) {
    notes.push(`-optMemory ${level} of the original left dropout out of dense layers; here it is applied`)
  }
  return notes
}

function replicasNote(given: Partial<OriginalValues>, values: OriginalValues): string {
  const { nGPU, batchSize } = values
  if (Number(nGPU) === 1) return '-nGPU 1 means nothing here: there is no CUDA here'
  if (isTrue(values.testOnly)) return `-nGPU ${nGPU} means nothing here: mpirun says how many processes test`
  if (beginningOf(values) === 'run' && given.batchSize === undefined) {
    return `-nGPU ${nGPU} is --accumulate ${nGPU}, in one process or as many ranks`
  }
  const each = Number(batchSize) / Number(nGPU)
  return (
    `-nGPU ${nGPU} -batchSize ${batchSize} is --batch-size ${each} --accumulate ${nGPU}, in one process or as many ranks: ` +
    `the mean gradient of ${batchSize} images, batch norms over ${each} of them, the memory of ${each}`
  )
}

function networkNotes(given: Partial<OriginalValues>, values: OriginalValues): string[] {
  const { depth } = values
  const notes: string[] = []
  if (!isTrue(values.bottleneck) && given.reduction === undefined) {
    notes.push(
      "as in the original, reduction stays 0.5 without bottlenecks; -reduction 1 is the paper's plain DenseNet",
    )
  }
  const described = beginningOf(values) === 'fresh' || given.depth !== undefined
  if (described && isImagenet(values) && IMAGENET_DEPTHS.includes(depth) && given.growthRate === undefined) {
    const usual = depth === '161' ? 48 : 32
    notes.push(
      `as in the original, the growth rate is 12 where none is given; densenet-${depth} of the paper has ${usual}`,
    )
  }
  return notes
}
