// Lifetimes -> offsets: transient buffers share one arena, and two may overlap when no call needs both contents.
import type { KernelCall } from './kernels.js'
import { buffersOf } from './operands.js'
import { type BufferSpec, bytesPerElement, roomOf } from './program.js'

/** Bytes: vectors of any width, and cache lines, stay aligned. */
const ALIGNMENT = 256

/** Of a transient buffer: the calls of its first and last use. Of all others, and of those never used, both are -1. */
export interface Lifetime {
  readonly bytes: number
  readonly first: number
  readonly last: number
}

/** Of buffers that hold so many images. */
export function livesOf(buffers: readonly BufferSpec[], calls: readonly KernelCall[], images = 1): Lifetime[] {
  const lives = buffers.map(spec => ({ bytes: roomOf(spec, images) * bytesPerElement(spec), first: -1, last: -1 }))
  for (const [time, call] of calls.entries()) {
    for (const buffer of buffersOf(call)) {
      if (buffers[buffer]!.role !== 'transient') continue
      const life = lives[buffer]!
      if (life.first < 0) life.first = time
      life.last = time
    }
  }
  return lives
}

/** Greedy best effort: the largest buffers first, each at the lowest offset free during its whole life. Where memory comes in pages of
 * `page` bytes, none crosses from one to the next. */
export function layOut(
  lives: readonly Lifetime[],
  page = Number.POSITIVE_INFINITY,
): { offsets: number[]; arenaBytes: number } {
  const offsets = new Array<number>(lives.length).fill(-1)
  const bySize = [...lives.keys()]
    .filter(i => lives[i]!.first >= 0)
    .sort((i, j) => lives[j]!.bytes - lives[i]!.bytes || i - j)
  const sizes = lives.map(({ bytes }) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT)
  const byOffset: number[] = []
  const onOnePage = (offset: number, size: number): number =>
    (offset % page) + size > page ? offset + page - (offset % page) : offset
  for (const i of bySize) {
    let offset = 0
    for (let k = 0; k < byOffset.length; k++) {
      const j = byOffset[k]!
      if (lives[j]!.first > lives[i]!.last || lives[i]!.first > lives[j]!.last) continue
      if (offset + sizes[i]! <= offsets[j]!) break
      offset = onOnePage(Math.max(offset, offsets[j]! + sizes[j]!), sizes[i]!)
    }
    offsets[i] = offset
    const after = byOffset.findIndex(j => offsets[j]! > offset)
    byOffset.splice(after < 0 ? byOffset.length : after, 0, i)
  }
  const arenaBytes = byOffset.reduce((end, i) => Math.max(end, offsets[i]! + sizes[i]!), 0)
  return { offsets, arenaBytes }
}
