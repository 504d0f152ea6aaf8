// Asks the server. Its complaints come as an Error with one sentence.
import type { Failure } from '../src/dashboard/api.js'

export type * from '../src/dashboard/api.js'

type Query = Readonly<Record<string, string | number | undefined>>

export class ApiError extends Error {
  constructor(
    { error }: Failure,
    readonly hint: string | undefined,
  ) {
    super(error)
  }
}

/** `path` under /api/, such as "steps". */
export async function ask<T>(path: string, query: Query = {}, init: RequestInit = {}): Promise<T> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]))
  let answer: Response
  try {
    answer = await fetch(`./api/${path}?${search}`, init)
  } catch (cause) {
    if (init.signal?.aborted) throw cause
    throw new ApiError({ error: 'the dashboard does not answer: is it still running?' }, 'densenet dashboard')
  }
  if (answer.ok) return (await answer.json()) as T
  const failure = (await answer.json().catch(() => ({ error: answer.statusText }))) as Failure
  throw new ApiError(failure, failure.hint)
}
