// The command line: a thin user of the public API. Reads as the story of a call: translate, parse, run, or say what is
// wrong. Exit codes: 0, 1 (failed), 2 (wrong usage), 130 (stopped by Ctrl-C).
import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { isFirst } from '../entries/runs.js'
import { createContext } from './context.js'
import { printFailure } from './failure.js'
import { translateOriginalOptions } from './original-options.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

/** Runs a command line, and returns its exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    return await run(args)
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0 // --help, --version
    return printFailure(error, '', args.includes('--debug'))
  }
}

/** In the order of the help. Each brings what it needs, so that none waits for the others'. */
const COMMANDS: Readonly<Record<string, () => Promise<(finish: (exitCode: number) => void) => Command>>> = {
  train: async () => (await import('./commands/train.js')).trainCommand,
  test: async () => (await import('./commands/test.js')).testCommand,
  runs: async () => (await import('./commands/runs.js')).runsCommand,
  compare: async () => (await import('./commands/compare.js')).compareCommand,
  'export-log': async () => (await import('./commands/export-log.js')).exportLogCommand,
  classify: async () => (await import('./commands/classify.js')).classifyCommand,
  segment: async () => (await import('./commands/segment.js')).segmentCommand,
  models: async () => (await import('./commands/models.js')).modelsCommand,
  summary: async () => (await import('./commands/summary.js')).summaryCommand,
  inspect: async () => (await import('./commands/inspect.js')).inspectCommand,
  features: async () => (await import('./commands/features.js')).featuresCommand,
  serve: async () => (await import('./commands/serve.js')).serveCommand,
  convert: async () => (await import('./commands/convert.js')).convertCommand,
  quantize: async () => (await import('./commands/quantize.js')).quantizeCommand,
  dashboard: async () => (await import('./commands/dashboard.js')).dashboardCommand,
  playground: async () => (await import('./commands/playground.js')).playgroundCommand,
  data: async () => (await import('./commands/data.js')).dataCommand,
  preview: async () => (await import('./commands/preview.js')).previewCommand,
  devices: async () => (await import('./commands/devices.js')).devicesCommand,
  bench: async () => (await import('./commands/bench.js')).benchCommand,
}

async function run(args: readonly string[]): Promise<number> {
  const original = args[0] === 'train' ? translateOriginalOptions(args.slice(1)) : null
  let exitCode = 0
  const program = await createProgram(original?.command ?? args[0], code => {
    exitCode = code
  })
  if (args.length === 0) {
    program.outputHelp()
    return 0
  }
  if (original) {
    const { say } = createContext({
      quiet: args.includes('--quiet') || !isFirst(process.env),
      json: args.includes('--json'),
    })
    for (const note of original.notes) say(`note: ${note}`)
  }
  await program.parseAsync(original ? [original.command, ...original.args] : [...args], { from: 'user' })
  return exitCode
}

/** With the command of that name; with all of them if there is none. */
async function createProgram(name: string | undefined, finish: (exitCode: number) => void): Promise<Command> {
  const program = new Command('densenet')
    .description('Train and run DenseNets on a fused native engine.')
    .version(version)
    .addHelpText(
      'after',
      '\nExamples:\n  densenet train --demo\n  densenet train densenet-bc-100-12 --dataset cifar10 --output runs/a\n  densenet test runs/a\n  densenet classify photo.jpg',
    )
  const wanted = name !== undefined && Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]!] : Object.values(COMMANDS)
  for (const load of wanted) program.addCommand((await load())(finish))
  // Errors are printed above, in one shape.
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .showSuggestionAfterError(true)
  }
  return program
}
