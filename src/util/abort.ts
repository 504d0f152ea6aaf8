// Stopping on request: one way to turn an AbortSignal into the project's error (code 'aborted', exit code 130).

import { DenseNetError } from '../errors.js'

/** `what` completes "stopped while ...". */
export function abortedError(what: string, hint?: string): DenseNetError {
  return new DenseNetError(`stopped while ${what}`, { code: 'aborted', ...(hint === undefined ? {} : { hint }) })
}

export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw abortedError(what)
}

export function isAborted(error: unknown): boolean {
  return error instanceof DenseNetError && error.code === 'aborted'
}
