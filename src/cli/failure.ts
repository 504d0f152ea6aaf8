// From an error to what a person sees of it: one sentence, what to do, and the exit code.
import { CommanderError } from 'commander'
import { DenseNetError } from '../errors.js'
import { createTerminal } from './terminal.js'

const EXIT = { usage: 2, failed: 1, aborted: 130 } as const

export interface Failure {
  readonly message: string
  readonly hint: string | undefined
  readonly exitCode: number
}

function failureOf(error: unknown): Failure {
  if (error instanceof DenseNetError) {
    return { message: error.message, hint: error.hint && capitalised(error.hint), exitCode: EXIT[error.code] }
  }
  if (error instanceof CommanderError) return { message: plain(error.message), hint: undefined, exitCode: EXIT.usage }
  const message = error instanceof Error ? error.message : String(error)
  return { message: `unexpected: ${message}`, hint: 'Run it again with --debug to see where.', exitCode: EXIT.failed }
}

/** On standard error; `who`: of several, "rank 2: ". The exit code. */
export function printFailure(error: unknown, who = '', debug = process.argv.includes('--debug')): number {
  const { message, hint, exitCode } = failureOf(error)
  const { red } = createTerminal(process.stderr).colours
  process.stderr.write(`${red('error:')} ${who}${message}\n${hint === undefined ? '' : `       ${hint}\n`}`)
  if (debug) process.stderr.write(`${stackOf(error)}\n`)
  return exitCode
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by: ${stackOf(error.cause)}`
  return `${error.stack}${cause}`
}

/** commander's two lines "error: unknown option '--epohcs'\n(Did you mean --epochs?)" as one. */
function plain(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean /, ' (did you mean ')
    .replaceAll("'", '')
    .replace(/\.$/, '')
}

/** The hint stands on a line of its own; a command keeps its small letter. */
const capitalised = (text: string): string =>
  text.startsWith('densenet ') ? text : text[0]!.toUpperCase() + text.slice(1)
