// What backward passes need of each channel (dispatch.ts: Coefficients), for as many calls at once as may be. So the kernels after it bind
// few buffers and take no roots.
import type { KernelCall, Ref } from '../../../engine/kernels.js'
import type { Program } from '../../../engine/program.js'
import { alike, type Reach, type Task } from '../alike.js'
import type { Coefficients, Dispatch, Place, Room } from '../dispatch.js'
import { readTogether, type Spans } from '../order.js'
import { rowsText } from './common.js'

const NORM = rowsText(/* wgsl */ `
  let invstd = 1.0 / sqrt(variance[row.variance + c] + call.epsilon);
  let to = row.to + 4 * c;
  numbers[to] = gamma[row.gamma + c] * invstd;
  numbers[to + 1] = mean[row.mean + c];
  numbers[to + 2] = beta[row.beta + c];
  numbers[to + 3] = invstd;`)

const DEFERRED = rowsText(/* wgsl */ `
  let to = row.to + 2 * c;
  numbers[to] = 1.0 / sqrt(variance[row.variance + c] + call.epsilon);
  numbers[to + 1] = mean[row.mean + c];`)

interface Prepared {
  readonly of: ReadonlyMap<KernelCall, Coefficients>
  /** What comes before a call. */
  readonly before: ReadonlyMap<KernelCall, readonly Dispatch[]>
}

/** `take` gives scratch that no call gets. */
export function prepare(
  program: Program,
  order: readonly KernelCall[],
  spans: Spans,
  take: Room['take'],
  reach: Reach,
): Prepared {
  const of = new Map<KernelCall, Coefficients>()
  const norms = new Map<KernelCall, Task>()
  const deferreds = new Map<KernelCall, Task>()
  let numbers: Place = { buffer: 'scratch', offset: 0, count: 0 }
  const taken = (count: number): Place => {
    const place = take(count)
    numbers = { ...numbers, count: place.offset + count }
    return place
  }
  for (const call of order) {
    if (!('outputGradient' in call) || call.kernel === 'linearBackward') continue
    const { channels } = call.input
    const norm = 'norm' in call ? call.norm : null
    const { gradient, deferred } = call.outputGradient
    const places = { norm: norm && taken(4 * channels), deferred: deferred && taken(2 * gradient.channels) }
    of.set(call, places)
    if (norm) norms.set(call, taskOf(norm, ['gamma', 'beta', 'mean', 'variance'], channels, places.norm!))
    if (deferred) deferreds.set(call, taskOf(deferred, ['mean', 'variance'], gradient.channels, places.deferred!))
  }
  const before = new Map<KernelCall, Dispatch[]>()
  for (const [name, text, tasks] of [
    ['coefficients of norms', NORM, norms],
    ['coefficients of deferred gradients', DEFERRED, deferreds],
  ] as const) {
    for (const group of readTogether(program, order, spans, tasks)) {
      const some = group.map(call => tasks.get(call)!)
      const dispatches = alike(program, some, { name, text, operands: { numbers } }, reach)
      before.set(group[0]!, [...(before.get(group[0]!) ?? []), ...dispatches])
    }
  }
  return { of, before }
}

function taskOf<Name extends string>(
  from: Readonly<Record<Name, Ref>> & { readonly epsilon: number },
  names: readonly Name[],
  channels: number,
  to: Place,
): Task {
  return {
    channels,
    places: Object.fromEntries(names.map(name => [name, from[name]])),
    row: { to: to.offset },
    real: { epsilon: from.epsilon },
  }
}
