// The worker that holds a network: it does what the page asks for, and tells what it is to hear meanwhile.
import { DenseNetError } from '../errors.js'
import { calls, change, factsAfter } from './calls.js'
import type { Call, Failure, ToPage, ToWorker } from './messages.js'
import { web } from './platform.js'

const aborts = new Map<number, AbortController>()
const post = (message: ToPage): void => web.postMessage(message)

async function answer({ id, name, args, options, hearing, facts }: Call): Promise<void> {
  const abort = new AbortController()
  aborts.set(id, abort)
  const listeners = hearing.map(tell => [tell, (...said: unknown[]) => post({ id, tell, said })] as const)
  try {
    if (facts) change(facts)
    const call = calls[name as keyof typeof calls] as (...given: unknown[]) => Promise<unknown>
    const asked = { ...options, ...Object.fromEntries(listeners), signal: abort.signal }
    post({ id, result: await call(...args, asked), facts: factsAfter(name) })
  } catch (error) {
    post({ id, failure: failureOf(error) })
  } finally {
    aborts.delete(id)
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof DenseNetError) return { message: error.message, code: error.code, hint: error.hint }
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}

web.onmessage = ({ data }: { readonly data: ToWorker }) => {
  if ('abort' in data) aborts.get(data.id)?.abort()
  else void answer(data)
}
