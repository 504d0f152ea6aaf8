// Processes that end when nobody expects it.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { demand, densenet, fresh, goOn, LAST, randomNumbers, recover } from './harness.mjs'

const started = ({ args }, folder) => ['train', ...args, '--json', '--output', folder]
const steps = out => out.split('"type":"step"').length - 1

/** Sends `signal` some milliseconds after so many steps. */
const after = (count, milliseconds, signal) => {
  let sent = false
  return (out, send) => {
    if (sent || steps(out) < count) return
    sent = true
    setTimeout(() => send(signal), milliseconds)
  }
}

/** A run that is killed once, as `options` say, and goes on without a word. */
async function killed(base, options) {
  const folder = fresh()
  const fault = options.fault && { ...options.fault, folder }
  const ended = await densenet(started(base, folder), { ...options, fault })
  demand(ended.signal === 'SIGKILL' || ended.code === 0, 'a killed run ended otherwise', ended)
  const { verdict, err } = await recover(folder, base.undisturbed, base.args)
  demand(err === '', `after a kill there is nothing to warn of: ${err}`)
  return verdict
}

/** One run that is killed again and again: at any time, soon after a step, at or in the middle of a system call. */
async function manyKills({ long, kills, seed }) {
  const folder = fresh()
  const random = randomNumbers(seed)
  let done = 0
  for (;;) {
    const kind = Math.floor(random() * 3)
    const [moment, half] = [random(), random() < 0.3]
    const isBegun = existsSync(join(folder, LAST))
    const args = isBegun ? ['train', '--resume', folder, '--json', '--checkpoint-seconds=0'] : started(long, folder)
    const options =
      done === kills
        ? {}
        : kind === 0
          ? { act: after(0, 1500 * moment, 'SIGKILL') }
          : kind === 1
            ? { act: after(1, 40 * moment, 'SIGKILL') }
            : { fault: { folder, at: 1 + Math.floor(50 * moment), act: half ? 'half' : 'kill' } }
    const ended = await densenet(args, options)
    demand(ended.err === '', 'after a kill there is nothing to warn of', ended)
    if (ended.code === 0) break
    demand(ended.signal === 'SIGKILL', 'a killed run ended otherwise', ended)
    done++
  }
  demand(done === kills, `the run ended after ${done} kills of ${kills}: it needs more steps`)
  await goOn(folder, long.undisturbed)
  return { verdict: 'same', times: done }
}

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }

/** Stopped by one signal, or two with so many milliseconds between. */
async function stopped(base, count, signal, again) {
  const folder = fresh()
  const first = after(count, 0, signal)
  const second = again === undefined ? () => {} : after(count, again, signal)
  const ended = await densenet(started(base, folder), {
    act: (out, send) => {
      first(out, send)
      second(out, send)
    },
  })
  const expected = ended.code === CODES[signal] || ended.signal === signal || ended.code === 0
  demand(expected && ended.err === '', `${signal} ended otherwise`, ended)
  return (await recover(folder, base.undisturbed, base.args)).verdict
}

const range = (count, of) => Array.from({ length: count }, (_, i) => of(i))

/** Those from `from` up to `to`, counted from 1. */
const callsFrom = (from, to) => range(to - from, i => from + i)

export const kills = [
  {
    fault: 'SIGKILL again and again in one run, at random moments',
    trials: context => [() => manyKills(context)],
  },
  {
    fault: 'SIGKILL before every system call from the beginning to the end of the first checkpoint',
    trials: ({ base, few }) => {
      const last = base.trace.findIndex(call => call.startsWith('rename /last.safetensors.new'))
      return few(callsFrom(1, last + 3), 3).map(at => () => killed(base, { fault: { at, act: 'kill' } }))
    },
  },
  {
    fault: 'SIGKILL before the system calls after an epoch: best, kept and last checkpoint',
    trials: ({ base, few }) => {
      const from = base.trace.findIndex(call => call.startsWith('open /best.safetensors.new'))
      const to = base.trace.findIndex((call, k) => k > from && call.startsWith('rename /last.safetensors.new'))
      return few(callsFrom(from, to + 4), 2).map(at => () => killed(base, { fault: { at, act: 'kill' } }))
    },
  },
  {
    fault: 'SIGKILL in the middle of a write',
    trials: ({ base, few, random }) => {
      const writes = base.trace.flatMap((call, i) => (call.startsWith('write') ? [i + 1] : []))
      const some = range(12, () => writes[Math.floor(random() * writes.length)])
      return few([...some, writes[1]], 2).map(at => () => killed(base, { fault: { at, act: 'half' } }))
    },
  },
  {
    fault: 'SIGKILL before the last system calls of a run',
    trials: ({ base, few }) => {
      const { length } = base.trace
      return few(callsFrom(length - 24, length + 1), 2).map(at => () => killed(base, { fault: { at, act: 'kill' } }))
    },
  },
  {
    fault: 'SIGKILL in the first second',
    trials: ({ base, few }) =>
      few(
        range(10, i => 100 * i),
        1,
      ).map(ms => () => killed(base, { act: after(0, ms, 'SIGKILL') })),
  },
  {
    fault: 'SIGKILL while the loader prepares a batch',
    trials: ({ base, few }) =>
      few([1, 5, 9], 1).map(message => () => killed(base, { fault: { act: 'kill', worker: { which: 0, message } } })),
  },
  {
    fault: 'SIGKILL during the evaluation after an epoch',
    trials: ({ base, few }) =>
      few([1, 2, 3, 4, 6], 1).map(
        message => () => killed(base, { fault: { act: 'kill', worker: { which: 1, message } } }),
      ),
  },
  ...['SIGINT', 'SIGTERM', 'SIGHUP'].map(signal => ({
    fault: signal,
    trials: ({ base, few, random }) =>
      few(
        range(4, () => 1 + Math.floor(random() * (base.steps - 2))),
        1,
      ).map(step => () => stopped(base, step, signal)),
  })),
  {
    fault: 'SIGINT twice',
    trials: ({ base, few }) =>
      few(
        range(6, i => 4 * i),
        1,
      ).map(ms => () => stopped(base, 1 + ms / 2, 'SIGINT', ms)),
  },
]
