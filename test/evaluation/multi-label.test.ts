// Scores and the report of images that may have several labels, by numbers that can be counted by hand.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { multiLabelCsv } from '../../dist/evaluation/csv.js'
import { scoreMultiLabel, worstCalls } from '../../dist/evaluation/multi-label-scores.js'
import { writeReport } from '../../dist/evaluation/write-report.js'
import { markedDataset, temporaryFolder } from '../training/fixtures.js'

const folder = temporaryFolder()
const dataset = { ...markedDataset('test', 4), classes: ['<red>', 'green, dark', 'blue'] }
const probabilities = Float32Array.of(0.75, 0.25, 0.125, 0.25, 0.125, 0.875, 0.25, 0.75, 0.125, 0.625, 0.25, 0.25)
const predictions = {
  images: 4,
  classes: 3,
  indices: Uint32Array.of(0, 1, 2, 3),
  labels: Uint16Array.of(0, 0, 1, 0),
  // Four images, three classes: the second image is of none; nothing is blue.
  targets: Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0),
  probabilities,
  scores: Float64Array.from(probabilities, p => Math.log(p / (1 - p))),
  losses: Float64Array.of(0.5, 0.25, 0.125, 0.125),
}

describe('scores', () => {
  const scores = scoreMultiLabel(predictions, dataset.classes)

  test('of all images', () => {
    const { subsetError, labelError, loss, meanAveragePrecision, meanAuc, macroF1 } = scores
    expect({ subsetError, loss }).toEqual({ subsetError: 50, loss: 0.25 })
    expect(labelError).toBeCloseTo(200 / 12, 12)
    expect(meanAveragePrecision).toBeCloseTo((1 + 5 / 6) / 2, 12)
    expect(meanAuc).toBeCloseTo((1 + 3.5 / 4) / 2, 12)
    expect(macroF1).toBeCloseTo((1 + 2 / 3) / 2, 12)
    // Gaps of the five bins that are not empty: 3 of 0.125, 5 of 0.25, one of 0.625, 2 of 0.75, one of 0.875.
    expect(scores.expectedCalibrationError).toBeCloseTo((0.375 + 0.25 + 0.375 + 0.5 + 0.875) / 12, 12)
    expect(scores.calibration.map(({ images }) => images).filter(Boolean)).toEqual([3, 5, 1, 2, 1])
  })

  test('of each class; what does not exist is null', () => {
    const [red, green, blue] = scores.classes
    expect(red).toEqual({ name: '<red>', images: 2, averagePrecision: 1, auc: 1, precision: 1, recall: 1, f1: 1 })
    expect(green).toMatchObject({ images: 2, auc: 0.875, precision: 1, recall: 0.5 })
    expect(green!.f1).toBeCloseTo(2 / 3, 12)
    expect(blue).toEqual({
      name: 'blue',
      images: 0,
      averagePrecision: null,
      auc: null,
      precision: 0,
      recall: null,
      f1: 0,
    })
  })

  test('the worst calls, one for each image', () => {
    expect(worstCalls(predictions, 5)).toEqual([
      { image: 1, label: 2, there: false, probability: 0.875 },
      { image: 0, label: 1, there: true, probability: 0.25 },
    ])
    expect(worstCalls(predictions, 1)).toHaveLength(1)
  })
})

test('every prediction as a line of CSV', () => {
  expect(multiLabelCsv(dataset, predictions).split('\r\n').slice(0, 3)).toEqual([
    'image,labels,correct,<red>,"green, dark",blue',
    '0,"<red>|green, dark",0,0.750000,0.250000,0.125000',
    '1,,0,0.250000,0.125000,0.875000',
  ])
})

test('the report: names are escaped, what is not known is a dash, nothing is confused', async () => {
  const score = { epoch: 3, loss: 0.2, top1Error: 40, top5Error: 0, meanAveragePrecision: 0.75, meanAuc: 0.5 }
  const training = { last: score, best: { ...score, epoch: 2, meanAveragePrecision: 0.8 }, epochs: 3, finished: true }
  const facts = { path: 'runs/a', network: 'DenseNet', views: 'single', training } as const
  const scores = scoreMultiLabel(predictions, dataset.classes)
  const { html, json } = await writeReport(folder, facts, dataset, predictions, scores)
  const page = readFileSync(html, 'utf8')
  expect(page).toContain('<dt>mean average precision</dt><dd>91.7 %</dd>')
  expect(page).toContain('<dt>subset error</dt><dd>50.00 %</dd>')
  expect(page).toContain('<th>&lt;red&gt;</th><td>2</td><td>100.0 %</td><td>1.000</td>')
  expect(page).toContain('<th>blue</th><td>0</td><td>–</td><td>–</td><td>0.0 %</td><td>–</td><td>0.0 %</td>')
  expect(page).toContain('<td>2</td><td>80.0 %</td><td>40.00 %</td><td class="text">highest of all epochs')
  expect(page).toMatch(/<img src="data:image\/png;base64,[^"]+" alt="image 1">.*<b>blue<\/b> 88 %<br>is not there/)
  expect(page).not.toMatch(/NaN|undefined|null|<red>|top-5|onfus/)
  const report = JSON.parse(readFileSync(json, 'utf8'))
  expect(report).toMatchObject({ multiLabel: true, classes: dataset.classes, scores: { subsetError: 50 } })
  expect(report.worst[0]).toMatchObject({ index: 1, label: 2, there: false, file: null })
})
