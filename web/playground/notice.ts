// What the page has to say: that something is done, or why it is not.
import { signal } from '@preact/signals'

export interface Notice {
  readonly kind: 'said' | 'wrong'
  readonly text: string
  readonly hint?: string | undefined
}

export const notice = signal<Notice | null>(null)

export function say(text: string): void {
  notice.value = { kind: 'said', text }
}

export function complain(error: unknown): void {
  console.error(error)
  const { message, hint } = error as { message: string; hint?: string }
  notice.value = { kind: 'wrong', text: message, hint }
}

/** For handlers of events: does it, and says what went wrong. */
export const attempt = (work: () => unknown): void => {
  Promise.resolve()
    .then(work)
    .catch(error => complain(error))
}
