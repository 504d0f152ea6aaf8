// What ranks tell each other: something of JSON, and arrays of numbers.
import { concatenate } from '../util/bytes.js'
import type { Ranks } from './ranks.js'

export type Numbers = Float32Array | Float64Array

export interface Message<T> {
  readonly facts: T
  readonly numbers: readonly Numbers[]
}

/** Everybody's, by rank: each gives its own to all. */
export async function gather<T>(
  ranks: Ranks,
  facts: T,
  values: readonly ArrayLike<number>[] = [],
): Promise<readonly Message<T>[]> {
  const numbers = values.map(numbersOf)
  if (ranks.size === 1) return [{ facts, numbers }]
  const own = encode({ facts, numbers })
  const lengths = Array.from({ length: ranks.size }, () => new Float64Array(1))
  const length = bytesOf(Float64Array.of(own.length))
  await ranks.exchange(
    lengths.map(() => length),
    lengths.map(bytesOf),
  )
  const all = lengths.map(([length]) => new Uint8Array(length!))
  await ranks.exchange(
    lengths.map(() => own),
    all,
  )
  return all.map(bytes => decode<T>(bytes))
}

/** Rank 0's; the others give nothing. */
export async function broadcast<T>(ranks: Ranks, message: Message<T> | null): Promise<Message<T>> {
  const all = await gather<T | null>(ranks, message?.facts ?? null, message?.numbers)
  return all[0] as Message<T>
}

const numbersOf = (values: ArrayLike<number>): Numbers =>
  values instanceof Float32Array || values instanceof Float64Array ? values : Float64Array.from(values)

export const bytesOf = ({ buffer, byteOffset, byteLength }: Numbers): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** The length of a head of JSON, the head, the numbers. */
function encode<T>({ facts, numbers }: Message<T>): Uint8Array {
  const shapes = numbers.map(values => [values.BYTES_PER_ELEMENT, values.length])
  const head = new TextEncoder().encode(JSON.stringify([facts, shapes]))
  return concatenate([new Uint8Array(Uint32Array.of(head.length).buffer), head, ...numbers.map(bytesOf)])
}

function decode<T>(bytes: Uint8Array): Message<T> {
  const start = 4 + new Uint32Array(bytes.slice(0, 4).buffer)[0]!
  const [facts, shapes] = JSON.parse(new TextDecoder().decode(bytes.subarray(4, start))) as [T, [number, number][]]
  let at = start
  const numbers = shapes.map(([width, length]) => {
    const { buffer } = bytes.slice(at, at + width * length)
    at += width * length
    return width === 8 ? new Float64Array(buffer) : new Float32Array(buffer)
  })
  return { facts, numbers }
}
