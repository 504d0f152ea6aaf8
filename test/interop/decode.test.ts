// Bytes of weights decoded with nothing of Node: deflated archives, HDF5 on the spot.
import { deflateRawSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { describe, expect, test } from 'vitest'
import { DenseNetError } from '../../dist/errors.js'
import { decodeWeights } from '../../dist/interop/decode-weights.js'
import { readZip } from '../../dist/interop/zip.js'
import { decodeWeightFile } from '../../dist/networks/weight-files.js'
import { fixture } from './fixtures.js'

describe('deflated entries', () => {
  const content = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i % 251) ^ (i >> 12))
  const read = (zip: Uint8Array): Uint8Array => readZip(zip, 'x.zip').get('x')!.read()

  /** As zipSync made it, but for the size that it claims. */
  function claiming(zip: Uint8Array, size: number): Uint8Array {
    const bytes = Buffer.from(zip)
    bytes.writeUInt32LE(size, bytes.lastIndexOf('PK\x01\x02') + 24)
    return bytes
  }
  const packed = zipSync({ x: [content, { level: 6 }] })

  test.each([0, 1, 6])('of level %i are those that were packed', level => {
    expect(Buffer.compare(read(zipSync({ x: [content, { level: level as 6 }] })), content)).toBe(0)
    expect(read(zipSync({ x: [new Uint8Array(0), { level: level as 6 }] }))).toHaveLength(0)
  })

  test.each([
    ['longer than it says', claiming(packed, 2_999_999), /cannot be inflated to its 2999999 bytes/],
    [
      'much longer',
      claiming(zipSync({ x: [new Uint8Array(50_000_000), { level: 9 }] }), 10),
      /cannot be inflated to its 10/,
    ],
    ['shorter than it says', claiming(packed, 3_000_001), /has 3000000 of its 3000001 bytes/],
  ])('%s', (_, zip, message) => {
    expect(() => read(zip)).toThrow(DenseNetError)
    expect(() => read(zip)).toThrow(message)
  })

  test('cut short or of other bits', () => {
    const deflated = deflateRawSync(content)
    for (const data of [deflated.subarray(0, -5), deflated.map((byte, i) => (i === 100 ? byte ^ 0xff : byte))]) {
      const zip = Buffer.from(zipSync({ x: [data, { level: 0 }] }))
      const central = zip.lastIndexOf('PK\x01\x02')
      zip.writeUInt16LE(8, central + 10)
      zip.writeUInt32LE(content.length, central + 24)
      expect(() => read(zip)).toThrow(/is damaged/)
    }
  })
})

describe('Keras on the spot', () => {
  test.each(['keras3.keras', 'keras2.h5', 'keras3.weights.h5'])('%s is read as in a thread', async name => {
    expect(await decodeWeights(fixture(name), name)).toEqual(await decodeWeightFile(fixture(name), name))
  })

  test('what is none is refused in a sentence', async () => {
    const bytes = new Uint8Array(4096)
    bytes.set(fixture('keras2.h5').subarray(0, 64))
    await expect(decodeWeights(bytes, 'x.h5')).rejects.toThrow(/x\.h5 is damaged: HDF5 cannot be made sense of/)
  })
})
