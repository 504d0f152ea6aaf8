// .npy files, byte by byte as NumPy writes them (make_npy.py).
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { encodeNpy } from '../../dist/interop/npy.js'

interface Case {
  readonly shape: number[]
  readonly dtype: '<f4' | '<f8'
  readonly file: string
}
const { cases } = JSON.parse(readFileSync(new URL('fixtures/npy.json', import.meta.url), 'utf8')) as { cases: Case[] }

describe("NumPy's own bytes", () => {
  test.each(cases)('$dtype [$shape]', ({ shape, dtype, file }) => {
    const count = shape.reduce((a, b) => a * b, 1)
    const values = Array.from({ length: count }, (_, i) => i / 8 - 1)
    const data = dtype === '<f4' ? Float32Array.from(values) : Float64Array.from(values)
    expect(Buffer.concat(encodeNpy(data, shape)).toString('base64')).toBe(file)
  })
})
