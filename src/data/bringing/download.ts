// One file over HTTP, whole or not at all: bytes go to `<target>.part`, which a later try (or a later run) continues by
// a Range request; only a file of the right size and SHA-256 gets the name `target`. Where neither the caller nor the
// server knows the SHA-256, a file is taken as it comes, and never put together from the parts of two runs.

import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { DenseNetError } from '../../errors.js'
import { errorCode, fileError, isDiskTrouble, sha256OfFile } from '../../node/files.js'
import { abortedError, throwIfAborted } from '../../util/abort.js'

/** Something to download, and what is known of it. */
export interface Remote {
  readonly url: string
  /** In bytes; null: whatever the server says. */
  readonly size: number | null
  /** In hexadecimal, whole or its first digits; null: what the server announces (Hugging Face does), if anything. */
  readonly sha256: string | null
}

/** What was downloaded. */
export interface Downloaded {
  readonly size: number
  /** In full. */
  readonly sha256: string
  /** Whether that is the one that was expected; false: there was nothing to compare with. */
  readonly verified: boolean
}

export interface DownloadOptions {
  readonly signal?: AbortSignal
  /** `total` is null where nobody knows it. */
  readonly onProgress?: (received: number, total: number | null) => void
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

export async function download(remote: Remote, target: string, options: DownloadOptions = {}): Promise<Downloaded> {
  const part = `${target}.part`
  const { signal, retries = 3, retryPause = 1000 } = options
  const known: Known = { size: remote.size, sha256: remote.sha256, own: false }
  let resumed = false
  let furthest = 0
  let sha256: string
  for (let broken = 0; ; ) {
    const had = await sizeOf(part)
    resumed ||= had > 0
    try {
      if (had !== known.size) await transfer(remote.url, known, part, had, options)
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
    sha256 = await sha256OfFile(part, signal)
    if (sha256.startsWith(known.sha256 ?? '')) break
    await rm(part, { force: true })
    // A part left by an earlier run may have been of another file: once more, from the beginning.
    if (!resumed) {
      throw new DenseNetError(
        `${remote.url} has other contents than expected: SHA-256 ${sha256} instead of ${known.sha256}${(known.sha256?.length ?? 0) < 64 ? '...' : ''}`,
      )
    }
    resumed = false
  }
  try {
    await rename(part, target)
  } catch (error) {
    throw fileError(error, `writing ${target}`)
  }
  return { size: await sizeOf(target), sha256, verified: known.sha256 !== null }
}

/** What is known of a file so far; answers of the server complete it. */
interface Known {
  size: number | null
  sha256: string | null
  /** Whether the part was begun in this run. */
  own: boolean
}

/** Asks for the bytes from `had` on and writes them to `part`. Returns when the whole size is there. */
async function transfer(url: string, known: Known, part: string, had: number, options: DownloadOptions): Promise<void> {
  const { signal, connectTimeout = 10_000, idleTimeout = 30_000 } = options
  throwIfAborted(signal, `downloading ${url}`)
  const start = known.size === null || had < known.size ? had : 0
  const control = new AbortController()
  const stop = () => control.abort()
  signal?.addEventListener('abort', stop, { once: true })
  let timer = setTimeout(stop, connectTimeout)
  let begun = false
  try {
    const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'densenet' }
    if (start > 0) headers.range = `bytes=${start}-`
    const response = await ask(url, headers, control.signal, known)
    const position = startOfBody(response, start)
    const foreign = start > 0 && known.sha256 === null && !known.own
    if (position === undefined || (foreign && position > 0)) {
      await response.body?.cancel()
      await rm(part, { force: true })
      throw new BrokenTransfer(`${url} answered the request to continue wrongly`)
    }
    if (response.status !== 200 && response.status !== 206) {
      await response.body?.cancel()
      throw new DenseNetError(`${url} answered ${response.status} ${response.statusText}`.trimEnd())
    }
    const length = response.headers.get('content-length')
    const announced = length === null ? known.size : position + Number(length)
    known.size ??= announced
    const { size } = known
    if (announced !== size) {
      await response.body?.cancel()
      throw new DenseNetError(`${url} is ${announced} bytes long instead of ${size}`)
    }
    begun = true
    known.own = true
    const file = await open(part, position === 0 ? 'w' : 'r+')
    try {
      let received = position
      for await (const chunk of response.body ?? []) {
        clearTimeout(timer)
        if (size !== null && received + chunk.length > size) {
          throw new DenseNetError(`${url} sends more than the expected ${size} bytes`)
        }
        await writeAll(file, chunk, received)
        received += chunk.length
        options.onProgress?.(received, size)
        timer = setTimeout(stop, idleTimeout)
      }
      if (size !== null && received !== size) {
        throw new BrokenTransfer(`${url} broke off after ${received} of ${size} bytes`)
      }
      known.size = received
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (signal?.aborted) {
      throw abortedError(`downloading ${url}`, 'What has arrived is kept; the next run continues from there.')
    }
    if (error instanceof DenseNetError || error instanceof BrokenTransfer) throw error
    const explained = fileError(error, `writing ${part}`)
    if (explained instanceof DenseNetError) throw explained
    const timeout = control.signal.aborted
    if (begun) {
      const reason = timeout ? `was silent for ${idleTimeout / 1000} s` : `broke off (${networkReason(error)})`
      throw new BrokenTransfer(`${url} ${reason}`, { cause: error })
    }
    const host = new URL(url).host
    const reason = timeout ? `gave no answer within ${connectTimeout / 1000} s` : networkReason(error)
    throw new DenseNetError(`${host}: ${reason}`, { cause: error })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

const MOST_REDIRECTS = 10

/** Follows redirects by itself: what Hugging Face says of a file's SHA-256 stands in the answer that redirects. */
async function ask(
  first: string,
  headers: Record<string, string>,
  signal: AbortSignal,
  known: Known,
): Promise<Response> {
  let url = first
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await fetch(url, { headers, signal, redirect: 'manual' })
    known.sha256 ??= /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(response.headers.get('x-linked-etag') ?? '')?.[1] ?? null
    const location = response.headers.get('location')
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return response
    await response.body?.cancel()
    const next = URL.canParse(location, url) ? new URL(location, url) : null
    if (next === null || !/^https?:$/.test(next.protocol) || (url.startsWith('https:') && next.protocol !== 'https:')) {
      throw new DenseNetError(`${first} leads to ${location}, where no file is fetched from`)
    }
    url = next.href
  }
  throw new DenseNetError(`${first} leads from one address to another, more than ${MOST_REDIRECTS} times`)
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
