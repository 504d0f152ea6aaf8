// Lifetimes -> offsets: transient buffers share one arena, and two may overlap when no call needs both contents.
import { buffersOf, type KernelCall } from './kernels.js'
import type { BufferSpec } from './program.js'

/** Elements; 64 elements keep float32 vectors of any width, and cache lines, aligned. */
const ALIGNMENT = 64

/** Greedy best effort: the largest buffers first, each at the lowest offset free during its whole life. */
export function layOut(
  buffers: readonly BufferSpec[],
  calls: readonly KernelCall[],
): { offsets: number[]; arenaElements: number } {
  const first = new Array<number>(buffers.length).fill(-1)
  const last = new Array<number>(buffers.length).fill(-1)
  for (const [time, call] of calls.entries()) {
    for (const buffer of buffersOf(call)) {
      if (first[buffer]! < 0) first[buffer] = time
      last[buffer] = time
    }
  }
  const offsets = new Array<number>(buffers.length).fill(-1)
  const placed: number[] = []
  const bySize = [...buffers.keys()]
    .filter(i => buffers[i]!.role === 'transient' && first[i]! >= 0)
    .sort((i, j) => buffers[j]!.elements - buffers[i]!.elements || i - j)
  const aligned = (i: number): number => Math.ceil(buffers[i]!.elements / ALIGNMENT) * ALIGNMENT
  for (const i of bySize) {
    const neighbours = placed
      .filter(j => first[j]! <= last[i]! && first[i]! <= last[j]!)
      .sort((a, b) => offsets[a]! - offsets[b]!)
    let offset = 0
    for (const j of neighbours) {
      if (offset + aligned(i) <= offsets[j]!) break
      offset = Math.max(offset, offsets[j]! + aligned(j))
    }
    offsets[i] = offset
    placed.push(i)
  }
  const arenaElements = placed.reduce((end, i) => Math.max(end, offsets[i]! + aligned(i)), 0)
  return { offsets, arenaElements }
}
