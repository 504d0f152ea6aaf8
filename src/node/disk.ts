// Replacing a file that must survive a kill or a full disk: the new one takes its place only when it is whole.
import { copyFile, type FileHandle, link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DenseNetError } from '../errors.js'
import { errorCode, fileError, syncFolder } from './files.js'

/** Writes `parts` under a temporary name, flushes them to the disk and renames. `keep`: the name under which the file
 * that is replaced, if there is one, goes on. At every moment there is a whole file at `path` (once there was one). */
export async function replaceFile(path: string, parts: readonly Uint8Array[], keep?: string): Promise<void> {
  const temporary = `${path}.new`
  try {
    const file = await open(temporary, 'w')
    try {
      await writeParts(file, parts)
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

/** In as few calls as the system needs: a network has thousands of parts. */
async function writeParts(file: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  const left = parts.filter(({ length }) => length > 0)
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left)
    while (left.length > 0 && bytesWritten >= left[0]!.length) bytesWritten -= left.shift()!.length
    if (left.length > 0) left[0] = left[0]!.subarray(bytesWritten)
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
