// The dashboard in a process of its own, beside a training: it takes neither its time nor its memory, and ends with it.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { DenseNetError } from '../errors.js'
import type { Failure } from './api.js'
import type { RunningDashboard } from './serve.js'

const PROCESS = fileURLToPath(new URL('./process.js', import.meta.url))

/** What the process is told, as JSON in its argument. */
export interface DashboardTask {
  readonly folder: string
}

/** What it answers. */
export type DashboardMessage = { readonly url: string } | { readonly failure: Failure }

/** Serves the runs under `folder`, which may come later, until it is closed or this process ends. */
export async function startDashboard(folder: string): Promise<RunningDashboard> {
  const task: DashboardTask = { folder }
  const child = fork(PROCESS, [JSON.stringify(task)], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const message = await new Promise<DashboardMessage>((done, fail) => {
    child.once('message', done)
    child.once('error', fail)
    child.once('exit', code => fail(new DenseNetError(`the dashboard ended early (exit code ${code})`)))
  })
  // It must not keep a training from ending.
  child.unref()
  child.channel?.unref()
  if ('failure' in message) {
    const { error, hint } = message.failure
    throw new DenseNetError(error, hint === undefined ? {} : { hint })
  }
  return {
    url: message.url,
    close: async () => {
      if (child.connected) child.disconnect()
    },
  }
}
