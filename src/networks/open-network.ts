// One door to every network. By name: the one that comes with the package, and those with public homes. By path: our runs
// and checkpoints, files of weights from elsewhere, timm's folders, the original Torch program's checkpoint folders. A name
// is a name even where a file has it, too: ./NAME is the file.
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import { LAST_FILE } from '../fitting/run-files.js'
import { checkPixelScale } from '../images/normalise.js'
import { parseTimmConfig, TIMM_CONFIG, TIMM_WEIGHTS } from '../interop/timm.js'
import { isFile } from '../node/files.js'
import { readRun } from '../runs/read-run.js'
import { type FetchOptions, fetchModel } from './fetch.js'
import { isolatedHdf5 } from './hdf5.js'
import { NAMED_MODELS, namedModel } from './named.js'
import { adapted, type BytesOptions, type OpenedNetwork, openBytes, ours } from './open-bytes.js'
import { isOriginalCheckpoint, readOriginalCheckpoint } from './original-checkpoint.js'
import { SHIPPED } from './shipped.js'
import { readBeside, readBytes } from './weight-files.js'

/** What weights from elsewhere do not tell; what is not given here has a stated default. */
export interface OpenOptions extends BytesOptions {
  /** Of a named model: where it is fetched from, and whether. */
  readonly fetch?: FetchOptions | undefined
}

/** A name, or the path of a run, a checkpoint or weights from elsewhere. `onWarning` hears of what is damaged in a run, and
 * what was taken instead. */
export async function openNetwork(
  nameOrPath: string,
  options: OpenOptions,
  onWarning: (message: string) => void,
): Promise<OpenedNetwork> {
  const { normalisation } = options
  if (normalisation) checkPixelScale(normalisation)
  return adapted(await openNamed(nameOrPath, options, onWarning), options)
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

async function openFile(path: string, options: OpenOptions): Promise<OpenedNetwork> {
  return openBytes(await readBytes(path), path, options, {
    createHash: () => createHash('sha256'),
    readHdf5: isolatedHdf5,
    readBeside: readBeside(path),
  })
}
