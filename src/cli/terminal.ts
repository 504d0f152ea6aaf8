// Where output goes: a terminal of some width, or a file or pipe that must not see control characters.
import pc from 'picocolors'

export interface Terminal {
  /** Whether lines can be written over. */
  readonly live: boolean
  readonly columns: () => number
  /** Whether it breaks its lines anew when it becomes narrower. */
  readonly reflows: boolean
  readonly colours: ReturnType<typeof pc.createColors>
  write(text: string): void
  /** Calls `listener` when the width changes; the result ends that. */
  onResize(listener: () => void): () => void
}

export interface OutputStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
  on?(event: 'resize', listener: () => void): unknown
  off?(event: 'resize', listener: () => void): unknown
}

export function createTerminal(stream: OutputStream, environment: NodeJS.ProcessEnv = process.env): Terminal {
  const given = (name: string): boolean => (environment[name] ?? '') !== ''
  // Services that run jobs keep what is written; some of them call it a terminal.
  const live = stream.isTTY === true && environment.TERM !== 'dumb' && !given('CI')
  // https://no-color.org: any value but the empty one.
  const coloured = live && !given('NO_COLOR')
  return {
    live,
    columns: () => stream.columns || 80,
    // xterm, which names itself, cuts lines off; all others at hand (VTE, kitty, iTerm2, tmux, Windows) break them anew.
    reflows: !given('XTERM_VERSION'),
    colours: pc.createColors(coloured),
    write: text => void stream.write(text),
    onResize: listener => {
      if (!live) return () => {}
      stream.on?.('resize', listener)
      return () => void stream.off?.('resize', listener)
    },
  }
}

/** A text for so many columns. */
export type Fitted = (room: number) => string

/** A line at the bottom that is written over, with finished lines above it. It never fills the last column, where some
 * terminals would begin another line. */
export class StatusLine {
  #shown = ''
  #text: Fitted | null = null
  #unlisten: (() => void) | null = null

  constructor(private readonly terminal: Terminal) {}

  show(text: string | Fitted): void {
    if (!this.terminal.live) return
    this.#text = typeof text === 'string' ? () => text : text
    this.#unlisten ??= this.terminal.onResize(() => this.#draw())
    this.#draw()
  }

  /** A line that stays. */
  print(line: string): void {
    this.clear()
    this.terminal.write(`${line}\n`)
  }

  clear(): void {
    if (this.#shown !== '') this.terminal.write(`${this.#home()}\x1b[K`)
    this.#shown = ''
    this.#text = null
    this.#unlisten?.()
    this.#unlisten = null
  }

  #draw(): void {
    if (this.#text === null) return
    const room = Math.max(0, this.terminal.columns() - 1)
    const text = this.#text(room).slice(0, room)
    if (text === this.#shown && text !== '') return
    this.terminal.write(`${this.#home()}${text}\x1b[K`)
    this.#shown = text
  }

  /** To where the line begins: a terminal that became narrower may have broken it into several. */
  #home(): string {
    const { reflows, columns } = this.terminal
    const above = reflows ? Math.ceil(this.#shown.length / columns()) - 1 : 0
    return above > 0 ? `\r\x1b[${above}A\x1b[J` : '\r'
  }
}
