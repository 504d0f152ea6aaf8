// Taking the expected files out of an archive: only those, only with their expected sizes, wherever in the archive
// they lie. Nothing an archive says chooses a path or the amount of bytes written.

import { createReadStream, createWriteStream } from 'node:fs'
import { basename } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { unpackTar } from 'modern-tar/fs'
import { DenseNetError } from '../../errors.js'
import { errorCode, fileError } from '../../node/files.js'
import { abortedError } from '../../util/abort.js'

/** Unpacks the named files of a .tar.gz into `folder`, without their folders. `wanted`: file name -> largest size. */
export async function unpackTarGz(
  archive: string,
  wanted: ReadonlyMap<string, number>,
  folder: string,
  signal?: AbortSignal,
): Promise<void> {
  const found = new Set<string>()
  const unpacked = unpackTar(folder, {
    filter: header => {
      const name = basename(header.name)
      const limit = wanted.get(name)
      if (limit === undefined || (header.type ?? 'file') !== 'file' || found.has(name)) return false
      if (header.size > limit) {
        throw new DenseNetError(`${name} in ${archive} is ${header.size} bytes long, at most ${limit} are expected`)
      }
      found.add(name)
      return true
    },
    map: header => ({ ...header, name: basename(header.name) }),
    fmode: 0o644,
  })
  await run(archive, folder, signal, () => pipeline(createReadStream(archive), createGunzip(), unpacked, { signal }))
  const missing = [...wanted.keys()].filter(name => !found.has(name))
  if (missing.length > 0) throw new DenseNetError(`${archive} lacks ${missing.join(', ')}`)
}

/** Unpacks one .gz of at most `limit` bytes. */
export async function gunzipFile(archive: string, target: string, limit: number, signal?: AbortSignal): Promise<void> {
  let written = 0
  const limited = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      written += chunk.length
      if (written <= limit) done(null, chunk)
      else done(new DenseNetError(`${archive} holds more than the expected ${limit} bytes`))
    },
  })
  await run(archive, target, signal, () =>
    pipeline(createReadStream(archive), createGunzip(), limited, createWriteStream(target), { signal }),
  )
}

async function run(
  archive: string,
  target: string,
  signal: AbortSignal | undefined,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (signal?.aborted) throw abortedError(`unpacking ${archive}`)
    const explained = fileError(error, `unpacking ${basename(archive)} to ${target}`)
    if (explained instanceof DenseNetError) throw explained
    const reason = errorCode(error) ?? (error instanceof Error ? error.message : String(error))
    throw new DenseNetError(`${archive} cannot be unpacked (${reason}): it is damaged or not complete`, {
      hint: 'Delete it and run again.',
      cause: error,
    })
  }
}

/** The names of a list of files with their sizes, as unpackTarGz wants them. */
export function sizesByName(files: readonly { name: string; size: number }[]): Map<string, number> {
  return new Map(files.map(file => [file.name, file.size]))
}
