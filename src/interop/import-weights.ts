// From a file of weights to a network: names mapped, architecture inferred, every tensor accounted for. Nothing is
// dropped in silence: what matched, what is missing, what nobody knows and what was reshaped is in the report.
import { DenseNetError } from '../errors.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import { initialParameters, initialRunning } from '../model/initialise.js'
import { parameterTable, type TensorEntry } from '../model/parameters.js'
import { FAMILIES, type Names, namesOf } from './families.js'
import { inferConfig, type Unknown } from './infer.js'
import { newestLast } from './newest-first.js'
import { isFloating, type Tensor, type TensorData } from './tensor.js'
import type { WeightFile, WeightFormat } from './weight-file.js'

export interface ImportOptions extends Unknown {
  /** Default true: a missing or unexpected tensor is an error. Otherwise missing ones get fresh values. */
  readonly strict?: boolean | undefined
}

export interface ImportReport {
  readonly format: WeightFormat
  /** Whose names they were. */
  readonly family: string
  /** Where in the file, such as `state_dict.module.`; empty: nowhere special. */
  readonly within: string
  /** torchvision's names, in parameter order. */
  readonly matched: readonly string[]
  readonly missing: readonly string[]
  /** In the file's names. */
  readonly unexpected: readonly string[]
  /** Same numbers under another shape, such as a classifier that was a 1x1 convolution. */
  readonly reshaped: readonly string[]
  /** Known to be no weights, with the reason. */
  readonly unused: readonly string[]
  /** Sentences about what the file does not tell. */
  readonly assumed: readonly string[]
}

export interface ImportedWeights {
  readonly config: DenseNetConfig
  readonly parameters: Float32Array
  readonly running: Float32Array
  readonly normalisation: { readonly mean: readonly number[]; readonly deviation: readonly number[] } | null
  /** Whether an image may belong to several classes: known of CheXNet's and TorchXRayVision's. */
  readonly multiLabel: boolean
  readonly report: ImportReport
}

/** The longest of any known program has some eighty. */
const LONGEST_NAME = 1000

/** ImageNet's usual mean and deviation, on the 0..255 scale: torchvision, timm and Keras all use it. */
const IMAGENET = { mean: [123.675, 116.28, 103.53], deviation: [58.395, 57.12, 57.375] }
/** TorchXRayVision scales 8-bit images to -1024 .. 1024. */
const XRAY = { mean: [127.5], deviation: [127.5 / 1024] }

/** CheXNet's classifier: Sequential(Linear, Sigmoid). */
const SIGMOID_BEHIND = /(^|\.)classifier\.0\.weight$/

export function importWeights(file: WeightFile, options: ImportOptions = {}): ImportedWeights {
  const { path } = file
  refuseLongNames(file)
  const names = namesOf(file)
  if (names === null) throw unknownNames(file)
  const { tensors, origins, unused, calibrated } = renamed(file, names)
  const multiLabel = calibrated || [...origins.values()].some(origin => SIGMOID_BEHIND.test(origin))
  const bnEpsilon = options.bnEpsilon ?? file.bnEpsilon ?? undefined
  const config = inferConfig(tensors, { ...options, bnEpsilon }, path)
  const described = architecture(config)
  const table = parameterTable(described)
  const ordered = names.newestFirst ? newestLast(tensors, described) : tensors
  const parameters = initialParameters(table, 0)
  const running = initialRunning(table)
  const matched: string[] = []
  const missing: string[] = []
  const reshaped: string[] = []
  for (const [entries, values] of [
    [table.parameters, parameters],
    [table.running, running],
  ] as const) {
    for (const entry of entries) {
      const tensor = ordered.get(entry.name)
      if (tensor === undefined) {
        missing.push(entry.name)
        continue
      }
      if (tensor.shape.join() !== entry.shape.join()) {
        if (!isSameButForOnes(tensor.shape, entry.shape)) throw misshapen(entry, tensor, origins, path)
        reshaped.push(`${origins.get(entry.name)} [${tensor.shape}] as [${entry.shape}]`)
      }
      values.set(checked(tensor.data, entry, origins.get(entry.name)!, path), entry.offset)
      matched.push(entry.name)
    }
  }
  const known = new Set([...table.parameters, ...table.running].map(({ name }) => name))
  const unexpected = [...origins].filter(([name]) => !known.has(name)).map(([, origin]) => origin)
  if (options.strict !== false) refuseDifferences(path, missing, unexpected)
  const normalisation = normalisationOf(config, calibrated)
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
      matched,
      missing,
      unexpected,
      reshaped,
      unused,
      assumed: assumptions(config, { ...options, bnEpsilon }, names, multiLabel),
    },
  }
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
    { hint: `known are the names of ${FAMILIES.map(({ name }) => name).join(', ')}` },
  )
}

/** Tensors under torchvision's names, and what each was called. */
function renamed({ tensors, path }: WeightFile, { canonical, prefix }: Names) {
  const found = new Map<string, Tensor>()
  const origins = new Map<string, string>()
  const unused: string[] = []
  let calibrated = false
  for (const [origin, tensor] of tensors) {
    const name = canonical(origin)
    if (name.endsWith('.num_batches_tracked')) {
      unused.push(`${origin}: a counter of training steps`)
    } else if (origin === `${prefix}op_threshs`) {
      calibrated = true
      unused.push(`${origin}: TorchXRayVision's calibration; outputs here are the logits before it`)
    } else if (found.has(name)) {
      throw new DenseNetError(`${path} holds ${name} twice, as ${origins.get(name)} and as ${origin}`)
    } else {
      found.set(name, tensor)
      origins.set(name, origin)
    }
  }
  return { tensors: found, origins, unused, calibrated }
}

const isSameButForOnes = (a: readonly number[], b: readonly number[]): boolean =>
  a.filter(n => n !== 1).join() === b.filter(n => n !== 1).join()

function misshapen(entry: TensorEntry, { shape }: Tensor, origins: ReadonlyMap<string, string>, path: string) {
  return new DenseNetError(
    `${path}: ${origins.get(entry.name)} has shape [${shape}], the network inferred from the others needs [${entry.shape}]`,
  )
}

function checked(data: TensorData, { name, count }: TensorEntry, origin: string, path: string): Float32Array {
  if (!isFloating(data)) throw new DenseNetError(`${path}: ${origin} holds whole numbers, not weights`)
  const values = Float32Array.from(data)
  const variance = name.endsWith('.running_var')
  for (let i = 0; i < count; i++) {
    const value = values[i]!
    if (Number.isFinite(value) && !(variance && value < 0)) continue
    const what = Number.isFinite(value) ? `the negative variance ${value}` : `${data[i]}`
    throw new DenseNetError(`${path}: element ${i} of ${origin} is ${what}; these weights are not usable`)
  }
  return values
}

function refuseDifferences(path: string, missing: readonly string[], unexpected: readonly string[]): void {
  const list = (names: readonly string[]): string =>
    `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`
  const parts = [
    ...(missing.length > 0 ? [`lacks ${list(missing)}`] : []),
    ...(unexpected.length > 0 ? [`holds ${list(unexpected)}, which its network does not have`] : []),
  ]
  if (parts.length === 0) return
  throw new DenseNetError(`${path} ${parts.join(' and ')}`, {
    hint: '--no-strict takes what fits, gives the missing fresh values and lists the rest',
  })
}

function normalisationOf({ stem, inputChannels }: DenseNetConfig, calibrated: boolean) {
  if (calibrated && inputChannels === 1) return XRAY
  return stem === 'imagenet' && inputChannels === 3 ? IMAGENET : null
}

/** What was taken for granted, one sentence each, with the option that says otherwise. */
function assumptions(
  config: DenseNetConfig,
  options: ImportOptions,
  { newestFirst, family }: Names,
  multiLabel: boolean,
): string[] {
  const { height, width, bnEpsilon } = config
  return [
    ...(options.height === undefined ? [`images of ${height} x ${width} pixels (--size)`] : []),
    ...(options.bnEpsilon === undefined ? [`batch norm's epsilon is ${bnEpsilon} (--bn-epsilon)`] : []),
    ...(multiLabel ? ['an image may belong to several classes: each has a probability of its own'] : []),
    ...(newestFirst ? [`new features first, as ${family} concatenates: channels were put into our order`] : []),
  ]
}
