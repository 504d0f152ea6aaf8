// Files that are whole or absent: written beside under another name, flushed to the disk, then renamed into place.
// And the one translation of what a file system complains of into a sentence for a person.

import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DenseNetError } from '../errors.js'
import { throwIfAborted } from '../util/abort.js'

const CHUNK = 4 * 1024 * 1024

/** Replaces `path` by `data` (or its parts, one behind the other), or leaves what was there untouched, even when the
 * power goes. */
export async function writeFileAtomically(
  path: string,
  data: string | Uint8Array | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx')
    try {
      if (typeof data === 'string' || data instanceof Uint8Array) await file.writeFile(data)
      else for await (const piece of gathered(data)) await file.writeFile(piece)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw fileError(error, `writing ${path}`)
  }
}

/** Small pieces together in large ones. */
async function* gathered(
  pieces: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = []
  let bytes = 0
  for await (const piece of pieces) {
    const next = typeof piece === 'string' ? Buffer.from(piece) : piece
    waiting.push(next)
    bytes += next.length
    if (bytes < CHUNK) continue
    yield Buffer.concat(waiting)
    waiting = []
    bytes = 0
  }
  yield Buffer.concat(waiting)
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
