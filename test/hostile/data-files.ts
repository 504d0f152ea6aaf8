// Archives that reach out of their folder, and data sets' files that claim to be huge.
import { deflateSync, gzipSync } from 'node:zlib'
import { type Hostile, sparse, u32be } from './hostile-file.js'

interface Content {
  readonly type: string
  readonly link: string
  readonly content: Buffer
  readonly size: number
}

/** One block of a tar archive: a header, and its content. */
function entry(
  name: string,
  { type = '0', link = '', content = Buffer.alloc(0), size }: Partial<Content> = {},
): Buffer {
  const header = Buffer.alloc(512)
  const put = (text: string, at: number): number => header.write(text, at, 'latin1')
  put(name, 0)
  put('0000644\x000000000\x000000000\0', 100)
  put(`${(size ?? content.length).toString(8).padStart(11, '0')}\0`, 124)
  put('00000000000\0', 136)
  put('        ', 148)
  put(type, 156)
  put(link, 157)
  put('ustar\x0000', 257)
  put(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return Buffer.concat([header, content, Buffer.alloc(-content.length & 511)])
}
const tar = (...entries: Buffer[]): Uint8Array => gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]))
const sixteen = { content: Buffer.alloc(16, 'a') }

export const ARCHIVES: readonly Hostile[] = [
  {
    name: 'tar: names that lead out of the folder',
    kind: 'tar',
    make: () => tar(entry('../../evil.bin', sixteen), entry('/tmp/evil.bin', sixteen), entry('../wanted.bin', sixteen)),
    message: null,
  },
  {
    name: 'tar: a link by the name that is wanted',
    kind: 'tar',
    make: () => tar(entry('wanted.bin', { type: '2', link: '/etc/passwd' })),
    message: /lacks wanted.bin/,
  },
  {
    name: 'tar: a hard link by that name',
    kind: 'tar',
    make: () => tar(entry('wanted.bin', { type: '1', link: '/etc/passwd' })),
    message: /lacks wanted.bin/,
  },
  {
    name: 'tar: a folder that is a link, then a file in it',
    kind: 'tar',
    make: () => tar(entry('a', { type: '2', link: '..' }), entry('a/wanted.bin', sixteen)),
    message: null,
  },
  {
    name: 'tar: the file twice',
    kind: 'tar',
    make: () => tar(entry('wanted.bin', sixteen), entry('wanted.bin', { content: Buffer.alloc(16, 'b') })),
    message: null,
  },
  {
    name: 'tar: a file of eight gigabytes',
    kind: 'tar',
    make: () => tar(entry('wanted.bin', { size: 8 * 2 ** 30 - 1 })),
    message: /bytes long, at most 16 are expected/,
  },
  {
    name: 'tar: half a gigabyte of zeros that nobody wants',
    kind: 'tar',
    make: () => {
      // Zeros are packed once: what gzip makes of parts, one after another, is what it makes of the whole.
      const part = gzipSync(Buffer.alloc(2 ** 23))
      return Buffer.concat([gzipSync(entry('other.bin', { size: 2 ** 29 })), ...Array<Buffer>(64).fill(part), tar()])
    },
    message: /lacks wanted.bin/,
    megabytes: 300,
  },
  { name: 'tar: no gzip', kind: 'tar', make: () => Buffer.alloc(2000, 7), message: /cannot be unpacked/ },
]

/** A MAT-file with one element. */
const mat = (type: number, bytes: number, content: Uint8Array): Uint8Array => {
  const header = Buffer.alloc(128, ' ')
  header.write('MATLAB 5.0 MAT-file')
  header.write('\0\x01IM', 124, 'latin1')
  const tag = Buffer.alloc(8)
  tag.writeUInt32LE(type, 0)
  tag.writeUInt32LE(bytes, 4)
  return Buffer.concat([header, tag, content])
}
const idx = (...sizes: number[]): Uint8Array => Buffer.concat([u32be(0x803), ...sizes.map(u32be), Buffer.alloc(100)])

export const DATA: readonly Hostile[] = [
  {
    name: 'MAT: an array of four gigabytes',
    kind: 'mat',
    make: () => mat(14, 2 ** 32 - 1, new Uint8Array(64)),
    message: /damaged/,
  },
  {
    name: 'MAT: an element of an unknown kind, four gigabytes long',
    kind: 'mat',
    make: () => mat(99, 2 ** 32 - 1, new Uint8Array(64)),
    message: /ends after .* too early/,
  },
  {
    name: 'MAT: a gigabyte of zeros, compressed',
    kind: 'mat',
    make: () => {
      const zeros = deflateSync(new Uint8Array(2 ** 29), { level: 1 })
      return mat(15, zeros.length, zeros)
    },
    message: /damaged/,
  },
  { name: 'IDX: 2^96 bytes', kind: 'idx', make: () => idx(2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1), message: /asks for/ },
  { name: 'IDX: a device without end', kind: 'idx', make: () => '/dev/zero', message: /is no file/ },
  {
    name: 'CSV: one quoted field of sixty megabytes',
    kind: 'list',
    make: () => Buffer.concat([Buffer.from('path,label\n"'), Buffer.alloc(60_000_000, 'a')]),
    message: /is no CSV list/,
    megabytes: 1000,
  },
  { name: 'CSV: zeros', kind: 'list', make: () => Buffer.alloc(1_000_000), message: /has no column|is no CSV list/ },
  { name: 'CSV: a gigabyte', kind: 'list', make: () => sparse(2 ** 30), message: /more than .* bytes of a list/ },
  { name: 'CSV: a device without end', kind: 'list', make: () => '/dev/zero', message: /neither a folder nor a file/ },
]
