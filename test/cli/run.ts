// Runs the compiled command line as a person's shell would: a process of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface Options {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Arguments of Node itself. */
  readonly node?: readonly string[]
  /** Milliseconds, after which it is killed; default: none. */
  readonly limit?: number
  /** Told what was printed so far, after every piece. */
  readonly onOutput?: (out: string, child: ChildProcess) => void
}

export function densenet(
  args: readonly string[],
  { cwd, env, node = [], limit, onOutput }: Options = {},
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

/** A run of a fraction of a second per epoch: 48 images in 6 steps. */
export const SMALL = [
  ...['--depth=7', '--growth-rate=2', '--initial-channels=2', '--dataset=synthetic', '--backend=reference'],
  ...['--train-limit=48', '--test-limit=16', '--batch-size=8', '--epochs=3', '--lr=0.05', '--loader-threads=1'],
]
