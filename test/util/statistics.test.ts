// Statistics of numbers, against numpy's.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { statisticsOf } from '../../dist/util/statistics.js'

interface Case {
  readonly name: string
  readonly bins: number
  readonly values: readonly number[]
  readonly mean: number
  readonly standardDeviation: number
  readonly smallest: number
  readonly largest: number
  readonly edges: readonly number[]
  readonly counts: readonly number[]
}
const cases = JSON.parse(
  readFileSync(new URL('../golden/inspect/statistics.json', import.meta.url), 'utf8'),
) as readonly Case[]

test.each(cases)("$name in $bins bins is as numpy's", ({ bins, values, edges, counts, ...expected }) => {
  const { histogram, ...found } = statisticsOf(values, bins)
  const scale = Math.max(...values.map(Math.abs), 1e-300)
  expect(found).toMatchObject({ count: values.length, nonFinite: 0 })
  for (const name of ['mean', 'standardDeviation', 'smallest', 'largest'] as const) {
    expect(Math.abs(found[name]! - expected[name]) / scale).toBeLessThan(1e-14)
  }
  expect(histogram.counts).toEqual(counts)
  expect(histogram.edges).toHaveLength(bins + 1)
  for (const [i, edge] of histogram.edges.entries())
    expect(Math.abs(edge - edges[i]!)).toBeLessThan(1e-14 * scale + 1e-15)
})

test('numbers that are not finite are counted and left out', () => {
  const odd = [Number.NaN, 1, Number.POSITIVE_INFINITY, 3, Number.NEGATIVE_INFINITY]
  const { count, nonFinite, ...rest } = statisticsOf(Float32Array.from(odd), 2)
  const { count: _, nonFinite: __, ...plain } = statisticsOf([1, 3], 2)
  expect({ count, nonFinite }).toEqual({ count: 5, nonFinite: 3 })
  expect(rest).toEqual(plain)
  expect(rest).toEqual({
    mean: 2,
    standardDeviation: 1,
    smallest: 1,
    largest: 3,
    histogram: { edges: [1, 2, 3], counts: [1, 1] },
  })
})

test('of nothing finite there is nothing but a count', () => {
  const nothing = { mean: null, standardDeviation: null, smallest: null, largest: null }
  const histogram = { edges: [], counts: [] }
  expect(statisticsOf([])).toEqual({ count: 0, nonFinite: 0, ...nothing, histogram })
  expect(statisticsOf([Number.NaN])).toEqual({ count: 1, nonFinite: 1, ...nothing, histogram })
})

test('the largest float32 numbers', () => {
  const most = (2 - 2 ** -23) * 2 ** 127
  const { mean, standardDeviation, histogram } = statisticsOf(Float32Array.of(-most, 0, most, -most), 4)
  expect([mean, standardDeviation].every(Number.isFinite)).toBe(true)
  expect(histogram.counts).toEqual([2, 0, 1, 1])
})
