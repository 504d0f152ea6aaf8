// The published values of CRC-32C: RFC 3720, appendix B.4, and the check value of the catalogue of CRCs. Zip's is zlib's.
import { crc32 as zlibs } from 'node:zlib'
import { expect, test } from 'vitest'
import { crc32, crc32c } from '../../dist/util/crc.js'

const up = Uint8Array.from({ length: 32 }, (_, i) => i)
// An iSCSI Read (10) command.
const command = Buffer.from(
  '01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000',
  'hex',
)

test.each([
  ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 rising bytes', up, 0x46dd794e],
  ['32 falling bytes', up.toReversed(), 0x113fdb5c],
  ['an iSCSI command', command, 0xd9963a56],
  ['"123456789"', Buffer.from('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
])('%s', (_, bytes, value) => {
  expect(crc32c(bytes)).toBe(value)
})

test.each([0, 1, 7, 8, 9, 255, 100_003])('CRC-32 of %i bytes is that of zlib', length => {
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 2654435761) >>> 13)
  expect(crc32(bytes)).toBe(zlibs(bytes))
})
