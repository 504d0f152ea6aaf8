// Which windows of buffers a dispatch binds. A buffer that may be bound as a whole is; of a larger one the operands are, those that
// lie close together in one window where there would be too many.
import { DenseNetError } from '../../errors.js'
import type { BindingRange, GpuBuffer, Limits } from './platform.js'

/** An operand: bytes [from, to) of a buffer. */
export interface Range {
  readonly name: string
  readonly buffer: GpuBuffer
  readonly from: number
  readonly to: number
}

export interface Bound {
  readonly windows: readonly BindingRange[]
  /** By an operand's name: the number of its window, and its first byte there. */
  readonly places: ReadonlyMap<string, { readonly window: number; readonly offset: number }>
}

interface Window {
  readonly buffer: GpuBuffer
  readonly from: number
  readonly to: number
}

/** Bytes; the least that WebGPU promises. */
const ALIGNMENT = 256
const WORD = 4

export function bind(
  ranges: readonly Range[],
  { maxStorageBufferBindingSize: most, maxStorageBuffersPerShaderStage: count }: Limits,
): Bound {
  let windows: Window[] = []
  for (const buffer of new Set(ranges.map(range => range.buffer))) {
    if (buffer.size <= most) windows.push({ buffer, from: 0, to: buffer.size })
    else windows.push(...apart(ranges.filter(range => range.buffer === buffer)))
  }
  while (windows.length > count) windows = closestMerged(windows, most)
  const tooLarge = windows.find(({ from, to }) => to - from > most)
  if (tooLarge) throw beyond(tooLarge.to - tooLarge.from, most)
  const places = new Map(
    ranges.map(({ name, buffer, from, to }) => {
      const window = windows.findIndex(other => other.buffer === buffer && other.from <= from && to <= other.to)
      return [name, { window, offset: from - windows[window]!.from }] as const
    }),
  )
  return { windows: windows.map(({ buffer, from, to }) => ({ buffer, offset: from, size: to - from })), places }
}

/** Windows that begin and end where they may, and do not overlap. */
function apart(ranges: readonly Range[]): Window[] {
  const windows: Window[] = []
  const sorted = [...ranges].sort((a, b) => a.from - b.from)
  for (const { buffer, from, to: end } of sorted) {
    const start = Math.floor(from / ALIGNMENT) * ALIGNMENT
    const to = Math.ceil(end / WORD) * WORD
    const last = windows.at(-1)
    if (last && start < last.to) windows[windows.length - 1] = { ...last, to: Math.max(last.to, to) }
    else windows.push({ buffer, from: start, to })
  }
  return windows
}

function closestMerged(windows: readonly Window[], most: number): Window[] {
  let best = -1
  const size = (i: number): number => windows[i + 1]!.to - windows[i]!.from
  for (let i = 0; i + 1 < windows.length; i++) {
    if (windows[i]!.buffer !== windows[i + 1]!.buffer) continue
    if (best < 0 || size(i) < size(best)) best = i
  }
  if (best < 0 || size(best) > most) throw beyond(best < 0 ? most : size(best), most)
  const merged = { ...windows[best]!, to: windows[best + 1]!.to }
  return [...windows.slice(0, best), merged, ...windows.slice(best + 2)]
}

const beyond = (needed: number, most: number): DenseNetError =>
  new DenseNetError(
    `a kernel would have to reach ${megabytes(needed)} at once, but this GPU lets it reach ${megabytes(most)}`,
    { hint: 'use a smaller --batch-size, or --memory recompute' },
  )

export const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MB`
