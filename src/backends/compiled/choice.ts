// Which kernels an engine takes.
import type { Precision } from '../../engine/program.js'

/** What is taken for a precision, and why; null: nothing, for the reason that is given. */
export interface Choice {
  readonly precision: Precision
  readonly instructionSet: string | null
  readonly why: string
}
