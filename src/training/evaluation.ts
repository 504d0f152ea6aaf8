// Loss and errors over all batches of a source, shared out among ranks: each evaluates every so manieth batch, and all add
// everybody's up, in order.
import type { Session } from '../engine/session.js'
import { gather } from '../ranks/message.js'
import { ALONE, type Ranks } from '../ranks/ranks.js'
import { addMetrics, averageMetrics, type Metrics, NO_METRICS } from './metrics.js'
import { RankingCollector } from './multi-label.js'
import { type Pixels, pixelsOf } from './pixels.js'
import { inRounds, roundsOf } from './rounds.js'
import type { BatchSource } from './source.js'
import { type Evaluator, evaluateOnce } from './views.js'

export interface EvaluatedBy {
  /** Default: each entry of a batch is an image. */
  readonly evaluator?: Evaluator | undefined
  readonly ranks?: Ranks | undefined
  /** After each batch, how many are done; false ends it. One rank's word is enough. */
  readonly goOn?: (batchesDone: number) => boolean
  /** Where every pixel has a label: told of each batch, and which images of the data set it is of. */
  readonly onPixels?: ((pixels: Pixels, indices: ArrayLike<number>) => void) | undefined
  /** Between two rounds: what else is to be told, and what was. */
  readonly news?: News | undefined
}

/** What ranks tell each other on occasion, as JSON. */
export interface News {
  take(): unknown
  hear(all: readonly unknown[]): void
}

export const NO_NEWS: News = { take: () => null, hear: () => {} }

export interface EvaluatedMetrics {
  /** Also the ranking, where images have targets. */
  readonly metrics: Metrics
  /** Where every pixel has a label: [label][predicted] pixels. */
  readonly confusion: readonly number[] | undefined
}

/** Null when it was ended. */
export async function evaluateBatches(
  session: Session,
  source: BatchSource,
  { evaluator = evaluateOnce, ranks = ALONE, goOn = () => true, onPixels, news = NO_NEWS }: EvaluatedBy = {},
): Promise<EvaluatedMetrics | null> {
  let sums = NO_METRICS
  let done = 0
  let ended = false
  const ranking = new RankingCollector()
  const { batchesPerEpoch } = source
  const rounds = roundsOf({ batchesPerEpoch, accumulate: batchesPerEpoch, ranks: ranks.size }, 0)
  for await (const { batch } of inRounds(source, 1, rounds, ranks.rank)) {
    const answers = batch && (await evaluator(session, batch))
    const numbers: ArrayLike<number>[] = answers ? [answers.losses, answers.ranks] : []
    const own = batch && answers ? pixelsOf(session, batch, answers) : undefined
    if (own) numbers.push(own.labels, own.predicted, batch!.indices)
    else if (answers?.several) numbers.push(answers.several.scores, answers.several.targets)
    const facts = { ended, news: ranks.size > 1 ? news.take() : null, classes: own?.classes ?? null }
    const all = await gather(ranks, facts, numbers)
    if (ranks.size > 1) news.hear(all.map(({ facts }) => facts.news))
    if (all.some(({ facts }) => facts.ended)) return null
    for (const { facts, numbers } of all) {
      const [losses, wrong, first, second, indices] = numbers
      if (!losses || !wrong) continue
      const more = first !== undefined && second !== undefined
      const { classes } = facts
      const pixels = more && classes !== null ? { classes, labels: first, predicted: second } : undefined
      sums = addMetrics(sums, losses, wrong, pixels)
      if (pixels && indices) onPixels?.(pixels, indices)
      if (more && !pixels) ranking.add(first, second, losses.length)
      if (!goOn(++done)) ended = true
    }
    if (ended && ranks.size === 1) return null
  }
  return { metrics: { ...averageMetrics(sums), ...ranking.means() }, confusion: sums.confusion }
}
