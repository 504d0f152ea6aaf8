// Where output goes: a terminal of some width, or a file or pipe that must not see control characters.
import pc from 'picocolors'

export interface Terminal {
  /** Whether lines can be written over. */
  readonly live: boolean
  readonly columns: () => number
  readonly colours: ReturnType<typeof pc.createColors>
  write(text: string): void
}

export interface OutputStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export function createTerminal(stream: OutputStream, environment: NodeJS.ProcessEnv = process.env): Terminal {
  const live = stream.isTTY === true && environment.TERM !== 'dumb'
  // https://no-color.org: any value but the empty one.
  const coloured = live && (environment.NO_COLOR ?? '') === ''
  return {
    live,
    columns: () => stream.columns ?? 80,
    colours: pc.createColors(coloured),
    write: text => void stream.write(text),
  }
}

/** A line at the bottom that is written over, with finished lines above it. */
export class StatusLine {
  #shown = ''

  constructor(private readonly terminal: Terminal) {}

  show(text: string): void {
    if (!this.terminal.live || text === this.#shown) return
    this.terminal.write(`\r${text}\x1b[K`)
    this.#shown = text
  }

  /** A line that stays. */
  print(line: string): void {
    this.clear()
    this.terminal.write(`${line}\n`)
  }

  clear(): void {
    if (this.#shown !== '') this.terminal.write('\r\x1b[K')
    this.#shown = ''
  }
}
