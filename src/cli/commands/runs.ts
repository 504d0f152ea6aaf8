// densenet runs: which runs there are, and what became of them.
import { Command } from 'commander'
import { findRuns, type RunSummary, summariseRun } from '../../entries/runs.js'
import { createContext } from '../context.js'
import { ago, bytes, table } from '../format.js'
import { type OutputFlags, outputOptions } from '../options.js'
import { judged } from '../scores.js'

export function runsCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('runs')
    .description('list runs: their state, network, data set, epochs and scores, the latest first')
    .argument('[folder]', 'looked through for runs, four levels deep', 'runs')
  for (const option of outputOptions()) command.addOption(option)
  return command
    .addHelpText('after', '\nExamples:\n  densenet runs\n  densenet runs experiments --json')
    .action(async (folder: string, flags: OutputFlags) => finish(await runs(folder, flags)))
}

async function runs(folder: string, flags: OutputFlags): Promise<number> {
  const { out, say } = createContext(flags)
  const found = await Promise.all((await findRuns(folder)).map(summariseRun))
  found.sort((a, b) => (b.updated ?? '').localeCompare(a.updated ?? '') || a.path.localeCompare(b.path))
  if (flags.json) out.write(`${JSON.stringify(found)}\n`)
  else if (found.length === 0) say(`no runs in ${folder}`)
  else say(runTable(found, Date.now()))
  return 0
}

const HEAD = ['run', 'state', 'network', 'data set', 'epochs', 'last', 'best', 'last change', 'size']
const RIGHT = [false, false, false, false, true, true, true, true, true]

/** `now`: milliseconds since 1970. */
function runTable(all: readonly RunSummary[], now: number): string {
  const score = (run: RunSummary, value: RunSummary['last']): string => {
    if (value === null) return ''
    return `${run.on === 'validation' ? 'validation ' : ''}${judged(value)}`
  }
  const rows = all.map(run => [
    run.path,
    run.state,
    run.model,
    run.dataset,
    run.epochs === null ? '' : `${run.epochsDone}/${run.epochs}`,
    score(run, run.last),
    score(run, run.best),
    run.updated === null ? '' : ago((now - Date.parse(run.updated)) / 1000),
    bytes(run.bytes),
  ])
  const problems = all.flatMap(({ problem }) => (problem === null ? [] : [problem]))
  return [table([HEAD, ...rows], RIGHT), ...problems].join('\n')
}
