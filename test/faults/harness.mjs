// What every fault needs: processes that train, what a run came to, and the judgement of it.
import { fork, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const INJECT = new URL('./inject.mjs', import.meta.url).href
const WARM = fileURLToPath(new URL('../cli/warm.mjs', import.meta.url))
export const LAST = 'last.safetensors'
const TIME_LIMIT = 120_000

/** Everything lies in here and is gone at the end. */
export const root = mkdtempSync(join(tmpdir(), 'densenet-faults-'))
const living = new Set()
process.on('exit', () => {
  for (const pid of living) kill(pid, 'SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

let folders = 0
export const fresh = () => join(root, `run-${++folders}`)

export class Violation extends Error {}

export function demand(holds, what, process) {
  if (holds) return
  throw new Violation(
    process ? `${what}\n  ${process.args.join(' ')}\n  exit ${process.code ?? process.signal}: ${process.err}` : what,
  )
}

function kill(pid, signal) {
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended by itself.
  }
}

/** A process group that runs the command line. `act` gets what it printed so far, after every piece and once at the
 * start, and a function that sends a signal to the group. `done` resolves when it has ended. */
export function densenet(args, { fault, env = {}, act = () => {}, shell } = {}) {
  const node = [...(fault ? ['--import', INJECT] : []), MAIN, ...args]
  const [command, given] = shell
    ? ['bash', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, ...node]]
    : [process.execPath, node]
  const child = spawn(command, given, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, NO_COLOR: '1', ...(fault ? { DENSENET_FAULT: JSON.stringify(fault) } : {}) },
  })
  living.add(child.pid)
  let out = ''
  let err = ''
  let hung = false
  const send = signal => kill(child.pid, signal)
  const limit = setTimeout(() => {
    hung = true
    send('SIGKILL')
  }, TIME_LIMIT)
  let failure
  const look = () => {
    try {
      act(out, send)
    } catch (error) {
      failure ??= error
      send('SIGKILL')
    }
  }
  look()
  child.stdout.setEncoding('utf8').on('data', text => {
    out += text
    look()
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    err += text
  })
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      clearTimeout(limit)
      living.delete(child.pid)
      const ended = { args, code, signal, out, err }
      if (hung) ended.err += `\n(ended after ${TIME_LIMIT / 1000} s: it hung)`
      if (failure) reject(failure)
      else resolve(ended)
    })
  })
}

/** Processes that ran command lines and wait for others. */
const idle = []

/** Runs the command line in a process that ran others before: to start one takes as long as a short training. */
function densenetWarm(args, env = {}) {
  const child = idle.pop() ?? fork(WARM)
  return new Promise(resolve => {
    const finish = ended => {
      clearTimeout(limit)
      child.removeAllListeners()
      resolve({ args, ...ended })
    }
    const limit = setTimeout(() => child.kill('SIGKILL'), TIME_LIMIT)
    child.once('message', ended => {
      idle.push(child)
      finish(ended)
    })
    child.once('exit', (code, signal) => finish({ code, signal, out: '', err: 'it ended the process, or hung' }))
    child.send({ args, env: { ...env, NO_COLOR: '1' } })
  })
}

/** Warnings and one error with at most one hint: what a person may be told. */
export const isSentence = ({ code, err }) =>
  (code === 1 || code === 2) && /^(warning: [^\n]+\n)*error: (?!unexpected)[^\n]+\n( {7}[^\n]+\n)?$/.test(err)

export const isQuiet = ({ err }) => /^(warning: [^\n]+\n)*$/.test(err)

/** What a run came to: everything that must not depend on what happened to it. */
export async function outcome(folder) {
  const files = readdirSync(folder).sort()
  const checkpoints = {}
  for (const name of files) {
    if (!/^(last|best|epoch-\d+)\.safetensors$/.test(name)) continue
    checkpoints[name] = await readCheckpoint(join(folder, name)).then(digest, error => `unreadable: ${error.message}`)
  }
  return { files, checkpoints, log: logged(folder) }
}

function digest({ state, config, recipe, progress: { logBytes: _, ...progress }, classes, normalisation }) {
  const hash = createHash('sha256').update(JSON.stringify({ config, recipe, progress, classes, normalisation }))
  for (const values of [state.parameters, state.running, ...Object.values(state.training)]) {
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }
  return hash.digest('hex')
}

/** The figures of every step and epoch in the log, in its order; what is no whole line of JSON, as it is. */
function logged(folder) {
  const path = join(folder, 'log.jsonl')
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .flatMap(line => {
      try {
        const { type, epoch, step, batch, loss, learningRate, train, test, best } = JSON.parse(line)
        return type === 'step' || type === 'epoch'
          ? [{ type, epoch, step, batch, loss, learningRate, train, test, best }]
          : []
      } catch {
        return [line]
      }
    })
}

/** Throws unless both runs came to the same. `but`: what may differ. */
export async function demandSame(folder, undisturbed, but = []) {
  const found = await outcome(folder)
  for (const part of ['files', 'checkpoints', 'log']) {
    if (but.includes(part)) continue
    const [is, should] = [found[part], undisturbed[part]].map(value => JSON.stringify(value))
    demand(is === should, `${part} differ from the undisturbed run's: ${firstDifference(is, should)}`)
  }
  demand(found.checkpoints[LAST] === undisturbed.checkpoints[LAST], 'the last weights differ')
  return found
}

function firstDifference(is, should) {
  let at = 0
  while (is[at] === should[at] && at < is.length) at++
  return `...${is.slice(Math.max(0, at - 40), at + 80)} instead of ...${should.slice(Math.max(0, at - 40), at + 80)}`
}

/** Resumes until the run has ended; nothing but warnings may be said. `same`, or `refused` if that is so. */
export async function goOn(folder, undisturbed, { but, env, args = [] } = {}) {
  const ended = await densenetWarm(['train', '--resume', folder, ...args], env)
  if (isSentence(ended)) return { verdict: 'refused', ...ended }
  demand(ended.code === 0 && isQuiet(ended), 'resuming ended neither well nor with a sentence', ended)
  await demandSame(folder, undisturbed, but)
  return { verdict: 'same', ...ended }
}

/** After a kill: the run goes on, or had not come to its first checkpoint and is begun anew. */
export async function recover(folder, undisturbed, args, options) {
  const again = await goOn(folder, undisturbed, options)
  if (again.verdict === 'same') return again
  demand(
    /stopped before its first checkpoint|there is no folder|holds no run/.test(again.err),
    'a kill ended in a refusal',
    again,
  )
  const anew = await densenet(['train', ...args, '--output', folder], options)
  demand(anew.code === 0 && isQuiet(anew), 'the run could not be begun anew', anew)
  await demandSame(folder, undisturbed)
  return { verdict: 'same', ...anew }
}

export function copyOf(folder) {
  const copy = fresh()
  cpSync(folder, copy, { recursive: true })
  return copy
}

/** Numbers from 0 up to 1, the same ones for a seed (xorshift32). */
export function randomNumbers(seed) {
  let state = (seed * 2654435761) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** At most so many of them, from the first to the last. */
export function thinned(values, most) {
  if (values.length <= most) return values
  return Array.from({ length: most }, (_, i) => values[Math.floor((i * (values.length - 1)) / Math.max(1, most - 1))])
}
