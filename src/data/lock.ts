// One process at a time brings a data set; the others wait and then find it there. The lock is a file with the holder's
// process id, touched every few seconds; a holder that died, here or on another machine, loses it. It only spares
// work: two holders at once would still not break anything, since folders are renamed into place whole.

import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { throwIfAborted } from '../util/abort.js'
import { errorCode, fileError } from '../util/files.js'

const TOUCH_EVERY = 5_000
const STALE_AFTER = 60_000
const LOOK_EVERY = 200

export interface LockOptions {
  readonly signal?: AbortSignal
  /** Called once if somebody else holds the lock. */
  readonly onWait?: () => void
}

/** Runs `work` while holding the lock file `path`. */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const content = `${process.pid} ${hostname()} ${randomBytes(8).toString('hex')}\n`
  let waited = false
  while (!(await tryToTake(path, content))) {
    if (!waited) options.onWait?.()
    waited = true
    throwIfAborted(options.signal, 'waiting for another process to bring the data set')
    await sleep(LOOK_EVERY, undefined, { signal: options.signal }).catch(() => {})
  }
  const touching = setInterval(() => void touch(path), TOUCH_EVERY)
  touching.unref()
  try {
    return await work()
  } finally {
    clearInterval(touching)
    if ((await readLock(path)) === content) await rm(path, { force: true })
  }
}

async function tryToTake(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' })
    return true
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') {
      await rm(path, { force: true }).catch(() => {})
      throw fileError(error, `writing ${path}`)
    }
  }
  const holder = await readLock(path)
  if (holder !== undefined && (await isStale(path, holder))) {
    // Renaming is atomic: of several that notice, one removes it.
    const aside = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
    await rename(path, aside).catch(() => {})
    await rm(aside, { force: true })
    return tryToTake(path, content)
  }
  return false
}

/** Whether a living process holds the lock file `path`. */
export async function isLocked(path: string): Promise<boolean> {
  const holder = await readLock(path)
  return holder !== undefined && !(await isStale(path, holder))
}

async function isStale(path: string, holder: string): Promise<boolean> {
  const [pid, host] = holder.trim().split(' ')
  if (host === hostname() && Number(pid) > 0 && !isRunning(Number(pid))) return true
  try {
    return Date.now() - (await stat(path)).mtimeMs > STALE_AFTER
  } catch {
    return false
  }
}

async function readLock(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now).catch(() => {})
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
