// Who trains on which batch. An update is of so many batches; its rounds give each rank at most one of them, in their order.
// With one rank every batch is a round.
import type { Batch } from '../images/dataset.js'
import type { BatchSource } from './source.js'

/** Batches `first` to `end` - 1 of an epoch, from 0: rank r has number first + r. */
export interface Round {
  readonly first: number
  readonly end: number
  /** Whether an update ends with it. */
  readonly update: boolean
}

export interface EpochShape {
  readonly batchesPerEpoch: number
  /** Batches of an update. */
  readonly accumulate: number
  readonly ranks: number
}

/** The rounds of an epoch from a batch on. */
export function roundsOf({ batchesPerEpoch, accumulate, ranks }: EpochShape, from: number): Round[] {
  const rounds: Round[] = []
  for (let first = from; first < batchesPerEpoch; first = rounds.at(-1)!.end) {
    const ofUpdate = Math.min(batchesPerEpoch, (Math.floor(first / accumulate) + 1) * accumulate)
    const end = Math.min(ofUpdate, first + ranks)
    rounds.push({ first, end, update: end === ofUpdate })
  }
  return rounds
}

/** Every round with one's own batch of it: null where there is none, or where none of its images can be read. No other
 * batch is read. */
export async function* inRounds(
  source: BatchSource,
  epoch: number,
  rounds: readonly Round[],
  rank: number,
): AsyncGenerator<{ readonly round: Round; readonly batch: Batch | null }> {
  if (rounds.length === 0) return
  const own = new Set(rounds.flatMap(({ first, end }) => (first + rank < end ? [first + rank] : [])))
  const firstBatch = rounds[0]!.first
  await source.prepare?.(epoch)
  const batches = source.epoch(epoch, { firstBatch, wanted: batch => own.has(batch) })[Symbol.asyncIterator]()
  /** Of a later round. */
  let held: Batch | undefined
  let ended = false
  try {
    for (const round of rounds) {
      const index = round.first + rank
      if (index < round.end && !held && !ended) {
        const next = await batches.next()
        if (next.done) ended = true
        else held = next.value
      }
      const batch = held?.index === index ? held : null
      if (batch) held = undefined
      yield { round, batch }
    }
  } finally {
    await batches.return?.()
  }
}
