// What every command has at hand: where to print, where to warn.
import type { OutputFlags } from './options.js'
import { createTerminal, type Terminal } from './terminal.js'

export interface Context {
  readonly out: Terminal
  readonly flags: OutputFlags
  /** A line on standard output, unless --quiet or --json. */
  readonly say: (line: string) => void
  /** A sentence on standard error. */
  readonly warn: (message: string) => void
}

/** `who`: of several, whose warnings these are: "rank 2: ". */
export function createContext(flags: OutputFlags, who = ''): Context {
  const out = createTerminal(process.stdout)
  const { yellow } = createTerminal(process.stderr).colours
  return {
    out,
    flags,
    say: line => {
      if (!flags.quiet && !flags.json) out.write(`${line}\n`)
    },
    warn: message => process.stderr.write(`${yellow('warning:')} ${who}${message}\n`),
  }
}
