// What is done with the batches of a round: by one process, or by several of which each has one.
import type { Numbers } from '../engine/backend.js'
import type { Session, StepArguments, StepResult } from '../engine/session.js'
import type { SharedGradient } from '../engine/shared-gradient.js'
import type { Part } from '../engine/sharing.js'
import type { Stretch } from '../engine/update.js'
import type { Batch } from '../images/dataset.js'
import { bytesOf, gather } from '../ranks/message.js'
import type { Ranks } from '../ranks/ranks.js'
import { type Pixels, pixelsOf } from './pixels.js'
import type { Round } from './rounds.js'

/** Of the round; `step` is that of its first batch. */
export interface RoundArguments extends Required<StepArguments> {
  readonly round: Round
  /** Of each rank's batch; 0: it has none. */
  readonly sizes: readonly number[]
}

/** A batch that was trained on. */
export interface Trained extends StepResult {
  readonly index: number
  readonly images: number
  readonly pixels: Pixels | undefined
}

/** Trains on the batches of rounds. */
export interface Steps {
  /** `batch`: one's own. Those of all, in order. */
  round(batch: Batch | null, args: RoundArguments): Promise<Trained[]>
  /** Before a checkpoint in the middle of an update: makes everybody's what is made by stretches. */
  completeSum(): Promise<void>
}

export const stepsOf = (session: Session, ranks: Ranks): Steps =>
  session.shared ? new SharedSteps(session, session.shared, ranks) : alone(session)

const alone = (session: Session): Steps => ({
  async round(batch, { round, sizes, ...args }) {
    if (batch) {
      const result = await session.trainStep(batch, args)
      return [{ index: batch.index, images: batch.size, ...result, pixels: pixelsOf(session, batch, result) }]
    }
    // The batch that was to make the update does not come.
    if (args.update && args.pendingImages > 0) await session.finishUpdate(args)
    return []
  },
  completeSum: async () => {},
})

/** Exchanges of the two halves of a sum may overlap. */
const CHANNELS = { gradients: 1, means: 2, statistics: 3 } as const

/** A part of the gradient on its way. */
interface Journey {
  /** One's own gradient as it is sent, then the mean as it comes. */
  readonly whole: Numbers
  /** One's own stretch of everybody's. */
  readonly stretches: readonly Numbers[]
  sent: Promise<void>
  arrived: boolean
  returned: Promise<void>
}

/** Each rank computes the gradient of its batch; stretch by stretch they are added up, in the order of batches, by one rank
 * each, which gives the mean to all. Every rank makes every exchange, with nothing to send where it has no batch. */
class SharedSteps implements Steps {
  private journeys: Journey[] = []

  constructor(
    private readonly session: Session,
    private readonly shared: SharedGradient,
    private readonly ranks: Ranks,
  ) {}

  async round(batch: Batch | null, args: RoundArguments): Promise<Trained[]> {
    const { shared, session, ranks } = this
    const { round, sizes, seed, update } = args
    const images = args.pendingImages + sum(sizes)
    if (sum(sizes) === 0 && !(update && images > 0)) return []
    await this.prepare()
    let settled = 0
    const settle = async (): Promise<void> => this.settle(settled++, args, images)
    const finished = async (part: number): Promise<void> => {
      await this.send(part, batch !== null, sizes)
      while (settled < part && this.journeys[settled]!.arrived) await settle()
    }
    const step = args.step + sizes.slice(0, ranks.rank).filter(size => size > 0).length
    const result = batch && (await shared.gradient(batch, { seed, step }, finished))
    if (!batch) for (const part of shared.parts.keys()) await finished(part)
    const pixels = batch && result && pixelsOf(session, batch, result)
    const mine = result ? [result.losses, result.ranks, ...(pixels ? [pixels.labels, pixels.predicted] : [])] : []
    const told = gather(ranks, null, mine)
    const statistics = this.shareStatistics(batch !== null, sizes)
    while (settled < shared.parts.length) await settle()
    for (const [rank, own] of (await statistics).entries()) {
      if (sizes[rank]! > 0) await shared.enterStatistics(own, sizes[rank]!)
    }
    const trained: Trained[] = []
    for (const [rank, { numbers }] of (await told).entries()) {
      const [losses, wrong, labels, predicted] = numbers
      if (!losses || !wrong) continue
      const pixels = labels && predicted && { classes: session.architecture.config.classes, labels, predicted }
      trained.push({ index: round.first + rank, images: sizes[rank]!, losses, ranks: wrong, pixels })
    }
    if (update) {
      await this.completeStatistics()
      for (const [part, { whole, returned }] of this.journeys.entries()) {
        await returned
        await shared.write('gradients', wholeOf(shared.parts[part]!), whole)
      }
      await session.update(args)
    }
    return trained
  }

  async completeSum(): Promise<void> {
    await this.prepare()
    for (const [part, stretches] of this.shared.parts.entries()) {
      const { whole } = this.journeys[part]!
      const own = await this.shared.read('accumulated', stretches[this.ranks.rank]!)
      await this.giveToAll(own, stretches, whole)
      await this.shared.write('accumulated', wholeOf(stretches), whole)
    }
    await this.completeStatistics()
  }

  /** One's own stretch of each batch's statistics. */
  private async shareStatistics(own: boolean, sizes: readonly number[]): Promise<readonly Numbers[]> {
    const { shared, ranks } = this
    const stretches = shared.statistics
    if (!stretches) return []
    const { elements } = stretches[ranks.rank]!
    const arrived = await Promise.all(sizes.map(() => shared.read('batchStatistics', { offset: 0, elements })))
    const mine = await Promise.all(stretches.map(stretch => shared.read('batchStatistics', stretch)))
    const outgoing = mine.map(values => (own ? bytesOf(values) : NOTHING))
    const incoming = arrived.map((values, rank) => (sizes[rank]! > 0 ? bytesOf(values) : NOTHING))
    await ranks.exchange(outgoing, incoming, CHANNELS.statistics)
    return arrived
  }

  /** Makes the running statistics everybody's. */
  private async completeStatistics(): Promise<void> {
    const { shared, ranks } = this
    const stretches = shared.statistics
    if (!stretches) return
    const all = await Promise.all(stretches.map(stretch => shared.read('running', stretch)))
    const own = bytesOf(all[ranks.rank]!.slice())
    await ranks.exchange(
      stretches.map(() => own),
      all.map(bytesOf),
      CHANNELS.statistics,
    )
    for (const [rank, stretch] of stretches.entries()) await shared.write('running', stretch, all[rank]!)
  }

  /** Room for what travels, once. */
  private async prepare(): Promise<void> {
    if (this.journeys.length > 0) return
    const sample = await this.shared.read('gradients', { offset: 0, elements: 0 })
    const room = ({ elements }: Stretch): Numbers =>
      sample instanceof Float64Array ? new Float64Array(elements) : new Float32Array(elements)
    this.journeys = this.shared.parts.map(stretches => ({
      whole: room(wholeOf(stretches)),
      stretches: stretches.map(() => room(stretches[this.ranks.rank]!)),
      sent: Promise.resolve(),
      arrived: false,
      returned: Promise.resolve(),
    }))
  }

  /** Sends a part of one's own gradient, each stretch to whom it belongs. */
  private async send(part: number, own: boolean, sizes: readonly number[]): Promise<void> {
    const { shared, ranks } = this
    const journey = this.journeys[part]!
    const stretches = shared.parts[part]!
    if (own) await shared.read('gradients', wholeOf(stretches), journey.whole)
    const outgoing = cut(journey.whole, stretches).map(stretch => (own ? bytesOf(stretch) : NOTHING))
    const incoming = journey.stretches.map((room, rank) => (sizes[rank]! > 0 ? bytesOf(room) : NOTHING))
    journey.arrived = false
    journey.sent = ranks.exchange(outgoing, incoming, CHANNELS.gradients).then(() => {
      journey.arrived = true
    })
  }

  /** Adds a part up, and gives its mean to all where the update is due. */
  private async settle(part: number, { sizes, update, pendingImages }: RoundArguments, images: number): Promise<void> {
    const { shared } = this
    const journey = this.journeys[part]!
    await journey.sent
    let first = pendingImages === 0
    for (const [rank, size] of sizes.entries()) {
      if (size === 0) continue
      await shared.add(part, journey.stretches[rank]!, { images: size, first })
      first = false
    }
    if (!update) return
    const mean = await shared.mean(part, images, journey.stretches[0])
    journey.returned = this.giveToAll(mean, shared.parts[part]!, journey.whole)
  }

  private giveToAll(own: Numbers, stretches: Part, whole: Numbers): Promise<void> {
    const outgoing = stretches.map(() => bytesOf(own))
    return this.ranks.exchange(outgoing, cut(whole, stretches).map(bytesOf), CHANNELS.means)
  }
}

const NOTHING = new Uint8Array(0)

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

function wholeOf(stretches: Part): Stretch {
  return { offset: stretches[0]!.offset, elements: sum(stretches.map(({ elements }) => elements)) }
}

function cut(whole: Numbers, stretches: Part): Numbers[] {
  const [{ offset: start }] = stretches as [Stretch]
  return stretches.map(({ offset, elements }) => whole.subarray(offset - start, offset - start + elements))
}
