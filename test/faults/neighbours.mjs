// Other processes in the same folder, threads that end, clocks that are wrong.
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { copyOf, demand, densenet, fresh, goOn, isQuiet, isSentence, recover } from './harness.mjs'

async function together({ base, middle }) {
  const folder = copyOf(middle)
  const both = await Promise.all([1, 2].map(() => densenet(['train', '--resume', folder])))
  const good = both.filter(ended => ended.code === 0)
  const rest = both.filter(ended => ended.code !== 0)
  demand(good.length > 0, 'neither of two went on', both[0])
  for (const one of rest) demand(isSentence(one) && /another process is training/.test(one.err), 'no refusal', one)
  await goOn(folder, base.undisturbed)
  return rest.length > 0 ? 'refused' : 'same'
}

async function begunTogether({ base }) {
  const folder = fresh()
  const both = await Promise.all([1, 2].map(() => densenet(['train', ...base.args, '--output', folder])))
  demand(both.filter(({ code }) => code === 0).length === 1, 'two began in one folder', both[0])
  for (const one of both) if (one.code !== 0) demand(isSentence(one), 'no refusal', one)
  await goOn(folder, base.undisturbed)
  return 'refused'
}

/** What may stand in the lock of a process that is no more. */
const began = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[19]
const DEAD = [
  ['a process that is no more', `999999999 ${hostname()} 00 5\n`],
  ['a number that another process has now', `${process.pid} ${hostname()} 00 ${Number(began) - 1}\n`],
  ['a process that did not say when it began, an hour ago', `${process.pid} ${hostname()} 00\n`, 3600],
  ['another machine, an hour ago', '1 elsewhere 00 5\n', 3600],
  ['nothing, an hour ago', '', 3600],
  ['anything, an hour ago', '\u0000\u0001 {', 3600],
]

async function deadOwner({ base, middle }, [, content, age = 0]) {
  const folder = copyOf(middle)
  const lock = join(folder, '.lock')
  writeFileSync(lock, content)
  const then = Date.now() / 1000 - age
  utimesSync(lock, then, then)
  return (await goOn(folder, base.undisturbed)).verdict
}

async function livingOwner({ base, middle }, content) {
  const folder = copyOf(middle)
  writeFileSync(join(folder, '.lock'), content)
  const refused = await densenet(['train', '--resume', folder])
  demand(isSentence(refused) && /another process is training/.test(refused.err), 'no refusal', refused)
  rmSync(join(folder, '.lock'))
  await goOn(folder, base.undisturbed)
  return 'refused'
}

/** The thread that prepares batches ends at its nth message. */
async function withoutLoader({ base }, worker) {
  const folder = fresh()
  const ended = await densenet(['train', ...base.args, '--output', folder], { fault: { worker } })
  demand(isSentence(ended) && /loader thread/.test(ended.err), 'a lost thread is not named', ended)
  await recover(folder, base.undisturbed, base.args)
  return 'refused'
}

async function undisturbedBy({ base, middle }, { args = [], fault }) {
  const folder = fresh()
  const ended = await densenet(['train', ...base.args, ...args, '--output', folder], { fault })
  demand(ended.code === 0 && isQuiet(ended), 'ended otherwise', ended)
  await goOn(folder, base.undisturbed)
  const copy = copyOf(middle)
  const again = await densenet(['train', '--resume', copy, ...args], { fault })
  demand(again.code === 0 && again.err === '', 'ended otherwise', again)
  return (await goOn(copy, base.undisturbed)).verdict
}

/** An empty folder, or one that is not a run's. */
async function foreignFolder({ base }, content) {
  const folder = fresh()
  mkdirSync(folder)
  if (content !== undefined) writeFileSync(join(folder, 'config.json'), content)
  const ended = await densenet(['train', ...base.args, '--output', folder])
  if (content === undefined) {
    demand(ended.code === 0, 'an empty folder is refused', ended)
    return (await goOn(folder, base.undisturbed)).verdict
  }
  demand(
    isSentence(ended) && readFileSync(join(folder, 'config.json'), 'utf8') === content,
    'a stranger was overwritten',
    ended,
  )
  return 'refused'
}

const times = (count, trial) => Array(count).fill(trial)

export const neighbours = [
  {
    fault: 'two processes go on with one run at once',
    trials: context =>
      context.few(
        times(5, () => together(context)),
        1,
      ),
  },
  {
    fault: 'two processes begin in one folder at once',
    trials: context =>
      context.few(
        times(5, () => begunTogether(context)),
        1,
      ),
  },
  {
    fault: 'a lock that a dead process left',
    trials: context => context.few(DEAD, 2).map(dead => () => deadOwner(context, dead)),
  },
  {
    fault: 'a lock that another process holds',
    trials: context => {
      const living = [`${process.pid} ${hostname()} 00 ${began}\n`, '1 elsewhere 00 5\n']
      return context.few(living, 1).map(content => () => livingOwner(context, content))
    },
  },
  {
    fault: 'the loader’s thread ends',
    trials: context => context.few([1, 5, 9], 1).map(message => () => withoutLoader(context, { which: 0, message })),
  },
  {
    fault: 'a clock that goes backwards',
    trials: context => [() => undisturbedBy(context, { fault: { clock: 3_600_000 } })],
  },
  {
    fault: 'a checkpoint every 1e300 seconds, every second, after every step',
    trials: context =>
      context
        .few(['1e300', '1', '0'], 1)
        .map(s => () => undisturbedBy(context, { args: [`--checkpoint-seconds=${s}`] })),
  },
  {
    fault: 'a folder that is empty, or holds a config.json of something else',
    trials: context =>
      context.few([undefined, 'text', '{"name": "app"}'], 2).map(content => () => foreignFolder(context, content)),
  },
]
