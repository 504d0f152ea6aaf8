// What ranks ask each other first: whether they are of one version, who is on whose machine, and whose cores are whose.
import { mustAgree } from '../ranks/agreement.js'
import { gather } from '../ranks/message.js'
import type { Ranks } from '../ranks/ranks.js'

/** A rank's machine, and what of it it may use. */
export interface Seat {
  readonly host: string
  /** As Linux says it: "0-3". */
  readonly cores: string
  /** How many of these there are. */
  readonly available: number
  /** Of the whole machine. */
  readonly processors: number
}

export interface Seated {
  /** The rank's number among those of its machine, and how many they are. */
  readonly local: { readonly rank: number; readonly size: number }
  /** How many threads each should compute with, so that those of one machine share its cores. */
  readonly threads: number
  /** What is not as it should be. */
  readonly warning: string | null
}

/** Refuses ranks of another version. */
export async function meet(ranks: Ranks, version: string, own: Seat): Promise<Seated> {
  await mustAgree(ranks, { version }, { version: 'install the same version of densenet on all machines' })
  const all = (await gather(ranks, own)).map(({ facts }) => facts)
  const neighbours = all.flatMap(({ host }, rank) => (host === own.host ? [rank] : []))
  const local = { rank: neighbours.indexOf(ranks.rank), size: neighbours.length }
  // Those that a launcher has bound have cores of their own; others share all of them.
  const shared = neighbours.every(rank => all[rank]!.cores === own.cores)
  const { available, processors, host } = own
  const bound = available === 1 && processors > local.size
  return {
    local,
    threads: shared ? Math.max(1, Math.floor(available / local.size)) : available,
    warning: bound
      ? `rank ${ranks.rank} is bound to one of the ${processors} cores of ${host}: start with mpirun --bind-to none`
      : null,
  }
}
