// Scores of pixels, by hand.
import { expect, test } from 'vitest'
import { addMetrics, averageMetrics, NO_METRICS } from '../../dist/training/metrics.js'
import { addPixels, pixelScores } from '../../dist/training/pixels.js'

test('intersections and unions over all images, void in neither', () => {
  const first = addPixels(undefined, { classes: 3, labels: [0, 0, 1, -1, 1], predicted: [0, 1, 1, 2, 0] })
  const all = addPixels(first, { classes: 3, labels: [0, -1], predicted: [0, 0] })
  expect(all).toEqual([2, 1, 0, 1, 1, 0, 0, 0, 0])
  const { accuracy, iou, meanIou } = pixelScores(all)
  expect(accuracy).toBe(3 / 5)
  // A class that is nowhere has no say; what is predicted where there is no label is not wrong.
  expect(iou).toEqual([2 / 4, 1 / 3, null])
  expect(meanIou).toBeCloseTo((1 / 2 + 1 / 3) / 2, 12)
})

test('without any label there is no score', () => {
  const none = addPixels(undefined, { classes: 2, labels: [-1], predicted: [1] })
  expect(pixelScores(none)).toEqual({ accuracy: Number.NaN, iou: [null, null], meanIou: null })
})

test('metrics are of pixels where pixels were added', () => {
  const sums = addMetrics(NO_METRICS, [0.5, 1.5], [0, 0], { classes: 2, labels: [0, 1, 1, 1], predicted: [0, 1, 1, 0] })
  expect(averageMetrics(sums)).toEqual({ loss: 1, top1Error: 25, top5Error: 0, meanIou: (1 / 2 + 2 / 3) / 2 })
})
