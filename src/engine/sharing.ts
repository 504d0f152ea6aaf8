// A gradient whose batches are shared out among processes. The gradient program becomes segments, each of which finishes a
// part of the gradient, so that this can travel while the rest is computed. Each part is cut into stretches, one for each
// process, which adds the batches' gradients up there, in order: with the kernel, and so to the bits, of one process that
// has all the batches. Batch statistics are kept apart and enter the running ones in the same order.
import type { ParameterTable } from '../model/parameters.js'
import type { KernelCall, Ref, RunningStatistics } from './kernels.js'
import { bufferOf, operandsOf } from './operands.js'
import type { Program } from './program.js'
import { planBlend, type Stretch } from './update.js'

/** Which of so many processes. */
export interface Share {
  readonly rank: number
  readonly ranks: number
}

/** Of a part of the gradient: what each process adds up. */
export type Part = readonly Stretch[]

export interface SharingPrograms {
  /** Together they are the gradient program; each finishes a part. */
  readonly segments: readonly Program[]
  readonly parts: readonly Part[]
  /** Of one's own stretch of each part; null where that is empty. */
  readonly sums: readonly ({ readonly add: Program; readonly mean: Program } | null)[]
  readonly statistics: SharedStatistics | null
}

/** Whoever has a stretch of the running statistics enters those of all batches there; null where all norms are frozen. */
export interface SharedStatistics {
  readonly stretches: Part
  /** Of one's own; null where that is empty. */
  readonly enter: Program | null
}

/** At most so many parts, and none much smaller than this: each costs a message to everybody. */
const MOST_PARTS = 8
const LEAST_ELEMENTS = 32 * 1024
/** Stretches begin at whole cache lines. */
const ALIGNMENT = 16

export function planSharing(
  gradient: Program,
  { parameters, parameterCount }: ParameterTable,
  frozen: ReadonlySet<string>,
  { rank, ranks }: Share,
): SharingPrograms {
  const { apart, statistics } = statisticsApart(gradient, { rank, ranks })
  const tensors = parameters.map(({ offset, name }) => ({ offset, trained: !frozen.has(name) }))
  const cuts = cutsOf(apart, tensors, parameterCount)
  const segments = cuts.map(({ end }, i) => ({
    ...apart,
    calls: apart.calls.slice(i === 0 ? 0 : cuts[i - 1]!.end, end),
    wholeCalls: apart.calls,
  }))
  const { precision } = gradient
  const parts = cuts.map(({ part }) => stretchesOf(part, ranks))
  const sums = parts.map(stretches => {
    const own = stretches[rank]!
    if (own.elements === 0) return null
    return {
      add: planBlend(parameterCount, 'gradients', 'accumulated', { ...own, precision }),
      mean: planBlend(parameterCount, 'accumulated', 'gradients', { ...own, precision }),
    }
  })
  return { segments, parts, sums, statistics }
}

/** All of them. */
export function sharingList({ segments, sums, statistics }: SharingPrograms): Program[] {
  return [
    ...segments,
    ...sums.flatMap(sum => (sum ? [sum.add, sum.mean] : [])),
    ...(statistics?.enter ? [statistics.enter] : []),
  ]
}

/** Almost equal ones. */
export function stretchesOf({ offset, elements }: Stretch, ranks: number): Part {
  const each = Math.ceil(elements / ranks / ALIGNMENT) * ALIGNMENT
  return Array.from({ length: ranks }, (_, rank) => {
    const first = Math.min(elements, rank * each)
    return { offset: offset + first, elements: Math.min(elements, first + each) - first }
  })
}

/** After how many calls a segment ends, and which part of the gradient is finished there and was not before. */
interface Cut {
  readonly end: number
  readonly part: Stretch
}

/** The backward pass finishes the last layers first: at any time all parameters from one on. */
function cutsOf(
  { calls, buffers }: Program,
  tensors: readonly { readonly offset: number; readonly trained: boolean }[],
  count: number,
): Cut[] {
  const lastWrite = new Map<number, number>()
  for (const [time, call] of calls.entries()) {
    for (const operand of operandsOf(call, 1)) {
      if (operand.access !== 'read' && buffers[bufferOf(operand)]!.role === 'gradients' && 'ref' in operand) {
        lastWrite.set(operand.ref.offset, time)
      }
    }
  }
  const first = tensors.find(({ trained }) => trained)?.offset ?? 0
  const least = Math.max(LEAST_ELEMENTS, (count - first) / MOST_PARTS)
  const cuts: Cut[] = []
  let [begin, finished] = [count, -1]
  for (const { offset } of [...tensors].reverse()) {
    if (offset < first) break
    const writes = lastWrite.get(offset) ?? -1
    // Those after it are done; where this one takes a later call, they may go.
    const size = begin - offset
    const done = cuts.at(-1)?.part.offset ?? count
    if (writes > finished && done - begin >= least && finished >= 0) {
      cuts.push({ end: finished + 1, part: { offset: begin, elements: done - begin } })
    }
    finished = Math.max(finished, writes)
    begin -= size
  }
  const done = cuts.at(-1)?.part.offset ?? count
  return [...cuts, { end: calls.length, part: { offset: first, elements: done - first } }]
}

/** A gradient program that leaves the running statistics alone and copies those of its batch (by blends: it is run with
 * `COPYING`), and what makes of these what it would have made of the running ones. */
function statisticsApart(program: Program, share: Share): { apart: Program; statistics: SharedStatistics | null } {
  const running = program.buffers.find(({ role }) => role === 'running')
  const entering = program.calls.filter(entersRunning)
  if (!running || entering.length === 0) return { apart: program, statistics: null }
  const groups = groupsOf(entering, share.ranks)
  const own = { ...running, name: 'batchStatistics', role: 'batchStatistics' } as const
  const at = ({ offset }: Ref, buffer: number): Ref => ({ buffer, offset })
  const buffer = program.buffers.length
  const copies = ({
    channels: elements,
    statistics,
    runningMean,
    runningVariance,
  }: RunningStatistics): KernelCall[] => [
    { kernel: 'blend', elements, source: statistics.mean, target: at(runningMean, buffer) },
    { kernel: 'blend', elements, source: statistics.variance, target: at(runningVariance, buffer) },
  ]
  const entered = (call: RunningStatistics): KernelCall => ({
    ...call,
    statistics: { mean: at(call.runningMean, 1), variance: at(call.runningVariance, 1) },
    runningMean: at(call.runningMean, 0),
    runningVariance: at(call.runningVariance, 0),
  })
  return {
    apart: {
      ...program,
      buffers: [...program.buffers, own],
      offsets: [...program.offsets, -1],
      calls: program.calls.flatMap(call => (entersRunning(call) ? copies(call) : [call])),
    },
    statistics: {
      stretches: groups.map(stretchOf),
      enter:
        groups[share.rank]!.length === 0
          ? null
          : {
              batchSize: program.batchSize,
              precision: program.precision,
              buffers: [running, own],
              offsets: [-1, -1],
              arenaBytes: 0,
              calls: groups[share.rank]!.map(entered),
            },
    },
  }
}

/** Of about as many channels each, in their order. */
function groupsOf(calls: readonly RunningStatistics[], count: number): RunningStatistics[][] {
  const sorted = [...calls].sort((a, b) => a.runningMean.offset - b.runningMean.offset)
  const all = sorted.reduce((sum, { channels }) => sum + channels, 0)
  const groups = Array.from({ length: count }, (): RunningStatistics[] => [])
  let before = 0
  for (const call of sorted) {
    groups[Math.floor((before * count) / all)]!.push(call)
    before += call.channels
  }
  return groups
}

/** From its first norm's mean to its last one's variance; norms in between that are frozen are the same for all. */
function stretchOf(group: readonly RunningStatistics[]): Stretch {
  const [first, last] = [group[0], group.at(-1)]
  if (!first || !last) return { offset: 0, elements: 0 }
  const { offset } = first.runningMean
  return { offset, elements: last.runningVariance.offset + last.channels - offset }
}

/** What segments are run with. */
export const COPYING = { keep: 0, add: 1 } as const

const entersRunning = (call: KernelCall): call is RunningStatistics => call.kernel === 'runningStatistics'
