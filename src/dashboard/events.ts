// What happens to the runs as server-sent events. An event's id says how far its reader is: one that was away and comes
// back with it (Last-Event-ID) hears what changed since, and everything after a restart of the server.
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { RunList } from './run-list.js'

/** Comments keep what lies between from closing a quiet connection, and notice a reader that is gone. */
const BEAT_MILLISECONDS = 15_000
const RETRY_MILLISECONDS = 1_000

/** Events: `run` (a RunSummary), `gone` (an id), `listed` once all runs there are have been told. */
export function runEvents(context: Context, runs: RunList, instance: string): Response {
  const answer = streamSSE(context, async stream => {
    let wake: () => void = () => {}
    const unlisten = runs.listen(() => wake())
    stream.onAbort(() => {
      unlisten()
      wake()
    })
    const [known, version] = (context.req.header('last-event-id') ?? '').split('/')
    let told = known === instance ? Number(version) || 0 : 0
    await runs.look()
    const id = (): string => `${instance}/${told}`
    const tell = async (): Promise<void> => {
      for (const change of runs.since(told)) {
        told = change.version
        const data = JSON.stringify(change.type === 'run' ? change.run : change.id)
        await stream.writeSSE({ event: change.type, data, id: id() })
      }
    }
    if (told === 0) await stream.writeSSE({ event: 'begin', data: JSON.stringify(runs.folder) })
    await tell()
    await stream.writeSSE({ event: 'listed', data: '', id: id(), retry: RETRY_MILLISECONDS })
    while (!stream.aborted && !stream.closed) {
      const woken = await new Promise<boolean>(resolve => {
        const timer = setTimeout(() => resolve(false), BEAT_MILLISECONDS)
        wake = () => {
          clearTimeout(timer)
          resolve(true)
        }
        if (runs.version > told) wake()
      })
      if (woken) await tell()
      else await stream.write(': \n\n')
    }
    unlisten()
  })
  answer.headers.set('Cache-Control', 'no-store')
  return answer
}
