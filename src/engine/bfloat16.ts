// Arrays of bfloat16 in JavaScript, as bits: the upper half of a float32.

/** To the nearest, of two to the even one; NaN stays NaN. */
export function toBfloat16(from: ArrayLike<number>): Uint16Array {
  const floats = from instanceof Float32Array ? from : Float32Array.from(from)
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
  const to = new Uint16Array(bits.length)
  for (let i = 0; i < bits.length; i++) {
    const all = bits[i]!
    const isNoNumber = (all & 0x7fffffff) > 0x7f800000
    to[i] = isNoNumber ? (all >>> 16) | 0x40 : (all + 0x7fff + ((all >>> 16) & 1)) >>> 16
  }
  return to
}

/** Into `to`, which is as long. */
export function fromBfloat16(from: Uint16Array, to: Float32Array): Float32Array {
  const bits = new Uint32Array(to.buffer, to.byteOffset, to.length)
  for (let i = 0; i < from.length; i++) bits[i] = from[i]! << 16
  return to
}
