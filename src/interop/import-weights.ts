// From a file of weights to a network: names mapped, architecture inferred, every tensor accounted for. Nothing is
// dropped in silence: what matched, what is missing, what nobody knows and what was reshaped is in the report.
import { DenseNetError, usageError } from '../errors.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import { BY_ORDER, CAFFE_FAMILY, FAMILIES, type Names, namesOf } from './families.js'
import { foldBiases } from './fold-biases.js'
import { headOf } from './head.js'
import { inferConfig, type Unknown } from './infer.js'
import { newestLast, permuted } from './newest-first.js'
import { skipsFirst } from './skips-first.js'
import { takeTensors } from './take-tensors.js'
import type { Tensor } from './tensor.js'
import type { ColourOrder, FileFacts, NameChoice, WeightChoice, WeightFile, WeightFormat } from './weight-file.js'

/** What a file of weights does not tell, and how its names are read. */
export interface ImportOptions extends Unknown {
  /** Default true: a missing or unexpected tensor is an error. Otherwise missing ones get fresh values. */
  readonly strict?: boolean | undefined
  /** Which, of a file that holds averaged weights (EMA, SWA) beside raw ones; default: the averaged, as timm does. */
  readonly weights?: WeightChoice | undefined
  /** Default `known`: names of nobody are refused. `by-order`: the order of tensors and their shapes say what they are. */
  readonly names?: NameChoice | undefined
  /** Of the colours that the first convolution reads; default: red, green, blue, but as it is known of Caffe's networks. */
  readonly colours?: ColourOrder | undefined
}

/** How weights of another program were understood: what matched, what was assumed, what was left. */
export interface ImportReport {
  readonly format: WeightFormat
  /** Whose names they were. */
  readonly family: string
  /** Where in the file, such as `state_dict.module.`; empty: nowhere special. */
  readonly within: string
  /** Which of the two it was, of a file that has averaged weights; null: it has none. */
  readonly weights: WeightChoice | null
  /** Why the network has no classifier, as a sentence: it has features then, and takes a new classifier. null: it has one. */
  readonly headless: string | null
  /** torchvision's names, in parameter order. */
  readonly matched: readonly string[]
  readonly missing: readonly string[]
  /** In the file's names. */
  readonly unexpected: readonly string[]
  /** Same numbers under another shape, such as a classifier that was a 1x1 convolution. */
  readonly reshaped: readonly string[]
  /** Known to be no weights, with the reason. */
  readonly unused: readonly string[]
  /** Of names that were read by order: each layer's name in the file, and torchvision's. */
  readonly places: readonly (readonly [file: string, here: string])[]
  /** Sentences about what the file does not tell. */
  readonly assumed: readonly string[]
}

/** Weights of another program as a network of ours; parameters and running statistics in the order of parameterTable. */
export interface ImportedWeights {
  readonly config: DenseNetConfig
  readonly parameters: Float32Array
  readonly running: Float32Array
  readonly normalisation: { readonly mean: readonly number[]; readonly deviation: readonly number[] } | null
  /** Whether an image may belong to several classes: known of CheXNet's and TorchXRayVision's, and of one output. */
  readonly multiLabel: boolean
  readonly report: ImportReport
}

/** The longest of any known program has some eighty. */
const LONGEST_NAME = 1000

/** ImageNet's usual mean and deviation, on the 0..255 scale: torchvision, timm and Keras all use it. */
const IMAGENET = { mean: [123.675, 116.28, 103.53], deviation: [58.395, 57.12, 57.375] }
/** shicai's, on the same scale: means taken away from blue, green, red, the rest times 0.017. */
const CAFFE = { mean: [123.68, 116.78, 103.94], deviation: [1 / 0.017, 1 / 0.017, 1 / 0.017] }
/** TorchXRayVision scales 8-bit images to -1024 .. 1024. */
const XRAY = { mean: [127.5], deviation: [127.5 / 1024] }

/** CheXNet's classifier: Sequential(Linear, Sigmoid). */
const SIGMOID_BEHIND = /(^|\.)classifier\.0\.weight$/

/** Makes a network of a file of weights. Throws a sentence where that is not understood whole. */
export function importWeights(file: WeightFile, options: ImportOptions = {}): ImportedWeights {
  const { path } = file
  refuseLongNames(file)
  const names = namesOf(file, options.weights, options.names)
  if (names === null) throw unknownNames(file)
  const weights = chosenWeights(file, names, options.weights)
  const { tensors, origins, unused, calibrated, headless, hasBias } = renamed(file, names)
  const ownProbabilities = calibrated || [...origins.values()].some(origin => SIGMOID_BEHIND.test(origin))
  const bnEpsilon = options.bnEpsilon ?? file.bnEpsilon ?? undefined
  const { facts = {} } = file
  const config = inferConfig(tensors, { ...options, bnEpsilon, ceilPools: facts.ceilPools }, path)
  const multiLabel = ownProbabilities || (headless === null && config.classes === 1)
  const described = architecture(config)
  const newestFirst = names.newestFirst || facts.newestFirst === true
  const oldestFirst = newestFirst ? newestLast(tensors, described) : tensors
  const ordered = names.skipsLast ? skipsFirst(oldestFirst, described) : oldestFirst
  const { tensors: plain, folded } = foldBiases(ordered, described)
  const isCaffes = config.stem === 'imagenet' && (names.family === CAFFE_FAMILY || file.format === 'Caffe')
  const isBgr = config.inputChannels === 3 && (options.colours ?? (isCaffes ? 'bgr' : 'rgb')) === 'bgr'
  const taken = takeTensors(described, isBgr ? withRedFirst(plain) : plain, path, origins)
  const { parameters, running, matched, reshaped } = taken
  const isAbsent = (name: string): boolean => name.startsWith('classifier.') && headless !== null
  const missing = taken.missing.filter(name => !isAbsent(name) && (name !== 'classifier.bias' || hasBias))
  const known = new Set([...matched, ...taken.missing, ...folded])
  const unexpected = [...origins].filter(([name]) => !known.has(name)).map(([, origin]) => origin)
  if (options.strict !== false) refuseDifferences(path, missing, unexpected, weights)
  const normalisation =
    facts.normalisation === undefined
      ? normalisationOf(config, calibrated, isCaffes)
      : ownNormalisation(facts.normalisation, config, isBgr)
  return {
    config,
    parameters,
    running,
    normalisation,
    multiLabel,
    report: {
      format: file.format,
      family: names.family,
      within: [file.within, names.prefix].filter(Boolean).join('.'),
      weights: weights.choice,
      headless,
      matched,
      missing,
      unexpected,
      reshaped,
      unused: [...unused, ...foldedBiases(folded)],
      places: names.family === BY_ORDER ? placesOf(origins, known) : [],
      assumed: [
        ...weights.said,
        ...assumptions(config, { ...options, bnEpsilon }, { ...names, newestFirst }, multiLabel),
        ...(isBgr ? [`the first convolution reads blue, green, red: it was turned (--colours rgb leaves it)`] : []),
        ...(facts.assumed ?? []),
        ...(headless === null && !hasBias ? ['its classifier has no bias: zeros'] : []),
      ],
    },
  }
}

const placesOf = (origins: ReadonlyMap<string, string>, known: ReadonlySet<string>): [string, string][] =>
  [...origins]
    .filter(([name]) => known.has(name) && name.endsWith('.weight'))
    .map(([name, origin]) => [origin.slice(0, -'.weight'.length), name.slice(0, -'.weight'.length)])

/** Refuses what needs a classifier of a network that was read without one; `what`: such as "classifying". */
export function refuseHeadless(report: ImportReport | null, what: string): void {
  if (report === null || report.headless === null) return
  throw usageError(
    `${report.headless}: ${what} needs one`,
    'its features can be used (densenet features), and a new classifier trained (densenet train --pretrained FILE --reset-classifier)',
  )
}

/** Which weights these are, and the sentence that says so; a usage error when those asked for are not there. */
function chosenWeights({ path, choice }: WeightFile, names: Names, asked: WeightChoice | undefined) {
  // A torch AveragedModel below a key of a checkpoint is what the key says.
  const chosen = choice?.weights ?? names.weights
  if (asked !== undefined && asked !== (chosen ?? 'raw')) {
    throw usageError(
      `${path} holds no ${asked === 'raw' ? 'raw weights, only averaged ones' : 'averaged weights'}`,
      'leave out --weights',
    )
  }
  if (chosen === null) return { choice: null, said: [] }
  const others = choice ? choice.others : names.others[0] ? names.others[0].root || 'no prefix' : null
  const [these, those, option] =
    chosen === 'average' ? ['averaged', 'raw', '--weights raw'] : ['raw', 'averaged', '--weights average']
  const beside = others === null ? '' : `; the ${those} ones are under ${others} (${option})`
  return { choice: chosen, said: [`the ${these} weights${beside}`] }
}

function refuseLongNames({ path, tensors }: WeightFile): void {
  for (const name of tensors.keys()) {
    if (name.length <= LONGEST_NAME) continue
    throw new DenseNetError(`${path} holds a tensor whose name has ${name.length} letters: it is no DenseNet's`)
  }
}

function unknownNames({ path, tensors }: WeightFile): DenseNetError {
  const some = [...tensors.keys()].slice(0, 3).join(', ')
  return new DenseNetError(
    tensors.size === 0
      ? `${path} holds no weights`
      : `${path} holds weights with names of nobody that is known: ${some}, ...`,
    {
      hint: `known are the names of ${FAMILIES.map(({ name }) => name).join(', ')}; where the tensors stand in a DenseNet's order: --names by-order`,
    },
  )
}

/** Tensors under torchvision's names, and what each was called. */
function renamed({ tensors, path }: WeightFile, { canonical, prefix, others }: Names) {
  const found = new Map<string, Tensor>()
  const origins = new Map<string, string>()
  const behind = new Map<string, Tensor>()
  const unused: string[] = []
  const elsewhere = new Map<string, number>()
  let calibrated = false
  const take = (name: string, origin: string, tensor: Tensor): void => {
    if (found.has(name)) {
      throw new DenseNetError(`${path} holds ${name} twice, as ${origins.get(name)} and as ${origin}`)
    }
    found.set(name, tensor)
    origins.set(name, origin)
  }
  for (const [origin, tensor] of tensors) {
    const other = others.find(
      ({ root, own }) => origin.startsWith(root) && (own === '' || !origin.startsWith(own)),
    )?.root
    const name = canonical(origin)
    if (other !== undefined) {
      elsewhere.set(other, (elsewhere.get(other) ?? 0) + 1)
    } else if (name.endsWith('.num_batches_tracked')) {
      unused.push(`${origin}: a counter of training steps`)
    } else if (/(^|\.)n_averaged$/.test(origin)) {
      unused.push(`${origin}: how many weights were averaged`)
    } else if (origin === `${prefix}op_threshs`) {
      calibrated = true
      unused.push(`${origin}: TorchXRayVision's calibration; outputs here are the logits before it`)
    } else if (TRAINING_ONLY.test(origin) && !origin.startsWith('features.')) {
      unused.push(`${origin}: of the loss, which only training needs`)
    } else if (name.startsWith('features.')) take(name, origin, tensor)
    else behind.set(origin, tensor)
  }
  for (const [start, count] of elsewhere)
    unused.push(`${count} tensors under ${start || 'no prefix'}: those of another network`)
  const { classifier, headless, left } = headOf(behind, found.get('features.norm5.weight')?.shape[0])
  for (const [origin, tensor] of behind) {
    const dot = origin.lastIndexOf('.')
    const layer = origin.slice(0, dot)
    if (left.includes(layer)) unused.push(`${origin}: of a head that is not read`)
    else take(layer === classifier ? `classifier${origin.slice(dot)}` : origin, origin, tensor)
  }
  if (classifier === null && origins.has('classifier.bias')) {
    throw new DenseNetError(`${path} is no DenseNet that can be run here: it has no classifier, only a bias of one`)
  }
  const hasBias = classifier === null || behind.has(`${classifier}.bias`)
  return { tensors: found, origins, unused, calibrated, headless: headless && `${path} ${headless}`, hasBias }
}

/** Tensors of losses beside a network: classes' weights, mostly. */
const TRAINING_ONLY = /^(criterion|\w*loss(_f(n|unc))?|\w*criterion)\.(\w+\.)*(weight|pos_weight|class_weights?)$/

function refuseDifferences(
  path: string,
  missing: readonly string[],
  unexpected: readonly string[],
  { choice }: { readonly choice: WeightChoice | null },
): void {
  const list = (names: readonly string[]): string =>
    `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`
  const parts = [
    ...(missing.length > 0 ? [`lacks ${list(missing)}`] : []),
    ...(unexpected.length > 0 ? [`holds ${list(unexpected)}, which its network does not have`] : []),
  ]
  if (parts.length === 0) return
  throw new DenseNetError(`${path} ${parts.join(' and ')}`, {
    hint: `--no-strict takes what fits, gives the missing fresh values and lists the rest${choice === 'average' ? '; --weights raw takes those that were not averaged' : ''}`,
  })
}

const foldedBiases = (folded: readonly string[]): string[] =>
  folded.length === 0
    ? []
    : [`${folded.length} biases of convolutions: the means of the batch norms behind them are less by as much`]

/** Its first convolution for red, green, blue instead of blue, green, red. */
function withRedFirst(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
  const name = 'features.conv0.weight'
  const kernels = tensors.get(name)
  return kernels ? new Map(tensors).set(name, permuted(kernels, 1, [2, 1, 0])) : tensors
}

/** What the file says, for the channels as they are here. */
function ownNormalisation(
  normalisation: NonNullable<FileFacts['normalisation']> | null,
  { inputChannels }: DenseNetConfig,
  isBgr: boolean,
) {
  if (normalisation === null) return null
  const { mean, deviation } = normalisation
  const all = (values: readonly number[]): readonly number[] => {
    const each = values.length === 1 ? Array<number>(inputChannels).fill(values[0]!) : values
    return isBgr ? each.toReversed() : each
  }
  return mean.length === 1 || mean.length === inputChannels ? { mean: all(mean), deviation: all(deviation) } : null
}

function normalisationOf({ stem, inputChannels }: DenseNetConfig, calibrated: boolean, isCaffes: boolean) {
  if (calibrated && inputChannels === 1) return XRAY
  if (isCaffes && inputChannels === 3) return CAFFE
  return stem === 'imagenet' && inputChannels === 3 ? IMAGENET : null
}

/** What was taken for granted, one sentence each, with the option that says otherwise. */
function assumptions(
  config: DenseNetConfig,
  options: ImportOptions,
  { newestFirst, skipsLast, family }: Pick<Names, 'newestFirst' | 'skipsLast' | 'family'>,
  multiLabel: boolean,
): string[] {
  const { height, width, bnEpsilon } = config
  return [
    ...(options.height === undefined ? [`images of ${height} x ${width} pixels (--size)`] : []),
    ...(options.bnEpsilon === undefined ? [`batch norm's epsilon is ${bnEpsilon} (--bn-epsilon)`] : []),
    ...(multiLabel
      ? [
          config.classes === 1
            ? 'its one output is the score of a class that an image is of or not: its probability is a sigmoid'
            : 'an image may belong to several classes: each has a probability of its own',
        ]
      : []),
    ...(family === BY_ORDER
      ? [
          'tensors stand in the order of the network',
          `layers concatenate ${newestFirst ? '[new, old]' : '[old, new], as torchvision; where it is [new, old], the answers are wrong'} (--names ${newestFirst ? 'by-order' : 'by-order-newest-first'})`,
        ]
      : []),
    ...(newestFirst && family !== BY_ORDER
      ? [`new features first, as ${family} concatenates: channels were put into our order`]
      : []),
    ...(skipsLast ? [`skips last, as ${family} concatenates: channels were put into our order`] : []),
  ]
}
