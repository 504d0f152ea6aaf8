// One door for every network: the one that comes with the package and those with public homes by name, everything else by
// its path. A name is a name even where a file has it, too: ./NAME is the file.
import { stat } from 'node:fs/promises'
import { usageError } from '../errors.js'
import { inputPreprocessing } from '../inference/image-input.js'
import { resolveConfig } from '../model/config.js'
import type { Checkpoint } from '../runs/checkpoint.js'
import { type FetchOptions, fetchModel } from './fetch.js'
import { NAMED_MODELS, namedModel } from './named.js'
import { type OpenedNetwork, type OpenOptions, openNetwork } from './open-network.js'
import { SHIPPED } from './shipped.js'

export interface OpenModelOptions extends OpenOptions {
  /** Of a named model: where it is fetched from, and whether. */
  readonly fetch?: FetchOptions | undefined
  /** Height and width of the images that it is to read, in pixels; default: of those it was trained on. Its layers take
   * images of any size, and its last pool is over all of the map. */
  readonly imageSize?: number | undefined
  /** Of training; default: what it was trained with, as far as that is known. */
  readonly dropRate?: number | undefined
}

/** A name, or the path of a run, a checkpoint or weights from elsewhere. `onWarning`: as openNetwork. */
export async function openModel(
  nameOrPath: string,
  { imageSize, dropRate, ...open }: OpenModelOptions,
  onWarning: (message: string) => void,
): Promise<OpenedNetwork> {
  const found = await find(nameOrPath, open, onWarning)
  const { config } = found.checkpoint
  const opened =
    dropRate === undefined
      ? found
      : { ...found, checkpoint: { ...found.checkpoint, config: resolveConfig({ ...config, dropRate }) } }
  return imageSize === undefined ? opened : { ...opened, checkpoint: ofSize(opened.checkpoint, imageSize) }
}

async function find(
  nameOrPath: string,
  { fetch = {}, ...open }: OpenModelOptions,
  onWarning: (message: string) => void,
): Promise<OpenedNetwork> {
  if (nameOrPath === SHIPPED.name) return { ...(await openNetwork(SHIPPED.path, open, onWarning)), name: SHIPPED.name }
  const named = namedModel(nameOrPath, fetch.table)
  if (named === null) {
    await refuseUnknown(nameOrPath)
    return openNetwork(nameOrPath, open, onWarning)
  }
  const path = await fetchModel(named, fetch)
  const opened = await openNetwork(path, open, onWarning)
  const { checkpoint } = opened
  const preprocessing = named.preprocessing ?? checkpoint.preprocessing
  return { ...opened, checkpoint: { ...checkpoint, preprocessing }, name: named.name }
}

/** The shorter side is scaled in proportion. */
function ofSize(checkpoint: Checkpoint, size: number): Checkpoint {
  const config = resolveConfig({ ...checkpoint.config, height: size, width: size })
  const usual = inputPreprocessing(checkpoint)
  const preprocessing = { ...usual, crop: size, resize: Math.round((usual.resize * size) / usual.crop) }
  return { ...checkpoint, config, preprocessing }
}

async function refuseUnknown(path: string): Promise<void> {
  if ((await stat(path).catch(() => null)) !== null) return
  const names = NAMED_MODELS.filter(({ refused }) => refused === undefined).map(({ name }) => name)
  throw usageError(
    `there is no checkpoint, run folder or file of weights ${path}, nor a network of that name`,
    `the names are ${[SHIPPED.name, ...names].join(', ')}`,
  )
}
