// A named network's files on this machine: found, or fetched from their public home or a mirror, verified, kept.
//
//   CACHE/models/<name>/<file>         appears whole or not at all, the weights last
//   CACHE/models/<name>/<file>.part    a download that broke off, to be continued
//   CACHE/models/<name>/manifest.json  SHA-256 of what was fetched, where the table does not know it
//   CACHE/models/<name>/.lock          held by the process that is fetching
//
// A mirror serves the same layout: MIRROR/<name>/<file>. Files that a person puts there by hand count as well.
import { mkdir, readFile, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { dataFolder } from '../data/bringing/cache.js'
import { type DownloadOptions, download } from '../data/bringing/download.js'
import { DenseNetError, usageError } from '../errors.js'
import { fileError, isDiskTrouble, sha256OfFile, writeFileAtomically } from '../node/files.js'
import { withLock } from '../node/lock.js'
import { isAborted } from '../util/abort.js'
import type { NamedFile, NamedModel } from './named.js'

/** How a network that has a name is fetched; all of it has defaults. */
export interface FetchOptions {
  /** Fetch nothing: only what is there already counts. Default: the variable DENSENET_OFFLINE, if it is set and not 0. */
  readonly offline?: boolean | undefined
  /** Address that has <name>/<file> for every model, instead of their public homes; default: DENSENET_MIRROR. */
  readonly mirror?: string | undefined
  /** The cache folder; default: $XDG_CACHE_HOME/densenet or ~/.cache/densenet. */
  readonly folder?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Hears what is going on. */
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined
  /** Other networks than those with public homes; for tests. */
  readonly table?: readonly NamedModel[] | undefined
  readonly network?: Pick<DownloadOptions, 'retries' | 'retryPause' | 'connectTimeout' | 'idleTimeout'> | undefined
}

/** What is going on while a network is fetched; `received` and `total` in bytes, null: not known. */
export type FetchProgress =
  | { readonly stage: 'fetching'; readonly file: string; readonly from: string }
  | { readonly stage: 'downloading'; readonly file: string; readonly received: number; readonly total: number | null }
  /** It arrived, but nobody knows what its SHA-256 should be. */
  | { readonly stage: 'unverified'; readonly file: string }
  /** What was in the cache is not what it was. */
  | { readonly stage: 'damaged'; readonly path: string }
  /** Another process is fetching the same model. */
  | { readonly stage: 'waiting' }

const modelFolder = ({ name }: NamedModel, folder?: string): string => join(dataFolder(folder), 'models', name)

/** Where a model's weights lie, or its folder where it has a configuration beside them. */
export const modelPath = (model: NamedModel, folder?: string): string =>
  model.files.length > 1 ? modelFolder(model, folder) : join(modelFolder(model, folder), model.files.at(-1)!.name)

/** Makes sure that all files are there, unaltered; resolves to what openNetwork opens. */
export async function fetchModel(model: NamedModel, options: FetchOptions = {}): Promise<string> {
  const { name, files } = model
  const folder = modelFolder(model, options.folder)
  const mirror = mirrorOf(options)
  const missing = async (): Promise<NamedFile[]> => {
    const there = await Promise.all(files.map(file => isWhole(folder, file, options)))
    return files.filter((_, i) => !there[i])
  }
  const wanting = await missing()
  if (wanting.length === 0) return modelPath(model, options.folder)
  const list = wanting.map(file => file.name).join(' and ')
  if (isOffline(options)) {
    throw new DenseNetError(
      `${name} is not on this machine, and fetching is forbidden (--offline or DENSENET_OFFLINE)`,
      {
        hint: `allow it once, or put ${list} into ${folder}`,
      },
    )
  }
  await mkdir(folder, { recursive: true }).catch(error => {
    throw fileError(error, `creating ${folder}`)
  })
  const fetchAll = async (): Promise<void> => {
    // Another process may have brought them while this one waited.
    for (const file of await missing()) {
      const url = mirror === null ? file.url : `${mirror}/${name}/${file.name}`
      await fetchFile({ ...file, url }, folder, options).catch(error => {
        throw explained(error, `${name} could not be fetched`, `put ${list} into ${folder}`, mirror !== null)
      })
    }
  }
  const onWait = () => options.onProgress?.({ stage: 'waiting' })
  await withLock(join(folder, '.lock'), fetchAll, {
    ...(options.signal ? { signal: options.signal } : {}),
    onWait,
  }).finally(() =>
    // Stays if there is something in it.
    rmdir(folder).catch(() => {}),
  )
  return modelPath(model, options.folder)
}

async function fetchFile(file: NamedFile, folder: string, options: FetchOptions): Promise<void> {
  const { name, url } = file
  options.onProgress?.({ stage: 'fetching', file: name, from: new URL(url).host })
  const { sha256, verified } = await download(file, join(folder, name), {
    ...options.network,
    ...(options.signal ? { signal: options.signal } : {}),
    onProgress: (received, total) => options.onProgress?.({ stage: 'downloading', file: name, received, total }),
  })
  if (!verified && file.name.endsWith('.safetensors')) options.onProgress?.({ stage: 'unverified', file: name })
  if (file.sha256 === null) {
    const manifest = { ...(await readManifest(folder)), [name]: sha256 }
    await writeFileAtomically(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`)
  }
}

function explained(error: unknown, what: string, alternative: string, mirrored: boolean): unknown {
  if (!(error instanceof DenseNetError) || isAborted(error) || isDiskTrouble(error)) return error
  const check = mirrored ? 'check the mirror' : 'check the connection, name a mirror (--mirror)'
  return new DenseNetError(`${what}: ${error.message}`, { hint: `${check}, or ${alternative}`, cause: error })
}

/** Whether the file is there and as it was when it was fetched; a damaged one is taken away. */
async function isWhole(folder: string, file: NamedFile, options: FetchOptions): Promise<boolean> {
  const path = join(folder, file.name)
  const found = await stat(path).catch(() => null)
  if (found === null || !found.isFile()) return false
  const expected = file.sha256 ?? (await readManifest(folder))[file.name]
  const whole =
    (file.size === null || found.size === file.size) &&
    (expected === undefined || (await sha256OfFile(path, options.signal)).startsWith(expected))
  if (whole) return true
  options.onProgress?.({ stage: 'damaged', path })
  if (isOffline(options)) {
    throw new DenseNetError(
      `${path} was altered or damaged, and fetching is forbidden (--offline or DENSENET_OFFLINE)`,
      {
        hint: 'allow fetching once, or replace it',
      },
    )
  }
  await rm(path, { force: true })
  return false
}

const MANIFEST = 'manifest.json'
const manifestSchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/))

/** SHA-256 by file; what cannot be read counts as not known. */
async function readManifest(folder: string): Promise<Readonly<Record<string, string>>> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')))
  } catch {
    return {}
  }
}

const isOffline = ({ offline }: FetchOptions): boolean =>
  offline ?? !['', '0', 'false', 'no'].includes((process.env.DENSENET_OFFLINE ?? '').toLowerCase())

function mirrorOf({ mirror = process.env.DENSENET_MIRROR || undefined }: FetchOptions): string | null {
  if (mirror === undefined) return null
  if (!URL.canParse(mirror) || !/^https?:$/.test(new URL(mirror).protocol)) {
    throw usageError(
      `a mirror is an http or https address, not ${JSON.stringify(mirror)}`,
      'name it by --mirror or DENSENET_MIRROR',
    )
  }
  return mirror.replace(/\/+$/, '')
}

/** Whether a model's weights are on this machine, and how many bytes they have. */
export async function cachedBytes(model: NamedModel, folder?: string): Promise<number | null> {
  const sizes = await Promise.all(
    model.files.map(file => stat(join(modelFolder(model, folder), file.name)).catch(() => null)),
  )
  if (sizes.some(found => found === null || !found.isFile())) return null
  return sizes.reduce((sum, found) => sum + found!.size, 0)
}

/** Takes a model off this machine; says whether there was anything. */
export async function removeModel(model: NamedModel, folder?: string): Promise<boolean> {
  const path = modelFolder(model, folder)
  if ((await stat(path).catch(() => null)) === null) return false
  await rm(path, { recursive: true, force: true }).catch(error => {
    throw fileError(error, `removing ${path}`)
  })
  return true
}
