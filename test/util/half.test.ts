// Half precision, against the definition: every float16 there is, and the nearest one for any number.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bfloat16Value, float16Bits, float16Value } from '../../dist/util/half.js'

test('known values', () => {
  const known: [number, number][] = [
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3c00, 1],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0xc000, -2],
  ]
  for (const [bits, value] of known) expect([float16Value(bits), float16Bits(value)]).toEqual([value, bits])
  expect(float16Bits(65519)).toBe(0x7bff)
  expect(float16Bits(65520)).toBe(0x7c00)
  expect(bfloat16Value(0x3f80)).toBe(1)
  expect(bfloat16Value(0xc040)).toBe(-3)
})

test('every float16 comes back', () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = float16Value(bits)
    if (Number.isNaN(value)) expect(float16Value(float16Bits(value))).toBeNaN()
    else if (float16Bits(value) !== bits) expect(float16Bits(value)).toBe(bits)
  }
})

test('the nearest, ties to even', () => {
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), x => {
      const bits = float16Bits(x)
      const error = Math.abs(float16Value(bits) - x)
      for (const other of [bits - 1, bits + 1]) {
        const distance = Math.abs(float16Value(other & 0xffff) - x)
        if (distance < error) expect(error).toBeLessThanOrEqual(distance)
        if (distance === error && error > 0) expect(bits % 2).toBe(0)
      }
    }),
    { numRuns: 20_000 },
  )
})
