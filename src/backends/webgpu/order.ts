// In which order calls are done, and what is done for many of them at once. Some calls are small, and there is one for each layer: dispatched
// by themselves they would be a third of all dispatches. What a call touches in memory says where else it may be done.
import type { KernelCall, Ref } from '../../engine/kernels.js'
import { bufferOf, endOf, operandsOf } from '../../engine/operands.js'
import { bytesPerElement, imagesAtOnce, type Program } from '../../engine/program.js'
import { placed } from './memory.js'

const FLOAT = 4

/** Bytes [from, to) of the arena, or of the buffer of a role. */
interface Span {
  readonly memory: string
  readonly from: number
  readonly to: number
  readonly written: boolean
}

/** Of elements of `size` bytes. */
function spanOf(program: Program, { buffer, offset }: Ref, count: number, size: number, written: boolean): Span {
  const { memory, base } = placed(program, buffer)
  return { memory, from: base + size * offset, to: base + size * (offset + count), written }
}

/** What each call of a program reads and writes. */
export type Spans = ReadonlyMap<KernelCall, readonly Span[]>

export function spansOf(program: Program): Spans {
  const images = imagesAtOnce(program)
  const { precision = 'float32' } = program
  const spans = (call: KernelCall): Span[] =>
    operandsOf(call, images).map(operand => {
      const offset =
        'ref' in operand ? operand.ref.offset : operand.view.first * operand.view.height * operand.view.width
      const ref = { buffer: bufferOf(operand), offset }
      const size = operand.activations ? bytesPerElement({ elementType: precision }) : FLOAT
      return spanOf(program, ref, endOf(operand, images) - offset, size, operand.access !== 'read')
    })
  return new Map(program.calls.map(call => [call, spans(call)]))
}

/** Whether it matters which of the two comes first. */
const collide = (some: readonly Span[], others: readonly Span[]): boolean =>
  some.some(({ memory, from, to, written }) =>
    others.some(other => (written || other.written) && memory === other.memory && from < other.to && other.from < to),
  )

/** A program's calls as they are done, those in one list at once: running statistics wait for each other until another call touches
 * what they read or write. */
export function orderOf({ calls }: Program, all: Spans): KernelCall[][] {
  const order: KernelCall[][] = []
  let waiting: KernelCall[] = []
  let touched: Span[] = []
  const finish = (): void => {
    if (waiting.length > 0) order.push(waiting)
    waiting = []
    touched = []
  }
  for (const call of calls) {
    const spans = all.get(call)!
    if (collide(touched, spans)) finish()
    if (call.kernel === 'runningStatistics') {
      waiting.push(call)
      touched.push(...spans)
    } else order.push([call])
  }
  finish()
  return order
}

/** Something is read before each of some calls, and may be read earlier, as long as nobody writes it in between: lists of calls for which it
 * is read at once, before the first of them. `order` is that of all calls. */
export function readTogether(
  program: Program,
  order: readonly KernelCall[],
  all: Spans,
  reads: ReadonlyMap<KernelCall, { readonly channels: number; readonly places: Readonly<Record<string, Ref>> }>,
): KernelCall[][] {
  const groups: KernelCall[][] = []
  const left = new Set(reads.keys())
  for (const [begin, first] of order.entries()) {
    if (!left.has(first)) continue
    const group: KernelCall[] = []
    const written: Span[] = []
    for (const call of order.slice(begin)) {
      if (left.size === 0) break
      const { channels, places } = reads.get(call) ?? { channels: 0, places: {} }
      const spans = Object.values(places).map(ref => spanOf(program, ref, channels, FLOAT, false))
      if (left.has(call) && !collide(spans, written)) {
        group.push(call)
        left.delete(call)
      }
      written.push(...all.get(call)!.filter(span => span.written))
    }
    groups.push(group)
  }
  return groups
}
