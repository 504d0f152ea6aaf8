// A limited data set has all classes in proportion: of each its share of the images, rounded up or down.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitDataset } from '../../dist/images/dataset.js'

/** Images of one pixel that holds the image's number. */
function labelled(labels: readonly number[], targets?: Uint8Array) {
  const classes = Array.from({ length: Math.max(...labels) + 1 }, (_, c) => String(c))
  const normalisation = { mean: [0], deviation: [1] }
  return {
    name: 'numbers',
    split: 'train' as const,
    classes,
    channels: 1,
    height: 1,
    width: 1,
    normalisation,
    length: labels.length,
    labels: Uint16Array.from(labels),
    images: Uint8Array.from(labels.keys()),
    ...(targets ? { targets } : {}),
  }
}

const counts = (labels: Iterable<number>, classes: number): number[] => {
  const own = [...labels]
  return Array.from({ length: classes }, (_, c) => own.filter(label => label === c).length)
}

test('a list sorted by its classes keeps all of them', () => {
  const labels = [0, 1, 2, 3].flatMap(label => new Array<number>(25).fill(label))
  expect(counts(limitDataset(labelled(labels), 8).labels, 4)).toEqual([2, 2, 2, 2])
  expect(counts(limitDataset(labelled(labels), 8, 'order').labels, 4)).toEqual([8, 0, 0, 0])
})

test('classes of any sizes, in any order', () => {
  const lists = fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(lists, fc.integer({ min: 1, max: 220 }), (labels, limit) => {
      const { images, labels: own, length } = limitDataset(labelled(labels), limit)
      expect(length).toBe(Math.min(limit, labels.length))
      // Each image with its label, in the old order.
      expect([...own]).toEqual(Array.from(images, i => labels[i]))
      expect([...images]).toEqual([...new Set(images)].sort((a, b) => a - b))
      const before = counts(labels, 7)
      counts(own, 7).forEach((count, c) => {
        expect(Math.abs(count - (before[c]! * length) / labels.length)).toBeLessThan(1)
      })
    }),
  )
})

test('images of several labels, by all of them', () => {
  // 24 of each set, one set after another.
  const sets = [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]
  const rows = sets.flatMap(set => new Array<readonly number[]>(24).fill(set))
  const targets = Uint8Array.from(rows.flat())
  const labels = rows.map(([first, second]) => (first === 1 ? 0 : second!))
  const limited = limitDataset(labelled(labels, targets), 8).targets!
  const found = Array.from({ length: 8 }, (_, i) => limited.subarray(2 * i, 2 * i + 2).join())
  expect(found).toEqual(['0,0', '0,0', '0,1', '0,1', '1,0', '1,0', '1,1', '1,1'])
})
