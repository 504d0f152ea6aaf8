import { readFileSync } from 'node:fs'
import { deflateSync, gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DatasetSources } from '../../../dist/data/bringing/sources.js'
import { svhn } from '../../../dist/data/sets/catalogue.js'
import { readMat } from '../../../dist/data/sets/mat.js'
import { readSvhnFile, setValidationAside, validationImages } from '../../../dist/data/sets/svhn.js'
import type { ArrayDataset } from '../../../dist/images/dataset.js'
import { splitDataset } from '../../../dist/images/split.js'
import { put } from '../pictures.js'
import { send, serve, sha256, temporaryFolder } from '../tiny.js'

const golden = (name: string): Uint8Array => readFileSync(new URL(`../../golden/svhn/${name}`, import.meta.url))
const files = {
  train: golden('train.mat'),
  extra: golden('extra.mat'),
  plain: new Uint8Array(gunzipSync(golden('plain.mat.gz'))),
  more: golden('more.mat'),
}

/** In pieces of `size` bytes, each valid only until the next one. */
async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(size)
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size)
    buffer.set(piece)
    yield buffer.subarray(0, piece.length)
    buffer.fill(0xaa)
  }
}

const pixel = (row: number, column: number, channel: number, image: number): number =>
  (7 * row + 3 * column + 50 * channel + 11 * image) % 256

function expectImages(images: Uint8Array, numbers: readonly number[]): void {
  const expected = numbers.flatMap(n =>
    [0, 1, 2].flatMap(ch => Array.from({ length: 1024 }, (_, i) => pixel(i >> 5, i & 31, ch, n))),
  )
  expect([...images]).toEqual(expected)
}

async function read(
  bytes: Uint8Array,
  count: number,
  size?: number,
): Promise<{ images: Uint8Array; labels: Uint16Array }> {
  const content = { images: new Uint8Array(count * 3072), labels: new Uint16Array(count) }
  await readSvhnFile(pieces(bytes, size), 'digits.mat', count, content, 0)
  return content
}

describe('MAT-files of SciPy', () => {
  test.each([
    ['compressed', files.train, 4, [0, 1, 2, 3], [1, 2, 3, 4]],
    ['plain', files.plain, 2, [7, 8], [8, 9]],
    ['doubles, another order, and more arrays', files.more, 2, [0, 1], [1, 2]],
  ])('%s', async (_, bytes, count, numbers, labels) => {
    for (const size of [1, 37, 4096, 1 << 20]) {
      const content = await read(bytes, count, size)
      expectImages(content.images, numbers)
      expect([...content.labels]).toEqual(labels)
    }
  })

  test('label 10 is the digit 0', async () => {
    const bytes = Uint8Array.from(files.plain)
    const at = Buffer.from(bytes).lastIndexOf(Buffer.from([8, 9]))
    bytes[at] = 10
    expect([...(await read(bytes, 2)).labels]).toEqual([0, 9])
    bytes[at] = 11
    await expect(read(bytes, 2)).rejects.toThrow('image 0 of digits.mat has label 11, expected one from 1 to 10')
  })
})

describe('what is refused, in a sentence', () => {
  const refused = (bytes: Uint8Array, count = 4) => expect(read(bytes, count)).rejects

  test('other files and versions', async () => {
    await refused(golden('version4.mat')).toThrow('digits.mat is')
    await refused(Buffer.from('MATLAB 7.3 MAT-file'.padEnd(200))).toThrow('of version 7.3 (HDF5), expected level 5')
    await refused(Buffer.alloc(200)).toThrow('digits.mat is no MAT-file')
    await refused(Buffer.alloc(20)).toThrow('it ends after 20 bytes, too early')
  })

  test('another number of images than is known', async () => {
    await refused(files.train, 5).toThrow('digits.mat has X of 32 x 32 x 3 x 4 uint8, expected 32 x 32 x 3 x 5 uint8')
    await refused(files.train.subarray(0, 128)).toThrow('digits.mat lacks X or y')
  })

  /** A matrix element that claims `dimensions` and `bytes`. */
  function matrix(dimensions: readonly number[], bytes: number, data: Uint8Array, nameBytes = 1): Buffer {
    const u32 = (...numbers: number[]): Buffer => Buffer.from(Uint32Array.from(numbers).buffer)
    const shape = u32(5, 4 * dimensions.length, ...dimensions, ...(dimensions.length % 2 ? [0] : []))
    const name = nameBytes === 1 ? Buffer.from([1, 0, 1, 0, 88, 0, 0, 0]) : u32(1, nameBytes)
    const body = Buffer.concat([u32(6, 8, 9, 0), shape, name, u32(2, bytes), data])
    return Buffer.concat([
      u32(14, bytes > 2 ** 31 ? 2 ** 32 - 1 : Math.max(body.length, bytes + body.length - data.length)),
      body,
    ])
  }
  const withHeader = (...parts: Uint8Array[]): Buffer => {
    const header = Buffer.from('MATLAB 5.0 MAT-file'.padEnd(128))
    header.write('\x00\x01IM', 124, 'latin1')
    return Buffer.concat([header, ...parts])
  }
  const compressed = (element: Uint8Array): Buffer => {
    const packed = deflateSync(element)
    const tag = Buffer.alloc(8)
    tag.writeUInt32LE(15, 0)
    tag.writeUInt32LE(packed.length, 4)
    return Buffer.concat([tag, packed])
  }

  test('huge claims, before any memory is taken for them', async () => {
    const huge = matrix([2 ** 31 - 1, 2 ** 31 - 1], 2 ** 32 - 8, new Uint8Array(8))
    await refused(withHeader(huge)).toThrow(/^digits.mat is damaged: X of 2147483647 x 2147483647 numbers has/)
    await refused(withHeader(compressed(huge))).toThrow(/^digits.mat is damaged: X of/)
    await refused(withHeader(matrix([1], 1, new Uint8Array(8), 2 ** 31))).toThrow(
      'damaged: 2147483648 bytes for the name or shape of an array',
    )
    await refused(withHeader(matrix([32, 32, 3, 4], 12_288, new Uint8Array(100)))).toThrow('too early')
  })

  test('a bomb: an array that nobody asked for is not inflated to its end', async () => {
    const zeros = matrix([2 ** 26], 2 ** 26, Buffer.alloc(2 ** 26))
    zeros[zeros.indexOf(88)] = 90 // its name: Z
    const bomb = compressed(zeros)
    expect(bomb.length).toBeLessThan(2 ** 17)
    let taken = 0
    await readMat(pieces(withHeader(bomb, bomb)), 'bomb.mat', ({ name, dimensions }) => {
      taken++
      expect([name, ...dimensions]).toEqual(['Z', 2 ** 26])
      return null
    })
    expect(taken).toBe(2)
  })

  test('damaged bytes: content or a DenseNetError, never anything else', async () => {
    const damage = fc.record({
      original: fc.constantFrom(...Object.values(files)),
      changes: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
      early: fc.boolean(),
      length: fc.double({ min: 0.01, max: 1, noNaN: true }),
    })
    await fc.assert(
      fc.asyncProperty(damage, async ({ original, changes, early, length }) => {
        const bytes = Uint8Array.from(original.subarray(0, Math.ceil(original.length * length)))
        // Half of them in the headers, where it hurts most.
        const range = early ? Math.min(bytes.length, 300) : bytes.length
        for (const [at, value] of changes) bytes[at % range] = value
        await read(bytes, 4).catch(error => expect(error).toMatchObject({ name: 'DenseNetError' }))
      }),
      { numRuns: 500 },
    )
  }, 60_000)
})

test('is fetched, verified and split as in the paper', async () => {
  const list = [
    { name: 'train_32x32.mat', split: 'train', images: 4, bytes: files.train },
    { name: 'extra_32x32.mat', split: 'train', images: 3, bytes: files.extra },
    { name: 'test_32x32.mat', split: 'test', images: 2, bytes: files.plain },
  ] as const
  const { address } = await serve((request, response) => {
    send(request, response, list.find(({ name }) => request.url === `/${name}`)!.bytes)
  })
  const known = list.map(({ bytes, ...file }) => ({ ...file, size: bytes.length, sha256: sha256(bytes) }))
  const remotes = known.map(({ name, size, sha256 }) => ({ url: `${address}/${name}`, size, sha256 }))
  const sources: DatasetSources = {
    files: known,
    usualFolders: [],
    sources: [{ kind: 'plain', title: 'here', remotes }],
  }
  const folder = await temporaryFolder()
  const { train, validation, test: tested } = await svhn({ folder, sources })
  // Fewer than 400 and 200 images of each digit: all of them are set aside.
  expect([train.length, validation.length, tested.length]).toEqual([0, 7, 2])
  expectImages(validation.images, [0, 1, 2, 3, 4, 5, 6])
  expectImages(tested.images, [7, 8])
  expect([...validation.labels]).toEqual([1, 2, 3, 4, 5, 6, 7])
  put(folder, 'svhn/test_32x32.mat', files.plain.fill(1, 5000, 5100))
  await expect(svhn({ folder, sources: { ...sources, sources: [] } })).rejects.toThrow('test_32x32.mat')
})

test('validation images: so many of each digit from both files, always the same', () => {
  const length = 300
  const made = (): ArrayDataset => ({
    name: 'svhn',
    split: 'train',
    classes: [...'0123456789'],
    channels: 3,
    height: 32,
    width: 32,
    length,
    images: Uint8Array.from({ length: length * 3072 }, (_, i) => Math.floor(i / 3072) % 251),
    labels: Uint16Array.from({ length }, (_, i) => (i * 7) % 10),
    normalisation: { mean: [0, 0, 0], deviation: [255, 255, 255] },
  })
  const chosen = validationImages(made().labels, 100, [4, 2])
  const { train, validation } = setValidationAside(made(), chosen)
  expect([train.length, validation.length, validation.split]).toEqual([240, 60, 'validation'])
  for (let digit = 0; digit < 10; digit++) expect(validation.labels.filter(label => label === digit)).toHaveLength(6)
  expect(train.images.length).toBe(240 * 3072)
  // Every image is in one of the two, whole.
  const counts = new Map<number, number>()
  for (const set of [train, validation]) {
    for (let i = 0; i < set.length; i++) {
      const values = new Set(set.images.subarray(i * 3072, (i + 1) * 3072))
      expect(values.size).toBe(1)
      for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
    }
  }
  const original = new Map<number, number>()
  for (let i = 0; i < length; i++) original.set(i % 251, (original.get(i % 251) ?? 0) + 1)
  expect(counts).toEqual(original)
  const again = setValidationAside(made(), validationImages(made().labels, 100, [4, 2]))
  expect(Buffer.compare(again.validation.images, validation.images)).toBe(0)
  expect(Buffer.compare(again.train.images, train.images)).toBe(0)
  // A run that holds so many images out holds these out, for any seed; another number is chosen by the seed.
  const split = splitDataset({ ...made(), heldOut: chosen }, 60, 5)
  expect(Buffer.compare(split.validation.images, validation.images)).toBe(0)
  expect(Buffer.compare(split.train.images, train.images)).toBe(0)
  const other = splitDataset({ ...made(), heldOut: chosen }, 59, 5)
  expect(other).toEqual(splitDataset(made(), 59, 5))
})
