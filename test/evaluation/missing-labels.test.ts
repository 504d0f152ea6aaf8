// Labels that are not known have no part in scores: scikit-learn's numbers with them left out.
import { expect, test } from 'vitest'
import { multiLabelCsv } from '../../dist/evaluation/csv.js'
import { scoreMultiLabel, worstCalls } from '../../dist/evaluation/multi-label-scores.js'
import { MISSING, targetBytes } from '../../dist/images/dataset.js'
import { rankClasses } from '../../dist/training/multi-label.js'
import { averageViews } from '../../dist/training/views.js'
import { readMissing } from '../golden/training.js'

const golden = readMissing()
const { images, classes } = golden
const names = ['a', 'b', 'c', 'd', 'e']
const numbers = golden.targets.map(target => target ?? Number.NaN)
const scores = Float64Array.from(golden.logits)
const predictions = {
  images,
  classes,
  scores,
  targets: targetBytes(numbers),
  indices: Uint32Array.from({ length: images }, (_, i) => i),
  labels: new Uint16Array(images),
  probabilities: Float32Array.from(scores, score => 1 / (1 + Math.exp(-score))),
  losses: new Float64Array(images),
}

test('scores of each class, and errors', () => {
  const found = scoreMultiLabel(predictions, names)
  found.classes.forEach(({ averagePrecision, auc, f1 }, c) => {
    expect(averagePrecision).toBeCloseTo(golden.averagePrecision[c]!, 12)
    expect(auc).toBeCloseTo(golden.auc[c]!, 12)
    expect(f1 ?? 0).toBeCloseTo(golden.f1[c]!, 12)
  })
  expect(found.labelError).toBeCloseTo(golden.labelError, 12)
  expect(found.subsetError).toBeCloseTo(golden.subsetError, 12)
  const known = golden.targets.filter(target => target !== null).length
  expect(found.calibration.reduce((sum, { images }) => sum + images, 0)).toBe(known)
  // In training the targets come as numbers.
  expect(rankClasses(scores, numbers, classes)).toEqual(rankClasses(scores, predictions.targets, classes))
})

test('the loss of one view is that of the kernel', () => {
  const { losses } = golden.losses.find(({ weighted, smoothing }) => !weighted && smoothing === 0)!
  losses.forEach((loss, image) => {
    const own = (values: readonly number[]) => values.slice(image * classes, (image + 1) * classes)
    const answer = averageViews(Float64Array.from(own(golden.logits)), classes, {
      label: 0,
      targets: own(numbers),
      own: true,
    })
    expect(answer.loss).toBeCloseTo(loss, 12)
  })
})

test('none is called wrong, and the table names them', () => {
  for (const { image, label } of worstCalls(predictions, images)) {
    expect(predictions.targets[image * classes + label]).not.toBe(MISSING)
  }
  const dataset = { classes: names } as unknown as Parameters<typeof multiLabelCsv>[0]
  const [heading, ...lines] = multiLabelCsv(dataset, predictions).trim().split(/\r?\n/)
  expect(heading).toBe('image,labels,unknown,correct,a,b,c,d,e')
  // Image 3 is wholly unknown.
  expect(lines[3]).toMatch(/^3,,a\|b\|c\|d\|e,1,/)
})
