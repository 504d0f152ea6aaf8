// A network from the bytes of a file: our own checkpoints, and weights from elsewhere.
import { usageError } from '../errors.js'
import { type Checkpoint, type CreateHash, decodeCheckpoint, isCheckpoint } from '../fitting/checkpoint.js'
import { LAST_FILE } from '../fitting/run-files.js'
import type { Normalisation } from '../images/dataset.js'
import { inputPreprocessing } from '../images/network-input.js'
import { checkPixelScale } from '../images/normalise.js'
import type { Preprocessing } from '../images/transforms/preprocess.js'
import { type DecodeOptions, decodeWeights } from '../interop/decode-weights.js'
import { type ImportOptions, type ImportReport, importWeights } from '../interop/import-weights.js'
import { fileOfRun } from '../interop/project-archive.js'
import { isZip, readZip } from '../interop/zip.js'
import { resolveConfig } from '../model/config.js'
import type { Size } from '../model/parts.js'

/** What weights from elsewhere do not tell; what is not given here has a stated default. */
export interface BytesOptions extends ImportOptions {
  readonly classes?: readonly string[] | undefined
  readonly normalisation?: Normalisation | undefined
  readonly preprocessing?: Preprocessing | null | undefined
  /** Height and width of the images that it is to read, in pixels; default: of those it was trained on. Its layers take
   * images of any size, and its last pool is over all of the map. */
  readonly imageSize?: number | Size | undefined
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

/** A checkpoint of ours, with the weights that were asked for where it has averages, too. */
export function ours(
  checkpoint: Checkpoint,
  path: string,
  { weights, normalisation, bnEpsilon }: BytesOptions,
): OpenedNetwork {
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

/** How files of weights are made sense of here. */
export interface Decoding extends Pick<DecodeOptions, 'readHdf5' | 'readBeside'> {
  readonly createHash: CreateHash
}

/** A checkpoint of ours, or weights from elsewhere, by the bytes of a file; `path` is its name, for messages. */
export async function openBytes(
  bytes: Uint8Array,
  path: string,
  options: BytesOptions,
  { createHash, ...decoding }: Decoding,
): Promise<OpenedNetwork> {
  if (options.normalisation) checkPixelScale(options.normalisation)
  if (isCheckpoint(bytes, path)) return ours(decodeCheckpoint(bytes, path, createHash), path, options)
  const run = runOfProject(bytes, path)
  if (run) return ours(decodeCheckpoint(run, `the run in ${path}`, createHash), path, options)
  const { config, parameters, running, normalisation, multiLabel, report } = importWeights(
    await decodeWeights(bytes, path, { weights: options.weights, ...decoding }),
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

/** The last checkpoint in a project of the playground; null: it is none. */
function runOfProject(bytes: Uint8Array, path: string): Uint8Array | null {
  return isZip(bytes) ? (fileOfRun(readZip(bytes, path), LAST_FILE)?.read() ?? null) : null
}

/** With what is asked for beside its weights. */
export function adapted(opened: OpenedNetwork, { dropRate, imageSize }: BytesOptions): OpenedNetwork {
  const checkpoint = withDropRate(opened.checkpoint, dropRate)
  return { ...opened, checkpoint: imageSize === undefined ? checkpoint : ofSize(checkpoint, imageSize) }
}

const withDropRate = (checkpoint: Checkpoint, dropRate: number | undefined): Checkpoint =>
  dropRate === undefined ? checkpoint : { ...checkpoint, config: resolveConfig({ ...checkpoint.config, dropRate }) }

/** The shorter side is scaled in proportion. */
function ofSize(checkpoint: Checkpoint, size: number | Size): Checkpoint {
  if (typeof size !== 'number') return { ...checkpoint, config: resolveConfig({ ...checkpoint.config, ...size }) }
  const config = resolveConfig({ ...checkpoint.config, height: size, width: size })
  const usual = inputPreprocessing(checkpoint)
  const preprocessing = { ...usual, crop: size, resize: Math.round((usual.resize * size) / usual.crop) }
  return { ...checkpoint, config, preprocessing }
}
