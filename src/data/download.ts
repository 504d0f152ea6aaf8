// One file over HTTP, whole or not at all: bytes go to `<target>.part`, which a later try (or a later run) continues by
// a Range request; only a file of the right size and SHA-256 gets the name `target`.

import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { DenseNetError } from '../errors.js'
import { abortedError, throwIfAborted } from '../util/abort.js'
import { errorCode, fileError, isDiskTrouble, sha256OfFile } from '../util/files.js'
import type { RemoteFile } from './sources.js'

export interface DownloadOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (received: number, total: number) => void
  /** How often a transfer that broke off may be taken up again without getting further, and the pause before each
   * (milliseconds). A host that cannot be reached at all is asked once. */
  readonly retries?: number
  readonly retryPause?: number
  /** Milliseconds to wait for the answer's first byte, and for more bytes in the middle. */
  readonly connectTimeout?: number
  readonly idleTimeout?: number
}

/** The transfer broke off after it had begun: worth another try. */
class BrokenTransfer extends Error {}

export async function download(remote: RemoteFile, target: string, options: DownloadOptions = {}): Promise<void> {
  const part = `${target}.part`
  const { signal, retries = 3, retryPause = 1000 } = options
  let resumed = false
  let furthest = 0
  for (let broken = 0; ; ) {
    const had = await sizeOf(part)
    resumed ||= had > 0
    try {
      if (had !== remote.size) await transfer(remote, part, had, options)
    } catch (error) {
      if (error instanceof BrokenTransfer && broken < retries) {
        const reached = await sizeOf(part)
        broken = reached > furthest ? 1 : broken + 1
        furthest = Math.max(furthest, reached)
        await sleep(retryPause, undefined, { signal }).catch(() => {})
        continue
      }
      if (isDiskTrouble(error)) await rm(part, { force: true })
      if (error instanceof BrokenTransfer) {
        throw new DenseNetError(`${error.message}, and so again ${broken} times`, { cause: error })
      }
      throw error
    }
    const sha256 = await sha256OfFile(part, signal)
    if (sha256 === remote.sha256) break
    await rm(part, { force: true })
    // A part left by an earlier run may have been of another file: once more, from the beginning.
    if (!resumed) {
      throw new DenseNetError(
        `${remote.url} has other contents than expected: SHA-256 ${sha256} instead of ${remote.sha256}`,
      )
    }
    resumed = false
  }
  try {
    await rename(part, target)
  } catch (error) {
    throw fileError(error, `writing ${target}`)
  }
}

/** Asks for the bytes from `had` on and writes them to `part`. Returns when the whole size is there. */
async function transfer(remote: RemoteFile, part: string, had: number, options: DownloadOptions): Promise<void> {
  const { signal, connectTimeout = 10_000, idleTimeout = 30_000 } = options
  throwIfAborted(signal, `downloading ${remote.url}`)
  const start = had < remote.size ? had : 0
  const control = new AbortController()
  const stop = () => control.abort()
  signal?.addEventListener('abort', stop, { once: true })
  let timer = setTimeout(stop, connectTimeout)
  let begun = false
  try {
    const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'densenet' }
    if (start > 0) headers.range = `bytes=${start}-`
    const response = await fetch(remote.url, { headers, signal: control.signal })
    const position = startOfBody(response, start)
    if (position === undefined) {
      await response.body?.cancel()
      await rm(part, { force: true })
      throw new BrokenTransfer(`${remote.url} answered the request to continue wrongly`)
    }
    if (response.status !== 200 && response.status !== 206) {
      await response.body?.cancel()
      throw new DenseNetError(`${remote.url} answered ${response.status} ${response.statusText}`.trimEnd())
    }
    const announced = Number(response.headers.get('content-length') ?? remote.size - position)
    if (position + announced !== remote.size) {
      await response.body?.cancel()
      throw new DenseNetError(`${remote.url} is ${position + announced} bytes long instead of ${remote.size}`)
    }
    begun = true
    const file = await open(part, position === 0 ? 'w' : 'r+')
    try {
      let received = position
      for await (const chunk of response.body ?? []) {
        clearTimeout(timer)
        if (received + chunk.length > remote.size) {
          throw new DenseNetError(`${remote.url} sends more than the expected ${remote.size} bytes`)
        }
        await writeAll(file, chunk, received)
        received += chunk.length
        options.onProgress?.(received, remote.size)
        timer = setTimeout(stop, idleTimeout)
      }
      if (received !== remote.size) {
        throw new BrokenTransfer(`${remote.url} broke off after ${received} of ${remote.size} bytes`)
      }
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (signal?.aborted) {
      throw abortedError(`downloading ${remote.url}`, 'What has arrived is kept; the next run continues from there.')
    }
    if (error instanceof DenseNetError || error instanceof BrokenTransfer) throw error
    const explained = fileError(error, `writing ${part}`)
    if (explained instanceof DenseNetError) throw explained
    const timeout = control.signal.aborted
    if (begun) {
      const reason = timeout ? `was silent for ${idleTimeout / 1000} s` : `broke off (${networkReason(error)})`
      throw new BrokenTransfer(`${remote.url} ${reason}`, { cause: error })
    }
    const host = new URL(remote.url).host
    const reason = timeout ? `gave no answer within ${connectTimeout / 1000} s` : networkReason(error)
    throw new DenseNetError(`${host}: ${reason}`, { cause: error })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  }
}

/** The position at which the answer's bytes begin: 0 if the server ignores Range; undefined if it answers nonsense. */
function startOfBody(response: Response, asked: number): number | undefined {
  if (response.status === 416) return undefined
  if (response.status !== 206) return 0
  const from = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]
  return from !== undefined && Number(from) === asked && asked > 0 ? asked : undefined
}

function networkReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  switch (errorCode(cause)) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name was not found'
    case 'ECONNREFUSED':
      return 'the connection was refused'
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return 'the host cannot be reached from here'
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'the connection timed out'
    default:
      return cause instanceof Error ? cause.message : error instanceof Error ? error.message : String(error)
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0
    throw fileError(error, `reading ${path}`)
  }
}
