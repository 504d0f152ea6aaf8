import { expect, test } from 'vitest'
import { addMetrics, averageMetrics, NO_METRICS } from '../../dist/training/metrics.js'

test('averages over images, not over batches', () => {
  const first = addMetrics(NO_METRICS, [1, 2, 3], [0, 1, 5])
  expect(averageMetrics(addMetrics(first, [6], [4]))).toEqual({ loss: 3, top1Error: 75, top5Error: 25 })
})

test('with five or fewer classes nobody is outside the first five', () => {
  for (const classes of [1, 2, 3, 4, 5]) {
    const ranks = Array.from({ length: classes }, (_, rank) => rank)
    const { top1Error, top5Error } = averageMetrics(
      addMetrics(
        NO_METRICS,
        ranks.map(() => 1),
        ranks,
      ),
    )
    expect(top5Error).toBe(0)
    expect(top1Error).toBeCloseTo((100 * (classes - 1)) / classes)
  }
})

test('an image without a finite loss is wrong, whatever its rank', () => {
  const { top1Error, top5Error } = averageMetrics(addMetrics(NO_METRICS, [Number.NaN, 1], [0, 0]))
  expect([top1Error, top5Error]).toEqual([50, 50])
})
