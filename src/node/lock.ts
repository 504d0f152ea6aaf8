// One process at a time works in a folder: brings a data set, or trains a run. The lock is a file with the holder's process
// id, its host and when it began, touched every few seconds. A holder that died loses it: on this machine at once, even
// when its process id was given anew; on another one after a minute without a touch. Whoever holds it asks `held` before
// a write that a second holder would spoil.

import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { throwIfAborted } from '../util/abort.js'
import { errorCode, fileError } from './files.js'

const TOUCH_EVERY = 5_000
const STALE_AFTER = 60_000
const LOOK_EVERY = 200

export interface LockOptions {
  readonly signal?: AbortSignal
  /** Called once if somebody else holds the lock; `holder`: "process 123 on machine". */
  readonly onWait?: (holder: string) => void
}

export interface Lock {
  /** False when another process took it, which it may after a minute without a touch: a suspended computer. */
  held(): Promise<boolean>
  release(): Promise<void>
}

/** Runs `work` while holding the lock file `path`. */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const lock = await takeLock(path, options)
  try {
    return await work()
  } finally {
    await lock.release()
  }
}

export async function takeLock(path: string, options: LockOptions = {}): Promise<Lock> {
  const began = (await startOf(process.pid)) ?? '-'
  const content = `${process.pid} ${hostname()} ${randomBytes(8).toString('hex')} ${began}\n`
  let waited = false
  for (;;) {
    const holder = await tryToTake(path, content)
    if (holder === null) break
    const [pid, host] = holder.split(' ')
    if (!waited) options.onWait?.(`process ${pid} on ${host}`)
    waited = true
    throwIfAborted(options.signal, 'waiting for another process to bring the data set')
    await sleep(LOOK_EVERY, undefined, { signal: options.signal }).catch(() => {})
  }
  const held = async (): Promise<boolean> => {
    const now = await readLock(path)
    // Somebody tidied up.
    if (now === undefined) return create(path, content).catch(() => false)
    return now === content
  }
  const touching = setInterval(() => void touch(path, content), TOUCH_EVERY)
  touching.unref()
  return {
    held,
    async release() {
      clearInterval(touching)
      // One that stays gives way: its holder is no more.
      if ((await readLock(path)) === content) await rm(path, { force: true }).catch(() => {})
    },
  }
}

/** Null when it is ours now, else what is in it. */
async function tryToTake(path: string, content: string): Promise<string | null> {
  for (;;) {
    if (await create(path, content)) return null
    const holder = await readLock(path)
    if (holder === undefined) continue
    if (!(await isStale(path, holder))) return holder
    // Renaming is atomic: of several that notice, one removes it. Between our look and our renaming another may have
    // done all of that and hold it now: then it is put back.
    const aside = besides(path)
    await rename(path, aside).catch(() => {})
    const moved = await readLock(aside)
    if (moved !== undefined && moved !== holder) await link(aside, path).catch(() => {})
    await rm(aside, { force: true }).catch(() => {})
  }
}

/** False when there is one. Written beside and linked: at no moment is there a lock that does not say whose it is. */
async function create(path: string, content: string): Promise<boolean> {
  const own = besides(path)
  try {
    await writeFile(own, content, { flag: 'wx' })
    await link(own, path).catch(error => {
      // Some file systems have no links.
      if (errorCode(error) === 'EEXIST') throw error
      return writeFile(path, content, { flag: 'wx' })
    })
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw fileError(error, `writing ${path}`)
  } finally {
    await rm(own, { force: true }).catch(() => {})
  }
}

const besides = (path: string): string => `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`

/** Whether a living process holds the lock file `path`. */
export async function isLocked(path: string): Promise<boolean> {
  const holder = await readLock(path)
  return holder !== undefined && !(await isStale(path, holder))
}

async function isStale(path: string, holder: string): Promise<boolean> {
  const [pid, host, , began] = holder.trim().split(' ')
  if (host === hostname() && Number(pid) > 0) {
    if (!isRunning(Number(pid))) return true
    const now = await startOf(Number(pid))
    if (now !== null && began !== undefined && began !== '-') return now !== began
  }
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

async function touch(path: string, content: string): Promise<void> {
  if ((await readLock(path)) !== content) return
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

/** When a process began, in ticks since the machine did: tells it from a later one of the same number. Null where the
 * system does not tell (proc(5) is Linux's). */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // Field 22; the second one, the command in brackets, may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
