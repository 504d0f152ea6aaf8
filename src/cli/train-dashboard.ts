// densenet train --dashboard: the pages that show the run, for as long as it trains.
import { isAbsolute, relative, resolve, sep } from 'node:path'
import { startDashboard } from '../entries/dashboard.js'
import { RUNS_FOLDER } from './commands/dashboard.js'
import type { Job } from './train-job.js'

/** Starts it if it was asked for, and says where it is. A run under runs/ is shown among the others there. */
export async function showDashboard(output: string, { flags, context, later }: Job): Promise<void> {
  if (!flags.dashboard) return
  const within = relative(RUNS_FOLDER, output)
  const isRun = within !== '' && !within.startsWith('..') && !isAbsolute(within)
  const { url, close } = await startDashboard(resolve(isRun ? RUNS_FOLDER : output))
  later(close)
  const run = isRun ? within.split(sep).join('/') : '.'
  const address = `${url}#/curves?${new URLSearchParams({ run })}`
  if (flags.json) context.out.write(`${JSON.stringify({ type: 'dashboard', url: address })}\n`)
  context.say(`dashboard: ${address}`)
}
