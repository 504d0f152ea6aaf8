// The runs as they are now: a reader of the server's events. The browser comes back by itself with the last event's id
// when the connection is lost, and the server tells what changed since.
import { computed, signal } from '@preact/signals'
import type { RunSummary } from './api.js'

export type Connection = 'connecting' | 'live' | 'lost'

export const connection = signal<Connection>('connecting')
/** The served folder. */
export const folder = signal('')
/** Whether all runs that there are have been told. */
export const listed = signal(false)
export const runs = signal<ReadonlyMap<string, RunSummary>>(new Map())

export const runList = computed(() => [...runs.value.values()])
/** Ticks every few seconds, for ages. */
export const clock = signal(Date.now())

/** What is told before `listed` is shown at once, lest a hundred runs are drawn one by one. */
let pending: Map<string, RunSummary> | null = new Map()

/** Follows the server as long as the page is open; to be called once. */
export function connect(): void {
  setInterval(() => {
    clock.value = Date.now()
  }, 5_000)
  listen()
}

function listen(): void {
  const source = new EventSource('./api/events')
  source.addEventListener('open', () => {
    connection.value = 'live'
  })
  source.addEventListener('error', () => {
    connection.value = 'lost'
    // A server that was restarted may refuse for a moment; some browsers then give up.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 1_000)
  })
  source.addEventListener('begin', event => {
    pending = new Map()
    folder.value = JSON.parse(event.data) as string
  })
  source.addEventListener('run', event => {
    const run = JSON.parse(event.data) as RunSummary
    if (pending) pending.set(run.id, run)
    else runs.value = new Map(runs.value).set(run.id, run)
  })
  source.addEventListener('gone', event => {
    const left = new Map(runs.value)
    left.delete(JSON.parse(event.data) as string)
    runs.value = left
  })
  source.addEventListener('listed', () => {
    if (pending) runs.value = pending
    pending = null
    listed.value = true
    connection.value = 'live'
  })
}
