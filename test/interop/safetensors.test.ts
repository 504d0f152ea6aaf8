// Files written are read back to the bit; files damaged in any way are refused with a sentence, never half read.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DenseNetError } from '../../dist/errors.js'
import { decodeSafetensors, encodeSafetensors } from '../../dist/interop/safetensors.js'
import type { Tensor } from '../../dist/interop/tensor.js'

/** A file with any header text. */
function file(header: string | object, data = new Uint8Array(0), length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + text.length + data.length)
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true)
  bytes.set(text, 8)
  bytes.set(data, 8 + text.length)
  return bytes
}

const decode = (bytes: Uint8Array) => decodeSafetensors(bytes, 'x.safetensors')
const f32 = (begin: number, end: number) => ({ dtype: 'F32', shape: [(end - begin) / 4], data_offsets: [begin, end] })

const tensor: fc.Arbitrary<Tensor> = fc.array(fc.nat(4), { maxLength: 3 }).chain(shape => {
  const count = shape.reduce((a, b) => a * b, 1)
  const of = { minLength: count, maxLength: count }
  return fc.oneof(
    fc.float32Array(of).map(data => ({ shape, data })),
    fc.float64Array(of).map(data => ({ shape, data })),
    fc.bigInt64Array(of).map(data => ({ shape, data })),
  )
})
const names = fc.string({ minLength: 1 }).filter(name => name !== '__metadata__' && name !== '__proto__')

test('what is written is read back', () => {
  const metadata = fc.dictionary(names, fc.string())
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(names, tensor), { selector: ([name]) => name }), metadata, (entries, notes) => {
      const bytes = Buffer.concat(encodeSafetensors(new Map(entries), notes))
      // At an odd address, in memory shared with others, as read from a file.
      const shifted = Buffer.concat([Buffer.from([0]), bytes]).subarray(1)
      const read = decode(shifted)
      expect(new Map(read.tensors)).toEqual(new Map(entries))
      expect({ ...read.metadata }).toEqual({ ...notes })
    }),
  )
})

describe('refused', () => {
  const four = new Uint8Array(4)
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /has only 0 bytes/],
    ['half a length', new Uint8Array(5), /has only 5 bytes/],
    ['a header beyond the end', file('{}', new Uint8Array(0), 3n), /its header needs 3 bytes, 2 are there/],
    ['a header of any size', file('{}', new Uint8Array(0), 2n ** 63n), /claims 9223372036854775808 bytes/],
    ['no JSON', file('{"a":'), /is not JSON/],
    ['no object', file('[1]'), /does not begin with {/],
    ['no UTF-8', file('{"a\xff":1}'.replace('\xff', '\udc00')), /./],
    [
      'a duplicate name',
      file(`{"a":${JSON.stringify(f32(0, 4))},"\\u0061":${JSON.stringify(f32(0, 4))}}`, four),
      /names "a" twice/,
    ],
    [
      'a duplicate key',
      file('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', four),
      /names "dtype" twice/,
    ],
    ['an unknown key', file({ a: { ...f32(0, 4), extra: 1 } }, four), /does not describe "a" rightly/],
    ['an unknown type', file({ a: { ...f32(0, 4), dtype: 'F12' } }, four), /type F12/],
    ['a type by a name of objects', file({ a: { ...f32(0, 4), dtype: 'constructor' } }, four), /type constructor/],
    ['a negative size', file({ a: { ...f32(0, 4), shape: [-1] } }, four), /does not describe "a"/],
    ['a fractional size', file({ a: { ...f32(0, 4), shape: [0.5] } }, four), /does not describe "a"/],
    ['a shape of other bytes', file({ a: { ...f32(0, 4), shape: [2] } }, four), /of shape \[2\] has 4 bytes/],
    ['an overflowing shape', file({ a: { ...f32(0, 4), shape: [2 ** 40, 2 ** 40] } }, four), /has 4 bytes/],
    ['an end before its beginning', file({ a: { ...f32(0, 4), data_offsets: [4, 0] } }, four), /has -4 bytes/],
    ['an overlap', file({ a: f32(0, 8), b: f32(4, 12) }, new Uint8Array(12)), /b begins at byte 4 instead of 8/],
    ['a gap', file({ a: f32(0, 4), b: f32(8, 12) }, new Uint8Array(12)), /b begins at byte 8 instead of 4/],
    ['missing bytes', file({ a: f32(0, 8) }, four), /ends at byte 8 of 4: the file is cut short/],
    ['bytes of nobody', file({ a: f32(0, 4) }, new Uint8Array(8)), /4 bytes after its last tensor/],
    [
      'a name of nine million letters, twice',
      file(`{"${'a'.repeat(4_500_000)}":1,"${'a'.repeat(4_500_000)}":1}`),
      /names "a{100}" twice/,
    ],
    ['values within each other', file(`{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`), /does not describe "a"/],
    ['metadata that is not text', file({ __metadata__: { a: 1 } }), /metadata is not text/],
  ])('%s', (_, bytes, message) => {
    expect(() => decode(bytes)).toThrow(DenseNetError)
    expect(() => decode(bytes)).toThrow(message)
  })
})

test('no damage makes it throw anything but a sentence', () => {
  const whole = Buffer.concat(
    encodeSafetensors(
      new Map([
        ['a.weight', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
        ['b', { shape: [], data: BigInt64Array.of(7n) }],
      ]),
      { note: 'x' },
    ),
  )
  const attempt = (bytes: Uint8Array): void => {
    try {
      decode(bytes)
    } catch (error) {
      expect(error).toBeInstanceOf(DenseNetError)
    }
  }
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
      const damaged = Uint8Array.from(whole)
      damaged[at] = value
      attempt(damaged)
    }),
    { numRuns: 2000 },
  )
  for (let length = 0; length < whole.length; length++) {
    expect(() => decode(whole.subarray(0, length))).toThrow(DenseNetError)
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt))
  fc.assert(fc.property(fc.json(), json => attempt(file(json))))
})
