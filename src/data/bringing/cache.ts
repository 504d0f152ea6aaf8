// The data folder: one folder per data set, which appears whole or not at all.
//
//   DIR/<name>/                the unpacked files and, written last, manifest.json
//   DIR/.<name>.lock           held by the process that is bringing the data set (lock.ts)
//   DIR/.<name>.download/      downloads that broke off, to be continued
//   DIR/.<name>.<pid>-<x>.tmp/ being unpacked; left over after a kill, removed by the next one to bring it
//
// DIR is --data, or $XDG_CACHE_HOME/densenet, or ~/.cache/densenet.

import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { DenseNetError } from '../../errors.js'
import { cacheFolder } from '../../node/cache-folder.js'
import {
  errorCode,
  fileError,
  readInChunks,
  sha256OfFile,
  syncFile,
  syncFolder,
  writeFileAtomically,
} from '../../node/files.js'
import { isRunning } from '../../node/lock.js'
import type { DataFile, DatasetSources } from './sources.js'

const MANIFEST = 'manifest.json'

/** What lies in a data set's folder and where it came from. */
export interface Manifest {
  readonly format: 1
  readonly dataset: string
  readonly source: string
  readonly files: readonly { readonly name: string; readonly size: number; readonly sha256: string }[]
}

/** A data set found on this machine. `own`: it lies in our cache folder, so we may replace it. */
export interface Location {
  readonly folder: string
  readonly source: string
  readonly own: boolean
}

export function dataFolder(folder?: string): string {
  return folder === undefined ? cacheFolder() : resolve(folder)
}

/** Finds the data set in our own folder, or where people usually have it. Looks at names only, not at contents. */
export async function findDataset(name: string, root: string, sources: DatasetSources): Promise<Location | undefined> {
  const own = join(root, name)
  const manifest = await readManifest(own)
  if (manifest !== undefined) return { folder: own, source: manifest.source, own: true }
  for (const folder of [own, ...sources.usualFolders.map(usual => join(root, usual)), root]) {
    const names = await listFolder(folder)
    if (sources.files.every(file => names.includes(file.name))) {
      return { folder, source: `your own files in ${folder}`, own: false }
    }
  }
  return undefined
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8'))
    if (typeof manifest === 'object' && manifest !== null && 'source' in manifest) return manifest as Manifest
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    if (!(error instanceof SyntaxError)) throw fileError(error, `reading ${folder}`)
  }
  // There is a manifest, so the folder is ours, even if the manifest itself is damaged.
  return { format: 1, dataset: '', source: 'the cache', files: [] }
}

export async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return []
    throw fileError(error, `reading ${folder}`)
  }
}

/** Reads one file, checking size and SHA-256; `hint` says what to do when it is not as it should be. */
export async function readVerified(
  folder: string,
  file: DataFile,
  hint: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(file.size)
  let position = 0
  for await (const chunk of readVerifiedInChunks(folder, file, hint, signal)) {
    bytes.set(chunk.subarray(0, file.size - position), position)
    position += chunk.length
  }
  return bytes
}

/** The same piece by piece; what is wrong with the SHA-256 is known only at the end. */
export async function* readVerifiedInChunks(
  folder: string,
  file: DataFile,
  hint: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const path = join(folder, file.name)
  await checkSize(path, file, hint)
  const hash = createHash('sha256')
  try {
    for await (const chunk of readInChunks(path, signal)) {
      hash.update(chunk)
      yield chunk
    }
  } catch (error) {
    throw fileError(error, `reading ${path}`)
  }
  checkHash(path, file, hash.digest('hex'), hint)
}

export async function verifyFile(folder: string, file: DataFile, hint: string, signal?: AbortSignal): Promise<void> {
  const path = join(folder, file.name)
  await checkSize(path, file, hint)
  checkHash(path, file, await sha256OfFile(path, signal), hint)
}

async function checkSize(path: string, file: DataFile, hint: string): Promise<void> {
  let size: number
  try {
    size = (await stat(path)).size
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileError(error, `reading ${path}`)
    throw new DenseNetError(`${path} is missing`, { hint, cause: error })
  }
  if (size !== file.size) {
    throw new DenseNetError(`${path} is ${size} bytes long, expected ${file.size}: it is not whole`, { hint })
  }
}

function checkHash(path: string, file: DataFile, found: string, hint: string): void {
  if (found === file.sha256) return
  throw new DenseNetError(`${path} was altered or damaged: its SHA-256 is ${found}, expected ${file.sha256}`, { hint })
}

/** A new empty folder beside the one that will be: same disk, so that a rename puts it in place. */
export async function makeTemporaryFolder(name: string, root: string): Promise<string> {
  const folder = join(root, `.${name}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`)
  try {
    await mkdir(folder)
  } catch (error) {
    throw fileError(error, `creating ${folder}`)
  }
  return folder
}

/** Removes what killed processes left behind. */
export async function removeLeftovers(name: string, root: string): Promise<void> {
  for (const entry of await listFolder(root)) {
    if (!entry.startsWith(`.${name}.`) || !entry.endsWith('.tmp')) continue
    const pid = Number.parseInt(entry.slice(name.length + 2), 10)
    if (!(pid > 0) || pid === process.pid || isRunning(pid)) continue
    await rm(join(root, entry), { recursive: true, force: true })
  }
}

/** Verifies the files in `temporary` (in a folder of makeTemporaryFolder), writes the manifest, and puts all of it in
 * place of `folder`. */
export async function commitDataset(
  name: string,
  temporary: string,
  folder: string,
  files: readonly DataFile[],
  source: string,
  signal?: AbortSignal,
): Promise<void> {
  for (const file of files) await verifyFile(temporary, file, 'Try another source.', signal)
  const manifest: Manifest = {
    format: 1,
    dataset: name,
    source,
    files: files.map(({ name, size, sha256 }) => ({ name, size, sha256 })),
  }
  try {
    for (const file of files) await syncFile(join(temporary, file.name))
    await writeFileAtomically(join(temporary, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`)
    await syncFolder(temporary)
    await replaceFolder(temporary, folder)
    await syncFolder(dirname(folder))
  } catch (error) {
    throw fileError(error, `writing ${folder}`)
  }
}

async function replaceFolder(temporary: string, folder: string): Promise<void> {
  const manifest = await readManifest(folder)
  if (manifest !== undefined) {
    // A folder cannot be renamed onto a full one: ours, which is damaged, steps aside first.
    const aside = join(dirname(temporary), 'replaced')
    await rename(folder, aside)
    await rename(temporary, folder)
    return
  }
  await checkNotInTheWay(folder)
  await rename(temporary, folder)
}

/** Never replaces what is not ours. */
export async function checkNotInTheWay(folder: string): Promise<void> {
  if ((await readManifest(folder)) !== undefined || (await listFolder(folder)).length === 0) return
  throw new DenseNetError(`${folder} is in the way: it is not empty, and it is not a complete data set`, {
    hint: 'Move it away, or choose another folder with --data.',
  })
}
