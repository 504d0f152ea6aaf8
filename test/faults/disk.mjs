// Disks that are full, broken, read-only or gone.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { demand, densenet, fresh, goOn, isSentence, recover } from './harness.mjs'

const mount = (...args) => execFileSync('mount', args, { stdio: 'ignore' })
const unmount = folder => execFileSync('umount', ['-l', folder], { stdio: 'ignore' })

/** Whether file systems of our own can be made: root on Linux. */
const canMount = (() => {
  const folder = fresh()
  mkdirSync(folder)
  try {
    mount('-t', 'tmpfs', '-o', 'size=64k', 'none', folder)
    unmount(folder)
    return true
  } catch {
    return false
  }
})()

/** Runs into an error of the disk, is told so with the folder and what to do, and goes on when it is well again. */
async function broken(base, folder, options, mend = () => {}) {
  const ended = await densenet(['train', ...base.args, '--output', folder], options)
  const survived = ended.code === 0 && ended.err === ''
  demand(survived || (isSentence(ended) && ended.err.includes(folder)), 'an error of the disk is not told', ended)
  mend()
  const { verdict, err } = await recover(folder, base.undisturbed, base.args)
  demand(err === '', `after an error of the disk there is nothing to warn of: ${err}`)
  return verdict
}

async function onSmallDisk(base, kilobytes) {
  const disk = fresh()
  mkdirSync(disk)
  mount('-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'none', disk)
  try {
    return await broken(base, join(disk, 'run'), {}, () => mount('-o', 'remount,size=16m', disk))
  } finally {
    unmount(disk)
  }
}

async function onReadOnlyDisk({ base, middle }) {
  const disk = fresh()
  mkdirSync(disk)
  mount('-t', 'tmpfs', '-o', 'size=16m', 'none', disk)
  try {
    const folder = join(disk, 'run')
    cpSync(middle, folder, { recursive: true })
    mount('-o', 'remount,ro', disk)
    const resumed = await densenet(['train', '--resume', folder])
    const begun = await densenet(['train', ...base.args, '--output', join(disk, 'other')])
    for (const ended of [resumed, begun]) demand(isSentence(ended), 'a read-only disk is not told', ended)
    mount('-o', 'remount,rw', disk)
    await goOn(folder, base.undisturbed)
    return 'refused'
  } finally {
    unmount(disk)
  }
}

/** Something happens to the whole folder once so many steps are made. */
function atStep(count, happen) {
  let done = false
  return out => {
    if (done || out.split('"type":"step"').length - 1 < count) return
    done = true
    happen()
  }
}

async function folderGone(base, step) {
  const folder = fresh()
  // At once, as it were: file by file, new ones would come in between.
  const act = atStep(step, () => {
    renameSync(folder, `${folder}-deleted`)
    rmSync(`${folder}-deleted`, { recursive: true })
  })
  const ended = await densenet(['train', ...base.args, '--json', '--output', folder], { act })
  demand(isSentence(ended) && ended.err.includes(folder), 'a folder that is gone is not told', ended)
  const anew = await densenet(['train', ...base.args, '--output', folder])
  demand(anew.code === 0, 'it cannot be begun anew', anew)
  await goOn(folder, base.undisturbed)
  return 'refused'
}

async function folderMoved(base, step) {
  const folder = fresh()
  const act = atStep(step, () => renameSync(folder, `${folder}-moved`))
  const ended = await densenet(['train', ...base.args, '--json', '--output', folder], { act })
  demand(isSentence(ended) && ended.err.includes(folder), 'a folder that was moved is not told', ended)
  return (await goOn(`${folder}-moved`, base.undisturbed)).verdict
}

/** One or two calls of each kind: an early one and a late one. */
function callsOfEachKind({ trace }) {
  const kinds = new Map()
  trace.forEach((call, i) => {
    const kind = call.replace(/\d+-[0-9a-f]+/, '*')
    kinds.set(kind, [...(kinds.get(kind) ?? []), i + 1])
  })
  return [...kinds.values()].flatMap(calls => (calls.length < 3 ? calls : [calls[1], calls.at(-2)]))
}

const failing = (act, sticky) => ({
  trials: ({ base, few }) =>
    few(callsOfEachKind(base), 3).map(at => () => {
      const folder = fresh()
      return broken(base, folder, { fault: { folder, at, act, sticky } })
    }),
})

export const disk = [
  ...(canMount
    ? [
        {
          fault: 'a disk that gets full, then has room again',
          how: () => 'tmpfs',
          trials: ({ base, few }) =>
            few([4, 8, 16, 28, 36, 48, 60, 72, 80, 88, 100], 3).map(size => () => onSmallDisk(base, size)),
        },
        {
          fault: 'a disk that is read-only',
          how: () => 'tmpfs',
          trials: context => [() => onReadOnlyDisk(context)],
        },
      ]
    : []),
  { fault: 'no room from a call on, then again', how: () => 'ENOSPC, injected', ...failing('ENOSPC', true) },
  {
    fault: 'files may not be larger than so much',
    how: () => 'ulimit -f',
    trials: ({ base, few }) =>
      few([1, 4, 8, 16, 20], 1).map(blocks => () => broken(base, fresh(), { shell: `ulimit -f ${blocks}` })),
  },
  { fault: 'a call that fails', how: () => 'EIO, injected', ...failing('EIO', false) },
  { fault: 'a call that is not permitted', how: () => 'EACCES, injected', ...failing('EACCES', false) },
  {
    fault: 'the folder is deleted during the training',
    trials: ({ base, few }) => few([1, 5, 9], 1).map(step => () => folderGone(base, step)),
  },
  {
    fault: 'the folder is moved during the training',
    trials: ({ base, few }) => few([2, 6, 9], 1).map(step => () => folderMoved(base, step)),
  },
]
