// densenet dashboard: the runs of a folder as pages of this machine's browser, live.
import { Command } from 'commander'
import { createContext } from '../context.js'
import { wholeOption } from '../options.js'
import { withSignals } from '../signals.js'

interface DashboardFlags {
  readonly port?: number
  readonly json?: boolean
}

export const RUNS_FOLDER = 'runs'

export function dashboardCommand(finish: (exitCode: number) => void): Command {
  return new Command('dashboard')
    .description('watch runs in the browser: curves, mistakes, networks')
    .argument('[folder]', 'a run, or a folder of runs', RUNS_FOLDER)
    .addOption(portOption())
    .option('--json', 'print JSON')
    .option('--debug', 'show where an error came from')
    .addHelpText('after', '\nExamples:\n  densenet dashboard\n  densenet dashboard runs/a --port 8080')
    .action(async (folder: string, flags: DashboardFlags) => finish(await dashboard(folder, flags)))
}

const portOption = () => wholeOption('--port <n>', 'of this machine (127.0.0.1); default: any that is free', 0, 65535)

function dashboard(folder: string, { port, json = false }: DashboardFlags): Promise<number> {
  const { say, out } = createContext({ json })
  return withSignals(
    () => {},
    async request => {
      const { serveDashboard } = await import('../../entries/dashboard.js')
      const { url, close } = await serveDashboard(folder, { port })
      if (json) out.write(`${JSON.stringify({ url, folder })}\n`)
      say(`dashboard of ${folder}: ${url}`)
      say('    Ctrl-C ends it')
      if (!request.signal.aborted) {
        await new Promise(done => request.signal.addEventListener('abort', done, { once: true }))
      }
      await close()
      return request.exitCode
    },
  )
}
