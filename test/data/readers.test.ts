import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCifarRecords } from '../../dist/data/sets/cifar.js'
import { readIdx, readIdxPair } from '../../dist/data/sets/idx.js'
import { DenseNetError } from '../../dist/errors.js'
import { cifarBytes } from './tiny.js'

function idx(shape: number[], data: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 0x800 + shape.length)
  for (const [i, size] of shape.entries()) view.setUint32(4 + 4 * i, size)
  bytes.set(data, 4 + 4 * shape.length)
  return bytes
}

/** Runs `read`; whatever it throws must be a sentence for a person. */
function readsOrExplains(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(DenseNetError)
    expect((error as DenseNetError).message).toContain('file')
  }
}

describe('IDX', () => {
  test('reads shape and data', () => {
    const { shape, data } = readIdx(idx([2, 1, 3], [1, 2, 3, 4, 5, 6]), 3, 'file')
    expect(shape).toEqual([2, 1, 3])
    expect([...data]).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('names what is wrong', () => {
    expect(() => readIdx(new Uint8Array(3), 1, 'file')).toThrow('too short for an IDX header of 8 bytes')
    expect(() => readIdx(idx([3], [1, 2, 3]), 3, 'file')).toThrow('too short')
    expect(() => readIdx(idx([2, 2, 2], new Array(8)), 1, 'file')).toThrow(
      'begins with 0x00000803, expected 0x00000801',
    )
    expect(() => readIdx(idx([3], [1, 2]), 1, 'file')).toThrow('10 bytes long, but its header (3) asks for 11')
    const images = idx([2, 1, 1], [0, 0])
    expect(() => readIdxPair(images, idx([3], [0, 1, 2]), 10, 'file', 'labels')).toThrow('2 images, but labels has 3')
    expect(() => readIdxPair(images, idx([2], [0, 10]), 10, 'file', 'labels')).toThrow('label 1 of labels is 10')
  })

  test('whatever the bytes, it reads them or says what is wrong', () => {
    const header = fc.constantFrom(0x801, 0x803, 0x802, 0x0103_0800, 0)
    const sizes = fc.array(fc.oneof(fc.nat(4), fc.constantFrom(0xffff_ffff, 0x8000_0000)), { maxLength: 4 })
    fc.assert(
      fc.property(header, sizes, fc.uint8Array({ maxLength: 80 }), fc.constantFrom(1, 3), (magic, shape, data, n) => {
        const bytes = idx(shape, data)
        new DataView(bytes.buffer).setUint32(0, magic)
        readsOrExplains(() => readIdx(bytes, n, 'file'))
        readsOrExplains(() => readIdx(data, n, 'file'))
        readsOrExplains(() => readIdxPair(bytes, data, 10, 'file', 'other file'))
      }),
    )
  })
})

describe('CIFAR', () => {
  test('takes records apart', () => {
    const bytes = cifarBytes(3, 5)
    const images = new Uint8Array(4 * 3072)
    const labels = new Uint16Array(4)
    expect(readCifarRecords(bytes, { labelBytes: 1, classes: 10 }, images, labels, 1, 'file')).toBe(3)
    expect([...labels]).toEqual([0, 5, 6, 7])
    expect(images.subarray(3072 * 2, 3072 * 3)).toEqual(bytes.subarray(3073 + 1, 2 * 3073))
  })

  test('uses the fine label of CIFAR-100', () => {
    const record = new Uint8Array(3074)
    record.set([19, 99, 200])
    const images = new Uint8Array(3072)
    const labels = new Uint16Array(1)
    readCifarRecords(record, { labelBytes: 2, classes: 100 }, images, labels, 0, 'file')
    expect(labels[0]).toBe(99)
    expect(images[0]).toBe(200)
  })

  test('whatever the bytes, it reads them or says what is wrong', () => {
    const label = fc.integer({ min: 0, max: 255 })
    fc.assert(
      fc.property(fc.nat(2), fc.integer({ min: -2, max: 2 }), label, (count, more, first) => {
        const bytes = new Uint8Array(Math.max(0, count * 3073 + more)).fill(first)
        const images = new Uint8Array(count * 3072 + 3072)
        readsOrExplains(() =>
          readCifarRecords(bytes, { labelBytes: 1, classes: 10 }, images, new Uint16Array(3), 0, 'file'),
        )
      }),
    )
  })

  test('names a label that cannot be', () => {
    const bytes = cifarBytes(2, 0)
    bytes[3073] = 10
    expect(() =>
      readCifarRecords(bytes, { labelBytes: 1, classes: 10 }, new Uint8Array(6144), new Uint16Array(2), 0, 'a.bin'),
    ).toThrow('record 1 of a.bin has label 10, expected one from 0 to 9')
  })
})
