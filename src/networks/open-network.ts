// One door for every network there is on a disk: our runs and checkpoints, files of weights from elsewhere, timm's
// folders, the original Torch program's checkpoint folders.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import type { Normalisation } from '../images/dataset.js'
import { checkPixelScale } from '../images/normalise.js'
import type { Preprocessing } from '../images/transforms/preprocess.js'
import { type ImportOptions, type ImportReport, importWeights } from '../interop/import-weights.js'
import { parseTimmConfig, TIMM_CONFIG, TIMM_WEIGHTS } from '../interop/timm.js'
import { type Checkpoint, decodeCheckpoint, isCheckpoint } from '../runs/checkpoint.js'
import { LAST_FILE, openCheckpoint } from '../runs/read-run.js'
import { ORIGINAL_LATEST, readOriginalCheckpoint } from './original-checkpoint.js'
import { decodeWeightFile, readBytes } from './weight-files.js'

/** What weights from elsewhere do not tell; what is not given here has a stated default. */
export interface OpenOptions extends ImportOptions {
  readonly classes?: readonly string[] | undefined
  readonly normalisation?: Normalisation | undefined
  readonly preprocessing?: Preprocessing | null | undefined
}

export interface OpenedNetwork {
  readonly checkpoint: Checkpoint
  /** Where it is known. */
  readonly name: string | null
  /** How weights from elsewhere were understood; null for our own. */
  readonly report: ImportReport | null
}

export async function openNetwork(
  path: string,
  options: OpenOptions,
  onWarning: (message: string) => void,
): Promise<OpenedNetwork> {
  if (options.normalisation) checkPixelScale(options.normalisation)
  const found = await stat(path).catch(() => null)
  if (found === null) throw usageError(`there is no checkpoint, run folder or file of weights ${path}`)
  if (!found.isDirectory()) return openFile(path, options)
  if (await isFile(join(path, ORIGINAL_LATEST))) return openFile((await readOriginalCheckpoint(path)).model, options)
  if ((await isFile(join(path, TIMM_WEIGHTS))) && !(await isFile(join(path, LAST_FILE)))) {
    const config = join(path, TIMM_CONFIG)
    const facts = parseTimmConfig(await readFile(config, 'utf8').catch(() => ''), config)
    const given = Object.entries(options).filter(([, value]) => value !== undefined)
    const { assumed = [], ...known } = facts ?? {}
    const opened = await openFile(join(path, TIMM_WEIGHTS), { ...known, ...Object.fromEntries(given) } as OpenOptions)
    const { report } = opened
    return { ...opened, report: report && { ...report, assumed: [...report.assumed, ...assumed] } }
  }
  const { checkpoint, name } = await openCheckpoint(path, onWarning)
  return { ...ours(checkpoint, path, options), name }
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

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    found => found.isFile(),
    () => false,
  )
