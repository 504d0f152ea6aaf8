// An answer of the server for as long as a component shows it.
import { type Signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { type ApiError, ask } from './api.js'

export interface Answer<T> {
  readonly value: T | null
  readonly failure: ApiError | null
}

/** Asked anew when `query` is another one, or `when` is; the old answer stays until the new one is there. */
export function useAnswer<T>(path: string, query: Readonly<Record<string, string>>, when: unknown = ''): Answer<T> {
  const answer: Signal<Answer<T>> = useSignal<Answer<T>>({ value: null, failure: null })
  const key = `${JSON.stringify(query)} ${when}`
  useEffect(() => {
    const stop = new AbortController()
    ask<T>(path, query, { signal: stop.signal }).then(
      value => {
        answer.value = { value, failure: null }
      },
      (failure: ApiError) => {
        if (!stop.signal.aborted) answer.value = { value: null, failure }
      },
    )
    return () => stop.abort()
  }, [path, key])
  return answer.value
}
