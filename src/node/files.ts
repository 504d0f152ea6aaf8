// Files that are whole or absent: written beside under another name, flushed to the disk, then renamed into place.
// And the one translation of what a file system complains of into a sentence for a person.

import { createHash, randomBytes } from 'node:crypto'
import { copyFile, type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DenseNetError } from '../errors.js'
import { throwIfAborted } from '../util/abort.js'

const CHUNK = 4 * 1024 * 1024

/** Replaces `path` by `data` (or its parts, one behind the other), or leaves what was there untouched, even when the
 * power goes: at every moment there is a whole file at `path` (once there was one). `keep`: the name under which the
 * file that is replaced goes on. `temporary`: what it is called until it is whole; default: as no other process calls it. */
export async function writeFileAtomically(
  path: string,
  data: string | Uint8Array | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  keep?: string,
  temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`,
): Promise<void> {
  try {
    const file = await open(temporary, 'w')
    try {
      const pieces = typeof data === 'string' || data instanceof Uint8Array ? [data] : data
      for await (const some of gathered(pieces)) await writeParts(file, some)
      await file.sync()
    } finally {
      await file.close()
    }
    if (keep !== undefined) await keepAs(path, keep)
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw writeError(error, path)
  }
}

/** Small pieces together. */
async function* gathered(
  pieces: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<Uint8Array[]> {
  let waiting: Uint8Array[] = []
  let bytes = 0
  for await (const piece of pieces) {
    waiting.push(typeof piece === 'string' ? Buffer.from(piece) : piece)
    bytes += piece.length
    if (bytes < CHUNK) continue
    yield waiting
    waiting = []
    bytes = 0
  }
  yield waiting
}

/** In as few calls as the system needs: a network has thousands of parts. */
async function writeParts(file: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  let left = parts.filter(({ length }) => length > 0)
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left)
    const next = left.findIndex(({ length }) => {
      if (bytesWritten < length) return true
      bytesWritten -= length
      return false
    })
    left = next < 0 ? [] : [left[next]!.subarray(bytesWritten), ...left.slice(next + 1)]
  }
}

/** Makes the file at `path`, if there is one, be known as `keep`, too. */
export async function keepAs(path: string, keep: string): Promise<void> {
  const temporary = `${keep}.new`
  try {
    await rm(temporary, { force: true })
    // A second name for the same file; a copy where the file system has no links.
    await link(path, temporary).catch(error =>
      errorCode(error) === 'ENOENT' ? Promise.reject(error) : copyFile(path, temporary),
    )
    await rename(temporary, keep)
    // Of two names of one file, as a kill leaves them, rename takes away neither.
    await rm(temporary, { force: true })
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw writeError(error, keep)
  }
}

/** A failed write as a sentence. */
export function writeError(error: unknown, path: string): unknown {
  if (errorCode(error) !== 'EFBIG') return fileError(error, `writing ${path}`)
  return new DenseNetError(`${path} would be larger than files may be here`, {
    hint: 'Raise the limit (ulimit -f) or choose a folder on another disk.',
    cause: error,
  })
}

/** Flushes a file that somebody else wrote to the disk. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes a rename in `folder` durable. Not every system can flush a folder; there the rename alone must do. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(folder, 'r')
    await handle.sync()
  } catch {
    // Windows and some network file systems refuse this.
  } finally {
    await handle?.close()
  }
}

/** Reads a file piece by piece; the event loop runs between the pieces. The piece is valid until the next one. */
export async function* readInChunks(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const chunk = new Uint8Array(CHUNK)
    for (;;) {
      throwIfAborted(signal, `reading ${path}`)
      const { bytesRead } = await file.read(chunk, 0, CHUNK)
      if (bytesRead === 0) return
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

export const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    found => found.isFile(),
    () => false,
  )

export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of readInChunks(path, signal)) hash.update(chunk)
  return hash.digest('hex')
}

/** A file system's complaint as one sentence; `doing` completes "... while doing". Other errors pass unchanged. */
export function fileError(error: unknown, doing: string): unknown {
  if (error instanceof DenseNetError) return error
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new DenseNetError(`no space left on the disk while ${doing}`, {
        hint: 'Free some space, or choose a folder on another disk.',
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new DenseNetError(`no permission while ${doing}`, {
        hint: 'Choose a folder you may write to, or change its permissions.',
        cause: error,
      })
    case 'ENOTDIR':
    case 'EEXIST':
      return new DenseNetError(`a file is in the way where a folder is needed, while ${doing}`, { cause: error })
    case 'ENOENT':
      return new DenseNetError(`a file or folder is missing while ${doing}`, { cause: error })
    case 'EISDIR':
    case 'ENOTEMPTY':
      return new DenseNetError(`a folder is in the way where a file is needed, while ${doing}`, { cause: error })
    case 'EIO':
      return new DenseNetError(`the disk reports an error while ${doing}`, { cause: error })
    default:
      if (!(error instanceof Error) || !('syscall' in error)) return error
      return new DenseNetError(`the system refuses (${errorCode(error)}) while ${doing}`, { cause: error })
  }
}

/** True if nothing can be written, wherever the data come from: trying another source would not help. */
export function isDiskTrouble(error: unknown): boolean {
  const cause = error instanceof DenseNetError ? error.cause : error
  return ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EFBIG'].includes(errorCode(cause) ?? '')
}

export function errorCode(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}
