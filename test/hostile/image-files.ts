// Images whose headers lie, or which do not.
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { type Hostile, sparse, u32be } from './hostile-file.js'

/** A PNG of one colour; `width`: what its header claims. */
function png(width: number, height: number, rows: Uint8Array): Uint8Array {
  const crc = (bytes: Uint8Array): number => {
    let value = 0xffffffff
    for (const byte of bytes) {
      value ^= byte
      for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
    }
    return (value ^ 0xffffffff) >>> 0
  }
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data])
    return Buffer.concat([u32be(data.length), body, u32be(crc(body))])
  }
  const header = Buffer.concat([u32be(width), u32be(height), Buffer.of(8, 2, 0, 0, 0)])
  const start = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([start, chunk('IHDR', header), chunk('IDAT', deflateSync(rows, { level: 1 })), chunk('IEND', Buffer.alloc(0))])
}

/** An honest small image whose size is overwritten. */
async function resized(format: 'gif' | 'jpeg' | 'tiff' | 'webp', patch: (bytes: Buffer) => void): Promise<Uint8Array> {
  const bytes = await sharp({ create: { width: 16, height: 16, channels: 3, background: 'red' } })
    .toFormat(format)
    .toBuffer()
  patch(bytes)
  return bytes
}

const REFUSED = /it cannot be decoded|it is \d+ x \d+ pixels/
export const IMAGES: readonly Hostile[] = [
  {
    name: 'PNG: 2^31 - 1 pixels on a side',
    kind: 'image',
    make: () => png(2 ** 31 - 1, 2 ** 31 - 1, new Uint8Array(9)),
    message: REFUSED,
  },
  {
    name: 'PNG: more pixels than are read, all of them there',
    kind: 'image',
    make: () => png(12_000, 12_000, new Uint8Array(12_000 * 36_001)),
    message: REFUSED,
  },
  {
    name: 'PNG: a header and nothing after it',
    kind: 'image',
    make: () => png(9_000, 9_000, new Uint8Array(9)),
    message: REFUSED,
    megabytes: 600,
  },
  {
    name: 'GIF: a screen and a picture of 65,535 on a side',
    kind: 'image',
    make: () =>
      resized('gif', bytes => {
        const picture = bytes.indexOf(Buffer.of(0x2c, 0, 0, 0, 0, 16, 0, 16, 0)) + 5
        for (const at of [6, picture]) bytes.fill(0xff, at, at + 4)
      }),
    message: REFUSED,
    megabytes: 600,
  },
  {
    name: 'JPEG: 65,500 on a side',
    kind: 'image',
    make: () =>
      resized('jpeg', bytes =>
        bytes.fill(0xff, bytes.indexOf(Buffer.of(0xff, 0xc0)) + 5, bytes.indexOf(Buffer.of(0xff, 0xc0)) + 9),
      ),
    message: REFUSED,
  },
  {
    name: 'WebP: 16,383 on a side',
    kind: 'image',
    make: () =>
      resized('webp', bytes =>
        bytes.fill(0xff, bytes.indexOf(Buffer.of(0x9d, 1, 0x2a)) + 3, bytes.indexOf(Buffer.of(0x9d, 1, 0x2a)) + 7),
      ),
    message: REFUSED,
    megabytes: 600,
  },
  {
    name: 'TIFF: directories in a circle',
    kind: 'image',
    make: () => Buffer.from([0x49, 0x49, 0x2a, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 0]),
    message: REFUSED,
  },
  { name: 'an image file without end', kind: 'image', make: () => '/dev/zero', message: /it is no file/ },
  { name: 'an image of a gigabyte', kind: 'image', make: () => sparse(2 ** 30), message: /bytes long, more than/ },
]
