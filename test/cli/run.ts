// Runs the compiled command line: as a person's shell would, in a process of its own, or, where it matters only what is done
// and said, in one that ran others before. That saves the second that a process takes to start.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const WARM = fileURLToPath(new URL('warm.mjs', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface Options {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Milliseconds, after which it is killed; default: none. */
  readonly limit?: number
}

export interface OptionsAlone extends Options {
  /** Arguments of Node itself. */
  readonly node?: readonly string[]
  /** Told what was printed so far, after every piece. */
  readonly onOutput?: (out: string, child: ChildProcess) => void
}

/** In a process of its own. */
export function densenetAlone(
  args: readonly string[],
  { cwd, env, node = [], limit, onOutput }: OptionsAlone = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...node, MAIN, ...args], {
      cwd,
      timeout: limit,
      killSignal: 'SIGKILL',
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', text => {
      out += text
      onOutput?.(out, child)
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      err += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, out, err }))
  })
}

/** What runs command lines, one after another, and the end of the last one. */
let warm: ChildProcess | null = null
let last: Promise<unknown> = Promise.resolve()

/** In a process that ran others before: without signals, a terminal, arguments of Node. */
export function densenet(args: readonly string[], options: Options = {}): Promise<Finished> {
  const finished = last.then(() => runWarm(args, options))
  last = finished
  return finished
}

function runWarm(args: readonly string[], { cwd, env = {}, limit }: Options): Promise<Finished> {
  const child = warm ?? fork(WARM)
  warm = child
  child.ref()
  child.channel?.ref()
  return new Promise((resolve, reject) => {
    const timer = limit === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), limit)
    const finish = (finished: Finished): void => {
      clearTimeout(timer)
      child.removeAllListeners()
      resolve(finished)
    }
    child.once('message', (finished: Finished) => {
      child.unref() // it ends with this process
      child.channel?.unref()
      finish(finished)
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      warm = null
      finish({ code, signal, out: '', err: 'the process ended that runs command lines' })
    })
    child.send({ args, cwd, env })
  })
}

/** A run of a fraction of a second per epoch: 48 images in 6 steps. */
export const SMALL = [
  ...['--depth=7', '--growth-rate=2', '--initial-channels=2', '--dataset=synthetic', '--backend=reference'],
  ...['--train-limit=48', '--test-limit=16', '--batch-size=8', '--epochs=3', '--lr=0.05', '--loader-threads=1'],
]
