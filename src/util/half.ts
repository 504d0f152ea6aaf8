// Half precision: float16 (IEEE 754 binary16) and bfloat16 (the upper half of a float32), as bits of 16-bit integers.

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** The value of a float16. */
export function float16Value(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** The nearest float16, ties to even; values from 65520 on become infinite. */
export function float16Bits(value: number): number {
  float[0] = value
  const sign = (bits[0]! >>> 16) & 0x8000
  const magnitude = bits[0]! & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // Below 2^-14 the steps are of 2^-24. Adding 2^23 leaves the fraction no bits, so that the sum is rounded to even.
  if (magnitude < 0x38800000) {
    float[0] = Math.abs(value) * 2 ** 24 + 2 ** 23
    return sign | (bits[0]! - 0x4b000000)
  }
  return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13)
}

/** The value of a bfloat16. */
export function bfloat16Value(half: number): number {
  bits[0] = half << 16
  return float[0]!
}
