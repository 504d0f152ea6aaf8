// The one error class of the project: what a person did or met, said in a sentence, with what to do about it.

/** `usage`: wrong arguments (exit code 2); `failed`: went wrong later (1); `aborted`: stopped by the user (130). */
export type ErrorCode = 'usage' | 'failed' | 'aborted'

/** An error meant for a person: `message` is one clear sentence, `hint` (if any) says what to do. */
export class DenseNetError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(message: string, options: { code?: ErrorCode; hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'DenseNetError'
    this.code = options.code ?? 'failed'
    this.hint = options.hint
  }
}

/** Wrong usage: a bad value, name or combination. */
export function usageError(message: string, hint?: string): DenseNetError {
  return new DenseNetError(message, { code: 'usage', ...(hint === undefined ? {} : { hint }) })
}

/** "expected <what> for <name>, got <value>": the one shape of a complaint about a parameter. */
export function parameterError(name: string, expected: string, value: unknown, hint?: string): DenseNetError {
  return usageError(`expected ${expected} for ${name}, got ${describe(value)}`, hint)
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'object' && value !== null) return JSON.stringify(value) ?? Object.prototype.toString.call(value)
  return String(value)
}
