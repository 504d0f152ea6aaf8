// One door to every network. By name: the one that comes with the package, and those with public homes. By path: our runs
// and checkpoints, files of weights from elsewhere, timm's folders, the original Torch program's checkpoint folders. A name
// is a name even where a file has it, too: ./NAME is the file.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import type { Normalisation } from '../images/dataset.js'
import { inputPreprocessing } from '../images/network-input.js'
import { checkPixelScale } from '../images/normalise.js'
import type { Preprocessing } from '../images/transforms/preprocess.js'
import { type ImportOptions, type ImportReport, importWeights } from '../interop/import-weights.js'
import { parseTimmConfig, TIMM_CONFIG, TIMM_WEIGHTS } from '../interop/timm.js'
import { resolveConfig } from '../model/config.js'
import { isFile } from '../node/files.js'
import { type Checkpoint, decodeCheckpoint, isCheckpoint } from '../runs/checkpoint.js'
import { LAST_FILE, readRun } from '../runs/read-run.js'
import { type FetchOptions, fetchModel } from './fetch.js'
import { NAMED_MODELS, namedModel } from './named.js'
import { isOriginalCheckpoint, readOriginalCheckpoint } from './original-checkpoint.js'
import { SHIPPED } from './shipped.js'
import { decodeWeightFile, readBytes } from './weight-files.js'

/** What weights from elsewhere do not tell; what is not given here has a stated default. */
export interface OpenOptions extends ImportOptions {
  readonly classes?: readonly string[] | undefined
  readonly normalisation?: Normalisation | undefined
  readonly preprocessing?: Preprocessing | null | undefined
  /** Of a named model: where it is fetched from, and whether. */
  readonly fetch?: FetchOptions | undefined
  /** Height and width of the images that it is to read, in pixels; default: of those it was trained on. Its layers take
   * images of any size, and its last pool is over all of the map. */
  readonly imageSize?: number | undefined
  /** Of training; default: what it was trained with, as far as that is known. */
  readonly dropRate?: number | undefined
}

export interface OpenedNetwork {
  readonly checkpoint: Checkpoint
  /** Where it is known. */
  readonly name: string | null
  /** How weights from elsewhere were understood; null for our own. */
  readonly report: ImportReport | null
}

/** A name, or the path of a run, a checkpoint or weights from elsewhere. `onWarning` hears of what is damaged in a run, and
 * what was taken instead. */
export async function openNetwork(
  nameOrPath: string,
  options: OpenOptions,
  onWarning: (message: string) => void,
): Promise<OpenedNetwork> {
  const { normalisation, dropRate, imageSize } = options
  if (normalisation) checkPixelScale(normalisation)
  const opened = await openNamed(nameOrPath, options, onWarning)
  const checkpoint = withDropRate(opened.checkpoint, dropRate)
  return { ...opened, checkpoint: imageSize === undefined ? checkpoint : ofSize(checkpoint, imageSize) }
}

async function openNamed(
  name: string,
  options: OpenOptions,
  onWarning: (message: string) => void,
): Promise<OpenedNetwork> {
  if (name === SHIPPED.name) return { ...(await openFile(SHIPPED.path, options)), name }
  const { fetch = {} } = options
  const named = namedModel(name, fetch.table)
  if (named === null) return openPath(name, options, onWarning)
  const opened = await openPath(await fetchModel(named, fetch), options, onWarning)
  const preprocessing = named.preprocessing ?? opened.checkpoint.preprocessing
  return { ...opened, checkpoint: { ...opened.checkpoint, preprocessing }, name: named.name }
}

async function openPath(
  path: string,
  options: OpenOptions,
  onWarning: (message: string) => void,
): Promise<OpenedNetwork> {
  const found = await stat(path).catch(() => null)
  if (found === null) throw unknown(path)
  if (!found.isDirectory()) return openFile(path, options)
  if (await isOriginalCheckpoint(path)) return openFile((await readOriginalCheckpoint(path)).model, options)
  if ((await isFile(join(path, TIMM_WEIGHTS))) && !(await isFile(join(path, LAST_FILE)))) {
    const config = join(path, TIMM_CONFIG)
    const facts = parseTimmConfig(await readFile(config, 'utf8').catch(() => ''), config)
    const given = Object.entries(options).filter(([, value]) => value !== undefined)
    const { assumed = [], ...known } = facts ?? {}
    const opened = await openFile(join(path, TIMM_WEIGHTS), { ...known, ...Object.fromEntries(given) } as OpenOptions)
    const { report } = opened
    return { ...opened, report: report && { ...report, assumed: [...report.assumed, ...assumed] } }
  }
  const { checkpoint, settings } = await readRun(path, onWarning)
  return { ...ours(checkpoint, path, options), name: settings.model }
}

function unknown(path: string): Error {
  const names = NAMED_MODELS.filter(({ refused }) => refused === undefined).map(({ name }) => name)
  return usageError(
    `there is no checkpoint, run folder or file of weights ${path}, nor a network of that name`,
    `the names are ${[SHIPPED.name, ...names].join(', ')}`,
  )
}

/** A checkpoint of ours, with the weights that were asked for where it has averages, too. */
function ours(checkpoint: Checkpoint, path: string, { weights, normalisation, bnEpsilon }: OpenOptions): OpenedNetwork {
  const { training } = checkpoint.state
  if (normalisation && checkpoint.normalisation) {
    throw usageError(
      `${path} says itself how its images are normalised`,
      'leave out mean and deviation (--mean and --std, in the API normalisation)',
    )
  }
  if (bnEpsilon !== undefined && bnEpsilon !== checkpoint.config.bnEpsilon) {
    const own = checkpoint.config.bnEpsilon
    throw usageError(`${path} says itself that batch norm's epsilon is ${own}`, 'leave out --bn-epsilon')
  }
  if (weights === 'average' && !training.average) {
    throw usageError(`${path} holds no averaged weights`, 'leave out --weights')
  }
  const { average, averageRunning, ...others } = training
  const state = weights === 'raw' ? { ...checkpoint.state, training: others } : checkpoint.state
  const known = checkpoint.normalisation ?? normalisation ?? null
  return { checkpoint: { ...checkpoint, normalisation: known, state }, name: null, report: null }
}

async function openFile(path: string, options: OpenOptions): Promise<OpenedNetwork> {
  if (options.normalisation) checkPixelScale(options.normalisation)
  const bytes = await readBytes(path)
  if (isCheckpoint(bytes, path)) return ours(decodeCheckpoint(bytes, path), path, options)
  const { config, parameters, running, normalisation, multiLabel, report } = importWeights(
    await decodeWeightFile(bytes, path, options.weights),
    options,
  )
  const { classes = [] } = options
  if (classes.length > 0 && classes.length !== config.classes) {
    throw usageError(`${path} classifies ${config.classes} classes, ${classes.length} names were given`)
  }
  const checkpoint: Checkpoint = {
    config,
    classes,
    normalisation: options.normalisation ?? normalisation,
    preprocessing: options.preprocessing ?? null,
    multiLabel,
    dataset: null,
    recipe: null,
    progress: null,
    state: { parameters, running, training: {} },
  }
  return { checkpoint, name: null, report }
}

const withDropRate = (checkpoint: Checkpoint, dropRate: number | undefined): Checkpoint =>
  dropRate === undefined ? checkpoint : { ...checkpoint, config: resolveConfig({ ...checkpoint.config, dropRate }) }

/** The shorter side is scaled in proportion. */
function ofSize(checkpoint: Checkpoint, size: number): Checkpoint {
  const config = resolveConfig({ ...checkpoint.config, height: size, width: size })
  const usual = inputPreprocessing(checkpoint)
  const preprocessing = { ...usual, crop: size, resize: Math.round((usual.resize * size) / usual.crop) }
  return { ...checkpoint, config, preprocessing }
}
