// The checksum of checkpoints where Node's is not: the same, however the bytes come.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Sha256 } from '../../dist/util/sha256.js'

const expected = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

test('of any bytes in any pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), pieces => {
      const hash = new Sha256()
      for (const piece of pieces) hash.update(piece)
      expect(hash.digest('hex')).toBe(expected(Buffer.concat(pieces)))
    }),
  )
})

test('of every length around a block, and of texts', () => {
  for (let length = 0; length <= 130; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => 7 * i)
    expect(new Sha256().update(bytes).digest('hex')).toBe(expected(bytes))
  }
  expect(new Sha256().update('grün, 緑').digest('hex')).toBe(expected('grün, 緑'))
})
