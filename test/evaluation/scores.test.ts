import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Predictions } from '../../dist/evaluation/predict.js'
import { confusedPairs, scorePredictions, worstMistakes } from '../../dist/evaluation/scores.js'
import { likeliest, likeliestFew, rankOf } from '../../dist/util/ranking.js'

interface Golden {
  labels: number[]
  probabilities: number[]
  confusion: number[][]
  precision: number[]
  recall: number[]
  f1: number[]
  top1Error: number
  top5Error: number
  expectedCalibrationError: number
}
const file = new URL('../golden/evaluation/scores.json.gz', import.meta.url)
const golden: Golden = JSON.parse(gunzipSync(readFileSync(file)).toString())

function predictions(labels: readonly number[], probabilities: readonly number[]): Predictions {
  const images = labels.length
  const classes = probabilities.length / images
  return {
    images,
    classes,
    indices: Uint32Array.from(labels, (_, i) => i),
    labels: Uint16Array.from(labels),
    probabilities: Float32Array.from(probabilities),
    scores: Float64Array.from(probabilities, Math.log),
    losses: Float64Array.from(labels, (label, i) => -Math.log(probabilities[i * classes + label]!)),
  }
}

test('scores are those of scikit-learn', () => {
  const names = [...'abcdefg']
  const scores = scorePredictions(predictions(golden.labels, golden.probabilities), names)
  expect(scores.confusion.map(row => [...row])).toEqual(golden.confusion)
  expect(scores.top1Error).toBeCloseTo(golden.top1Error, 9)
  expect(scores.top5Error).toBeCloseTo(golden.top5Error, 9)
  expect(scores.expectedCalibrationError).toBeCloseTo(golden.expectedCalibrationError, 6)
  scores.classes.forEach(({ name, precision, recall, f1 }, c) => {
    expect(name).toBe(names[c])
    // scikit-learn calls undefined ones 0.
    expect(precision ?? 0).toBeCloseTo(golden.precision[c]!, 12)
    expect(recall ?? 0).toBeCloseTo(golden.recall[c]!, 12)
    expect(f1 ?? 0).toBeCloseTo(golden.f1[c]!, 12)
  })
  // Class c is never predicted, class g never occurs.
  expect([scores.classes[2]!.precision, scores.classes[6]!.recall]).toEqual([null, null])
  expect(scores.macro.recall).toBeCloseTo(golden.recall.slice(0, 6).reduce((sum, x) => sum + x, 0) / 6, 12)
  expect(scores.calibration.reduce((sum, { images }) => sum + images, 0)).toBe(300)
})

describe('mistakes', () => {
  const some = predictions([0, 1, 1, 0], [0.9, 0.1, 0.6, 0.4, 0.8, 0.2, 0.5, 0.5])

  test('the surest first; of equal probabilities the first class counts', () => {
    expect(likeliest(Float32Array.of(0.5, 0.5))).toBe(0)
    expect(worstMistakes(some, 5).map(({ image, label, predicted }) => [image, label, predicted])).toEqual([
      [2, 1, 0],
      [1, 1, 0],
    ])
    expect(worstMistakes(some, 1)).toHaveLength(1)
  })

  test('pairs of classes', () => {
    const { confusion } = scorePredictions(some, ['a', 'b'])
    expect(confusedPairs(confusion, 5)).toEqual([{ label: 1, predicted: 0, images: 2 }])
  })
})

describe('ranks', () => {
  test("equal scores rank by number, as for PyTorch's argmax", () => {
    const scores = Float32Array.of(1, 3, 3, 0, 3)
    expect(likeliest(scores)).toBe(1)
    expect(likeliestFew(scores, 4)).toEqual([1, 2, 4, 0])
    expect([0, 1, 2, 3, 4].map(label => rankOf(scores, label))).toEqual([3, 0, 1, 4, 2])
  })

  test('the few are the first of all, for any scores', () => {
    for (let i = 0; i < 50; i++) {
      const scores = Float64Array.from({ length: 30 }, (_, c) => (i * (c + 3) * 7919) % 11)
      const all = likeliestFew(scores, 30)
      expect(all.map(c => rankOf(scores, c))).toEqual([...all.keys()])
      expect(likeliestFew(scores, 5)).toEqual(all.slice(0, 5))
      expect(likeliest(scores)).toBe(all[0])
    }
  })
})
