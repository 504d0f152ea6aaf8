// One holder at a time, and none that is dead.
import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { takeLock, withLock } from '../../dist/node/lock.js'
import { temporaryFolder } from '../data/tiny.js'

const onWait = (): never => {
  throw new Error('held')
}
const HOUR = 3600

async function lockWith(content: string, age = 0): Promise<string> {
  const path = join(await temporaryFolder(), '.lock')
  writeFileSync(path, content)
  const then = Date.now() / 1000 - age
  utimesSync(path, then, then)
  return path
}

test('a lock says whose it is, and leaves nothing', async () => {
  const path = join(await temporaryFolder(), '.lock')
  const lock = await takeLock(path)
  expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid} ${hostname()} [0-9a-f]{16} (\\d+|-)\n$`))
  let holder = ''
  const heard = (who: string): never => {
    holder = who
    return onWait()
  }
  await expect(takeLock(path, { onWait: heard })).rejects.toThrow('held')
  expect(holder).toBe(`process ${process.pid} on ${hostname()}`)
  await lock.release()
  expect(readdirSync(join(path, '..'))).toEqual([])
})

test('of many at once, one at a time works', async () => {
  const path = join(await temporaryFolder(), '.lock')
  let inside = 0
  const work = async (): Promise<void> => {
    expect(++inside).toBe(1)
    await new Promise(resolve => setTimeout(resolve, 5))
    inside--
  }
  await Promise.all(Array.from({ length: 8 }, () => withLock(path, work)))
})

test('many that meet a dead one’s lock: one at a time, too', async () => {
  const path = await lockWith(`999999999 ${hostname()} 00 5\n`)
  let inside = 0
  const work = async (): Promise<void> => {
    expect(++inside).toBe(1)
    await new Promise(resolve => setTimeout(resolve, 5))
    inside--
  }
  await Promise.all(Array.from({ length: 8 }, () => withLock(path, work)))
})

test.each([
  ['a process that is no more', `999999999 ${hostname()} 00 5\n`, 0],
  ['another machine that is silent for an hour', '1 elsewhere 00 5\n', HOUR],
  ['nobody, for an hour', '', HOUR],
  ['nobody known, for an hour', '\0{', HOUR],
])('%s does not hold it', async (_, content, age) => {
  const lock = await takeLock(await lockWith(content, age), { onWait })
  expect(await lock.held()).toBe(true)
  await lock.release()
})

test.runIf(process.platform === 'linux')('a process id that was given anew does not hold it', async () => {
  const lock = await takeLock(await lockWith(`${process.pid} ${hostname()} 00 1\n`), { onWait })
  await lock.release()
})

test('another machine that was there a moment ago holds it', async () => {
  await expect(takeLock(await lockWith('1 elsewhere 00 5\n'), { onWait })).rejects.toThrow('held')
})

test('a living process of this machine holds it however long it was suspended', async () => {
  const path = join(await temporaryFolder(), '.lock')
  const lock = await takeLock(path)
  const then = Date.now() / 1000 - HOUR
  utimesSync(path, then, then)
  if (process.platform === 'linux') await expect(takeLock(path, { onWait })).rejects.toThrow('held')
  await lock.release()
})

test('who lost it knows, and does not delete the lock of the next; a deleted one is made again', async () => {
  const path = join(await temporaryFolder(), '.lock')
  const lock = await takeLock(path)
  rmSync(path)
  expect(await lock.held()).toBe(true)
  writeFileSync(path, '1 elsewhere 00 5\n')
  expect(await lock.held()).toBe(false)
  await lock.release()
  expect(readFileSync(path, 'utf8')).toBe('1 elsewhere 00 5\n')
})
