// The wire format of protocol buffers, read as fields one after the other: nothing is copied, and no length is trusted.
// https://protobuf.dev/programming-guides/encoding
import { damaged } from './tensor.js'

export interface Field {
  readonly number: number
  /** Of a whole number; 0: it is none. */
  readonly value: number
  /** Of a message, text or list of numbers, or a fixed number. */
  readonly bytes: Uint8Array
}

const VARINT = 0
/** Bytes of the wire types that say nothing else. */
const FIXED: Readonly<Record<number, number>> = { 1: 8, 5: 4 }
const LENGTH = 2
const LONGEST_VARINT = 10
const NO_BYTES = new Uint8Array(0)

/** Throws a sentence about `file` where the bytes are no fields. */
export function* fieldsOf(bytes: Uint8Array, file: string): Generator<Field> {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let i = 0; i < LONGEST_VARINT; i++) {
      const byte = bytes[at++]
      if (byte === undefined) throw damaged(file, 'it ends in the middle of a number')
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return value
    }
    throw damaged(file, 'a number in it has no end')
  }
  while (at < bytes.length) {
    const tag = varint()
    const [number, wire] = [Math.floor(tag / 8), tag % 8]
    if (number < 1) throw damaged(file, 'a field in it has the number 0')
    if (wire === VARINT) {
      yield { number, value: varint(), bytes: NO_BYTES }
      continue
    }
    const length = wire === LENGTH ? varint() : FIXED[wire]
    if (length === undefined) throw damaged(file, `a field in it is of the unknown kind ${wire}`)
    if (length > bytes.length - at) throw damaged(file, `a field in it claims ${length} bytes of ${bytes.length - at}`)
    yield { number, value: 0, bytes: bytes.subarray(at, at + length) }
    at += length
  }
}

/** The whole numbers of a repeated field, packed or one by one. */
export function wholeNumbers({ value, bytes }: Field, file: string): number[] {
  if (bytes.length === 0) return [value]
  const numbers: number[] = []
  let [sum, scale] = [0, 1]
  for (const byte of bytes) {
    sum += (byte & 0x7f) * scale
    scale *= 128
    if (byte >= 0x80) continue
    numbers.push(sum)
    ;[sum, scale] = [0, 1]
  }
  if (scale !== 1) throw damaged(file, 'it ends in the middle of a number')
  return numbers
}

/** A number of four bytes. */
export const floatOf = ({ bytes }: Field): number =>
  bytes.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true) : Number.NaN
