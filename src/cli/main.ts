#!/usr/bin/env node
// The command line: a thin user of the public API. Reads as the story of a call: translate, parse, run, or say what is
// wrong. Exit codes: 0, 1 (failed), 2 (wrong usage), 130 (stopped by Ctrl-C).
import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { benchCommand } from './commands/bench.js'
import { classifyCommand } from './commands/classify.js'
import { compareCommand } from './commands/compare.js'
import { convertCommand } from './commands/convert.js'
import { dashboardCommand } from './commands/dashboard.js'
import { dataCommand } from './commands/data.js'
import { exportLogCommand } from './commands/export-log.js'
import { featuresCommand } from './commands/features.js'
import { inspectCommand } from './commands/inspect.js'
import { modelsCommand } from './commands/models.js'
import { previewCommand } from './commands/preview.js'
import { runsCommand } from './commands/runs.js'
import { serveCommand } from './commands/serve.js'
import { summaryCommand } from './commands/summary.js'
import { testCommand } from './commands/test.js'
import { trainCommand } from './commands/train.js'
import { createContext } from './context.js'
import { failureOf } from './failure.js'
import { translateOriginalOptions } from './original-options.js'
import { createTerminal } from './terminal.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

async function main(args: readonly string[]): Promise<number> {
  try {
    return await run(args)
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0 // --help, --version
    const { message, hint, exitCode } = failureOf(error)
    const { red } = createTerminal(process.stderr).colours
    process.stderr.write(`${red('error:')} ${message}\n${hint === undefined ? '' : `       ${hint}\n`}`)
    if (args.includes('--debug')) process.stderr.write(`${stackOf(error)}\n`)
    return exitCode
  }
}

async function run(args: readonly string[]): Promise<number> {
  let exitCode = 0
  const program = createProgram(code => {
    exitCode = code
  })
  if (args.length === 0) {
    program.outputHelp()
    return 0
  }
  const original = args[0] === 'train' ? translateOriginalOptions(args.slice(1)) : null
  if (original) {
    const { say } = createContext({ quiet: args.includes('--quiet'), json: args.includes('--json') })
    for (const note of original.notes) say(`note: ${note}`)
  }
  await program.parseAsync(original ? [original.command, ...original.args] : [...args], { from: 'user' })
  return exitCode
}

function createProgram(finish: (exitCode: number) => void): Command {
  const program = new Command('densenet')
    .description('Train and run DenseNets on a fused native engine.')
    .version(version)
    .addHelpText(
      'after',
      '\nExamples:\n  densenet train --demo\n  densenet train densenet-bc-100-12 --dataset cifar10 --output runs/a\n  densenet test runs/a\n  densenet classify photo.jpg',
    )
  const commands = [
    trainCommand,
    testCommand,
    runsCommand,
    compareCommand,
    exportLogCommand,
    classifyCommand,
    modelsCommand,
    summaryCommand,
    inspectCommand,
    featuresCommand,
    serveCommand,
    convertCommand,
    dashboardCommand,
    dataCommand,
    previewCommand,
    benchCommand,
  ]
  for (const make of commands) program.addCommand(make(finish))
  // Errors are printed by main, in one shape.
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .showSuggestionAfterError(true)
  }
  return program
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by: ${stackOf(error.cause)}`
  return `${error.stack}${cause}`
}

// Whoever read our output may go away (`| head`, a closed terminal): what is being done is finished all the same.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
  })
}
process.exitCode = await main(process.argv.slice(2))
