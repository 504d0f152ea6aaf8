// Ranks in one process, each a task of its own: for tests, and for whoever wants to see that bits do not depend on their number.
import type { Ranks } from './ranks.js'

/** `size` ranks. An exchange waits for all. */
export function localRanks(size: number): readonly Ranks[] {
  /** What was given and not yet taken, by channel, sender and receiver. */
  const given = new Map<string, Uint8Array[]>()
  const waiting = new Map<string, ((bytes: Uint8Array) => void)[]>()
  const give = (to: string, bytes: Uint8Array): void => {
    const taker = waiting.get(to)?.shift()
    if (taker) taker(bytes)
    else given.set(to, [...(given.get(to) ?? []), bytes])
  }
  const take = (from: string): Promise<Uint8Array> => {
    const there = given.get(from)?.shift()
    if (there) return Promise.resolve(there)
    return new Promise(resolve => waiting.set(from, [...(waiting.get(from) ?? []), resolve]))
  }
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    local: { rank, size },
    async exchange(outgoing, incoming, channel = 0) {
      for (const [to, bytes] of outgoing.entries()) give(`${channel} ${rank} ${to}`, bytes.slice())
      for (const [from, room] of incoming.entries()) {
        const bytes = await take(`${channel} ${from} ${rank}`)
        if (bytes.length !== room.length) {
          throw new Error(`rank ${from} gave rank ${rank} ${bytes.length} bytes, not ${room.length}`)
        }
        room.set(bytes)
      }
    },
  }))
}
