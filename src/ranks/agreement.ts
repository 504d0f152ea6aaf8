// What must be the same on all ranks, or their bits would not be.
import { usageError } from '../errors.js'
import { gather } from './message.js'
import type { Ranks } from './ranks.js'

/** Refuses ranks that differ in any of these; `hint` by the fact's name. */
export async function mustAgree(
  ranks: Ranks,
  facts: Readonly<Record<string, unknown>>,
  hints: Readonly<Record<string, string>> = {},
): Promise<void> {
  const all = (await gather(ranks, facts)).map(({ facts }) => facts)
  for (const [rank, own] of all.entries()) {
    for (const [name, value] of Object.entries(all[0]!)) {
      if (JSON.stringify(own[name]) === JSON.stringify(value)) continue
      throw usageError(
        `rank ${rank} has ${name} ${shown(own[name])}, rank 0 has ${shown(value)}`,
        hints[name] ?? 'give every rank the same command, program and data',
      )
    }
  }
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
