// Bringing a data set: found, or brought from its sources in turn, verified, unpacked beside and renamed into place.

import { mkdir, rm, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DenseNetError } from '../../errors.js'
import { fileError, isDiskTrouble } from '../../node/files.js'
import { withLock } from '../../node/lock.js'
import { isAborted } from '../../util/abort.js'
import { bringFrom, type NetworkOptions } from './bring.js'
import {
  checkNotInTheWay,
  commitDataset,
  dataFolder,
  findDataset,
  type Location,
  listFolder,
  makeTemporaryFolder,
  removeLeftovers,
  verifyFile,
} from './cache.js'
import type { DataProgress } from './progress.js'
import type { DatasetSources, Source } from './sources.js'

export interface PrepareOptions {
  /** The data folder (--data); the user's cache folder if not given. */
  readonly folder?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: DataProgress) => void
  /** Other files and sources than the data set's own; for mirrors and tests. */
  readonly sources?: DatasetSources
  readonly network?: NetworkOptions
}

export interface Prepared {
  readonly folder: string
  /** Where the files came from, now or then. */
  readonly source: string
  /** True if they were there already. */
  readonly cached: boolean
}

/** Makes sure that `name` is there, whole and unaltered; repairs our own cache, but never touches a person's files. */
export async function prepareFiles(name: string, sources: DatasetSources, options: PrepareOptions): Promise<Prepared> {
  const root = dataFolder(options.folder)
  const there = await findVerified(name, root, sources, options)
  if (there !== undefined) return there
  try {
    await mkdir(root, { recursive: true })
  } catch (error) {
    throw fileError(error, `creating ${root}`)
  }
  const bring = async () => {
    // Somebody else may have brought it while we waited.
    const now = await findVerified(name, root, sources, options)
    return now ?? (await bringFiles(name, root, sources, options))
  }
  const onWait = () => options.onProgress?.({ stage: 'waiting' })
  return withLock(join(root, `.${name}.lock`), bring, { signal: options.signal, onWait })
}

/** What to do about a damaged file. */
export function repairHint(name: string, location: Location): string {
  return location.own
    ? `To bring it again: densenet data ${name} (or delete ${location.folder}).`
    : 'These are your own files: replace or move them, then run again.'
}

async function findVerified(
  name: string,
  root: string,
  { files, ...rest }: DatasetSources,
  { signal, onProgress }: PrepareOptions,
): Promise<Prepared | undefined> {
  const location = await findDataset(name, root, { files, ...rest })
  if (location === undefined) return undefined
  onProgress?.({ stage: 'verifying', source: location.source })
  try {
    for (const file of files) await verifyFile(location.folder, file, repairHint(name, location), signal)
    return { folder: location.folder, source: location.source, cached: true }
  } catch (error) {
    if (!location.own || isAborted(error) || !(error instanceof DenseNetError)) throw error
    const next = 'bringing it again'
    onProgress?.({ stage: 'failed', source: location.folder, reason: error.message, next })
    return undefined
  }
}

async function bringFiles(
  name: string,
  root: string,
  sources: DatasetSources,
  options: PrepareOptions,
): Promise<Prepared> {
  const folder = join(root, name)
  await checkNotInTheWay(folder)
  await removeLeftovers(name, root)
  const downloads = join(root, `.${name}.download`)
  const places = [...(await localSources(root, sources)), ...sources.sources]
  const failures: string[] = []
  for (const [i, source] of places.entries()) {
    options.onProgress?.({ stage: 'trying', source: source.title })
    const temporary = await makeTemporaryFolder(name, root)
    try {
      const unpacked = await bringFrom(source, { files: sources.files, temporary, downloads, ...options })
      options.onProgress?.({ stage: 'verifying', source: source.title })
      await commitDataset(name, unpacked, folder, sources.files, source.title, options.signal)
      await rm(downloads, { recursive: true, force: true })
      return { folder, source: source.title, cached: false }
    } catch (error) {
      const explained = fileError(error, `writing to ${root}`)
      if (!(explained instanceof DenseNetError) || isAborted(explained)) throw explained
      if (isDiskTrouble(explained)) {
        await rm(downloads, { recursive: true, force: true })
        throw explained
      }
      // The download's own sentence begins with the host, which is this source's title.
      const reason = explained.message.replace(`${source.title}: `, '')
      failures.push(`${source.title} (${reason})`)
      options.onProgress?.({ stage: 'failed', source: source.title, reason, next: places[i + 1]?.title })
    } finally {
      await rm(temporary, { recursive: true, force: true })
      // Stays if there is something to continue.
      await rmdir(downloads).catch(() => {})
    }
  }
  throw new DenseNetError(`${name} could not be brought: ${failures.join('; ')}`, { hint: whatToDo(root, sources) })
}

function whatToDo(root: string, { files, usualFolders, sources }: DatasetSources): string {
  const install = sources.flatMap(source => (source.kind === 'folder' && source.hint ? [`${source.hint}, `] : []))
  const archives = sources.flatMap(source => (source.kind === 'archive' ? [source.archive.url] : []))
  const put =
    archives.length > 0
      ? `put ${archives.join(' or ')} into ${root}`
      : `put ${files.map(file => (sources.some(({ kind }) => kind === 'plain') ? file.name : `${file.name}.gz`)).join(', ')} into ${join(root, usualFolders[0] ?? '')}`
  return `Check the connection, ${install.join('')}or ${put}; then run again.`
}

/** What a person may have put into the data folder: the official archive, or single gzipped files. */
async function localSources(root: string, { files, usualFolders, sources }: DatasetSources): Promise<Source[]> {
  const found: Source[] = []
  const names = await listFolder(root)
  for (const source of sources) {
    if (source.kind !== 'archive' || !names.includes(archiveName(source.archive.url))) continue
    const path = join(root, archiveName(source.archive.url))
    found.push({ kind: 'local-archive', title: path, path, sha256: source.archive.sha256 })
  }
  for (const folder of [...usualFolders.map(usual => join(root, usual)), root]) {
    const there = await listFolder(folder)
    if (files.every(({ name }) => there.includes(name) || there.includes(`${name}.gz`))) {
      found.push({ kind: 'folder', title: folder, folder })
    }
  }
  return found
}

const archiveName = (url: string): string => basename(new URL(url).pathname)
