// Processes that work together, each with a number: ranks. All that they can do is to exchange bytes; who sends what, and
// what comes of it, is up to their users. So are bits: nothing is ever added up on the way.

/** Processes that share a work, as one of them sees them. */
export interface Ranks {
  /** From 0. Rank 0 speaks and writes for all. */
  readonly rank: number
  readonly size: number
  /** The same among those on one machine. */
  readonly local: { readonly rank: number; readonly size: number }
  /** Gives `outgoing[r]` to rank r and fills `incoming[r]` with what it gives. Both know how long that is; nothing may be
   * sent. On each channel all ranks make the same exchanges in the same order; those of different channels may overlap. */
  exchange(outgoing: readonly Uint8Array[], incoming: readonly Uint8Array[], channel?: number): Promise<void>
}

/** Only one. */
export const ALONE: Ranks = {
  rank: 0,
  size: 1,
  local: { rank: 0, size: 1 },
  async exchange([outgoing], [incoming]) {
    incoming!.set(outgoing!)
  },
}

/** Rank 0 leads. */
export const leads = ({ rank }: Pick<Ranks, 'rank'>): boolean => rank === 0
