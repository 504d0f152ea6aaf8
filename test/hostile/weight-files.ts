// Weights: safetensors, pickles, zip archives.
import { deflateRawSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { type Hostile, sparse } from './hostile-file.js'

const u64 = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer)
const safetensors = (header: string, data = 0): Uint8Array =>
  Buffer.concat([u64(BigInt(header.length)), Buffer.from(header), Buffer.alloc(data)])
const tensor = (begin: number, end: number, shape = `[${(end - begin) / 4}]`): string =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`

export const WEIGHTS: readonly Hostile[] = [
  {
    name: 'safetensors: a header of 2^63 bytes',
    kind: 'weights',
    make: () => Buffer.concat([u64(2n ** 63n), Buffer.from('{}')]),
    message: /its header claims/,
  },
  {
    name: 'safetensors: a header beyond the end',
    kind: 'weights',
    make: () => Buffer.concat([u64(9_000_000n), Buffer.from('{}')]),
    message: /its header needs/,
  },
  {
    name: 'safetensors: five million brackets',
    kind: 'weights',
    make: () => safetensors(`{"a":${'['.repeat(4_900_000)}${']'.repeat(4_900_000)}}`),
    message: /no valid safetensors/,
    megabytes: 1000,
  },
  {
    name: 'safetensors: brackets as metadata',
    kind: 'checkpoint',
    make: () => safetensors(`{"__metadata__":${'{"a":'.repeat(900_000)}1${'}'.repeat(900_000)}}`),
    message: /no valid safetensors/,
    megabytes: 1000,
  },
  {
    name: 'safetensors: tensors that overlap',
    kind: 'weights',
    make: () => safetensors(`{"a":${tensor(0, 8)},"b":${tensor(4, 12)}}`, 12),
    message: /b begins at byte 4 instead of 8/,
  },
  {
    name: 'safetensors: one tensor a hundred thousand times',
    kind: 'weights',
    make: () => safetensors(`{${Array.from({ length: 100_000 }, (_, i) => `"${i}":${tensor(0, 4)}`).join()}}`, 4),
    message: /begins at byte 0 instead of 4/,
    megabytes: 500,
  },
  {
    name: 'safetensors: a gap',
    kind: 'weights',
    make: () => safetensors(`{"a":${tensor(4, 8)}}`, 8),
    message: /a begins at byte 4 instead of 0/,
  },
  {
    name: 'safetensors: 2^53 elements',
    kind: 'weights',
    make: () => safetensors(`{"a":${tensor(0, 2 ** 53 - 1, '[9007199254740991]')}}`),
    message: /no valid safetensors/,
  },
  {
    name: 'safetensors: a shape whose product overflows',
    kind: 'weights',
    make: () => safetensors(`{"a":${tensor(0, 0, '[4294967296,4294967296,4294967296]')}}`),
    message: /no valid safetensors/,
  },
  {
    name: 'safetensors: a name twice',
    kind: 'weights',
    make: () => safetensors(`{"a":${tensor(0, 4)},"a":${tensor(4, 8)}}`, 8),
    message: /names "a" twice/,
  },
  {
    name: 'a pickle that is zeros of two gigabytes when unpacked',
    kind: 'weights',
    make: () => packed('x/data.pkl', deflateRawSync(new Uint8Array(50_000_000)), 2_000_000_000),
    message: /would grow|no valid|damaged|differs/,
  },
  {
    name: 'a pickle of ten million marks',
    kind: 'weights',
    make: () => torchZip(Buffer.concat([Buffer.of(0x80, 2), Buffer.alloc(10_000_000, '('), Buffer.from('.')])),
    message: /mark|holds no weights|its stack/,
    megabytes: 1500,
  },
  {
    name: 'a pickle that copies its memo again and again',
    kind: 'weights',
    make: () =>
      torchZip(
        Buffer.concat([Buffer.from([0x80, 2, 0x5d, 0x71, 0]), Buffer.alloc(4_000_000, 'h\0'), Buffer.from('.')]),
      ),
    message: /holds no weights/,
    megabytes: 1500,
  },
  {
    name: 'Caffe: ten million layers',
    kind: 'weights',
    make: () => Buffer.alloc(30_000_000, Buffer.of(0xa2, 6, 0)),
    message: /more than 20000 layers/,
  },
  {
    name: 'Caffe: a layer of ten million inputs',
    kind: 'weights',
    make: () => caffeLayer(Buffer.alloc(20_000_000, Buffer.of(0x1a, 0))),
    message: /a layer of more than 256 parts/,
  },
  {
    name: 'Caffe: a list of five million single numbers',
    kind: 'weights',
    make: () => caffeLayer(caffeField(7, Buffer.alloc(25_000_000, Buffer.of(0x2d, 0, 0, 0, 0)))),
    message: /20000000 bytes of float32 for the shape \[1,1,1,1\]/,
  },
  {
    name: 'MXNet: 2^62 arrays',
    kind: 'weights',
    make: () => Buffer.concat([u64(0x112n), u64(0n), u64(2n ** 62n)]),
    message: /it claims \d+ arrays/,
  },
  {
    name: 'MXNet: a million arrays that there is no room for',
    kind: 'weights',
    make: () => Buffer.concat([u64(0x112n), u64(0n), u64(1_000_000n), Buffer.alloc(20_000_000, 1)]),
    message: /an array of 16843009 dimensions/,
  },
  {
    name: 'NumPy: an array that is zeros of two gigabytes when unpacked',
    kind: 'weights',
    make: () => packed('arr_0.npy', deflateRawSync(new Uint8Array(50_000_000)), 2_000_000_000),
    message: /would grow/,
  },
  {
    name: 'a file of three gigabytes',
    kind: 'weights',
    make: () => sparse(3 * 2 ** 30),
    message: /at most 2147483647 are read/,
  },
  { name: 'a device without end', kind: 'weights', make: () => '/dev/zero', message: /is no file/ },
]

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
const caffeField = (number: number, content: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(content.length)]), content])
const caffeLayer = (content: Uint8Array): Uint8Array => caffeField(100, content)

/** A zip whose one entry says that it is `size` bytes long. */
function packed(name: string, bytes: Uint8Array, size: number): Uint8Array {
  const zip = Buffer.from(zipSync({ [name]: [bytes, { level: 0 }] }))
  const central = zip.lastIndexOf('PK\x01\x02')
  for (const [at, length] of [
    [0, 8],
    [central, 10],
  ] as const)
    zip.writeUInt16LE(8, at + length)
  zip.writeUInt32LE(size, 22)
  zip.writeUInt32LE(size, central + 24)
  return zip
}

const torchZip = (pickle: Uint8Array): Uint8Array => zipSync({ 'x/data.pkl': pickle }, { level: 0 })
