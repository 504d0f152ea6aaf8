// The page's reader of events, with a server that refuses: it comes back, and leaves nothing running of what was before.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { clock, connect, connection, folder, runs } from '../../web/live.js'

/** What a browser makes of a connection: refused, it is closed for good. */
class Source extends EventTarget {
  static readonly CLOSED = 2
  static readonly all: Source[] = []
  readyState = 0

  constructor(readonly address: string) {
    super()
    Source.all.push(this)
  }

  tell(name: string, data: unknown): void {
    this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) }))
  }

  refuse(): void {
    this.readyState = Source.CLOSED
    this.dispatchEvent(new Event('error'))
  }
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('EventSource', Source)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('one clock, however often the connection is lost; one source at a time', () => {
  connect()
  expect(vi.getTimerCount()).toBe(1)
  for (let refusals = 1; refusals <= 5; refusals++) {
    Source.all.at(-1)!.refuse()
    expect(connection.value).toBe('lost')
    vi.advanceTimersByTime(1_000)
    expect(Source.all).toHaveLength(refusals + 1)
    expect(Source.all.filter(({ readyState }) => readyState !== Source.CLOSED)).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(1)
  }
  const ticks = vi.fn()
  clock.subscribe(ticks)
  ticks.mockClear()
  vi.advanceTimersByTime(20_000)
  expect(ticks).toHaveBeenCalledTimes(4)

  const last = Source.all.at(-1)!
  expect(last.address).toBe('./api/events')
  last.tell('begin', '/runs')
  last.tell('run', { id: 'a' })
  last.tell('listed', null)
  expect([connection.value, folder.value, [...runs.value.keys()]]).toEqual(['live', '/runs', ['a']])
})
