// Images that may have several labels: rankings against scikit-learn, and whole runs.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import { hasTargets, scoreMultiLabel } from '../../dist/evaluation/multi-label-scores.js'
import { isMultiLabel } from '../../dist/fitting/checkpoint.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { meanRanking, rankClasses } from '../../dist/training/multi-label.js'
import { markedDataset, TINY, temporaryFolder, tinyDataset } from './fixtures.js'

interface Ranking {
  readonly scores: number[]
  readonly targets: number[]
  readonly averagePrecision: number | null
  readonly auc: number | null
}
const golden: { cases: Ranking[] } = JSON.parse(
  readFileSync(new URL('../golden/ranking/ranking.json', import.meta.url), 'utf8'),
)

describe('rankings', () => {
  test.each(golden.cases.map((ranking, i) => [i, ranking] as const))("are scikit-learn's, case %i", (_, expected) => {
    const [own] = rankClasses(expected.scores, expected.targets, 1)
    expect(own!.images).toBe(expected.targets.filter(target => target === 1).length)
    for (const name of ['averagePrecision', 'auc'] as const) {
      if (expected[name] === null) expect(own![name]).toBeNull()
      else expect(own![name]).toBeCloseTo(expected[name], 12)
    }
  })

  test('each class has its own; those without images have none, and no part in the means', () => {
    //        classes: 0    1    2
    const scores = [0.9, 0.1, 0.5, 0.2, 0.8, 0.6, 0.7, 0.3, 0.4]
    const targets = [1, 0, 0, 0, 1, 0, 1, 1, 0]
    const rankings = rankClasses(scores, targets, 3)
    expect(rankings.map(({ images }) => images)).toEqual([2, 2, 0])
    expect(rankings[0]).toEqual({ images: 2, averagePrecision: 1, auc: 1 })
    expect(rankings[2]).toEqual({ images: 0, averagePrecision: null, auc: null })
    expect(meanRanking(rankings)).toEqual({ meanAveragePrecision: 1, meanAuc: 1 })
    expect(meanRanking([rankings[2]!])).toEqual({ meanAveragePrecision: null, meanAuc: null })
  })

  test('scores that are no numbers end, too', () => {
    expect(rankClasses([Number.NaN, Number.NaN], [1, 0], 1)).toHaveLength(1)
  })
})

const folder = temporaryFolder()
const on = createReferenceBackend()
const train = markedDataset('train', 40)
const validation = markedDataset('test', 16)
const common: FitOptions = { on, validation, loaderThreads: 0, epochs: 3, batchSize: 8, learningRate: 0.1 }
const computing = { on, loaderThreads: 0 }

describe('a run', () => {
  test('has every class for itself, says how well it ranks, and keeps the epoch that ranks best', async () => {
    const model = DenseNet.create(TINY, { seed: 1 })
    const output = join(folder, 'run')
    const scores: number[] = []
    const { final, best } = await model.fit(train, {
      ...common,
      output,
      onEvent: event => {
        if (event.type === 'start') expect(event.multiLabel).toBe(true)
        if (event.type === 'epoch') scores.push(event.test!.meanAveragePrecision!)
      },
    })
    expect(best!.meanAveragePrecision).toBe(Math.max(...scores))
    expect(final!.meanAveragePrecision).toBe(scores.at(-1))
    expect(model.multiLabel).toBe(true)
    const { epoch: _, ...metrics } = final!
    expect(await model.evaluate(validation, { ...computing, batchSize: 8 })).toEqual(metrics)

    const checkpoint = await readCheckpoint(join(output, 'last.safetensors'))
    expect(checkpoint.recipe!.loss).toBe('binary-cross-entropy')
    expect(isMultiLabel(checkpoint)).toBe(true)
    const path = join(folder, 'saved.safetensors')
    await model.save(path)
    expect((await DenseNet.load(path)).multiLabel).toBe(true)
    // What is told of an evaluation image by image adds up to the same.
    const predictions = await model.predict(validation, computing)
    if (!hasTargets(predictions)) throw new Error('there are no targets')
    expect([...predictions.targets]).toEqual([...validation.targets!])
    const told = scoreMultiLabel(predictions, validation.classes)
    expect(told.meanAveragePrecision).toBeCloseTo(final!.meanAveragePrecision!, 12)
    expect(told.meanAuc).toBeCloseTo(final!.meanAuc!, 12)
    expect(told.loss).toBeCloseTo(final!.loss, 6)
    expect(told.subsetError).toBe(final!.top1Error)
  })

  const options: FitOptions = {
    mixup: 1,
    cutmix: 1,
    accumulate: 2,
    ema: 0.9,
    classWeights: 'balanced',
    labelSmoothing: 0.1,
    heldOut: 8,
    keepBest: 2,
    patience: 3,
  }
  test('stopped and gone on with, with mixing and all, ends with the same checkpoint', async () => {
    const ends = []
    for (const stops of [[], [2, 5, 8]]) {
      const output = join(folder, `stops-${stops.length}`)
      for (const [i, stop] of [...stops, Number.POSITIVE_INFINITY].entries()) {
        const controller = new AbortController()
        const place = i === 0 ? { ...common, ...options, output } : { ...computing, validation, resume: output }
        await DenseNet.create(TINY, { seed: 1 }).fit(train, {
          ...place,
          signal: controller.signal,
          onEvent: event => {
            if (event.type === 'step' && event.step === stop) controller.abort()
          },
        })
      }
      const { state, progress } = await readCheckpoint(join(output, 'last.safetensors'))
      ends.push({ state, progress: { ...progress!, logBytes: 0 } })
    }
    expect(ends[1]).toEqual(ends[0])
    expect(ends[0]!.progress.ranking[0]!.meanAveragePrecision).toBeGreaterThan(0)
  })

  test('views are averaged, sigmoid by sigmoid', async () => {
    const model = DenseNet.create(TINY, { seed: 1 })
    await model.fit(train, { ...common, epochs: 1 })
    const once = await model.predict(validation, computing)
    const both = await model.predict(validation, { ...computing, views: 'flip' })
    const mirrored = structuredClone(validation.images)
    for (let row = 0; row < mirrored.length; row += 8) mirrored.subarray(row, row + 8).reverse()
    const other = await model.predict({ ...validation, images: mirrored }, computing)
    for (const [i, probability] of both.probabilities.entries()) {
      expect(probability).toBeCloseTo((once.probabilities[i]! + other.probabilities[i]!) / 2, 6)
    }
  })
})

test('one label an image under the same loss: sigmoids, and errors as ever', async () => {
  const model = DenseNet.create(TINY, { seed: 1 })
  const test = tinyDataset('test', 12)
  const recipe: FitOptions = { ...common, validation: test, loss: 'binary-cross-entropy' }
  const { final } = await model.fit(tinyDataset('train', 30), recipe)
  expect(final!.meanAveragePrecision).toBeUndefined()
  const predictions = await model.predict(test, computing)
  expect(hasTargets(predictions)).toBe(false)
  const sums = Array.from({ length: 12 }, (_, i) =>
    predictions.probabilities.subarray(3 * i, 3 * i + 3).reduce((sum, value) => sum + value, 0),
  )
  expect(sums.some(sum => Math.abs(sum - 1) > 0.01)).toBe(true)
  const mean = predictions.losses.reduce((sum, loss) => sum + loss, 0) / 12
  expect(mean).toBeCloseTo(final!.loss, 6)
  expect((await model.evaluate(test, { ...computing, batchSize: 8 })).loss).toBe(final!.loss)
})

describe('refused', () => {
  const refused = (options: FitOptions, dataset = train) =>
    expect(DenseNet.create(TINY).fit(dataset, { ...common, ...options })).rejects

  test('a loss for one label', async () => {
    await refused({ loss: 'cross-entropy' }).toThrow(
      'the images of marks may have several labels; cross entropy is for one',
    )
  })

  test('images of one label beside images of several', async () => {
    const sentence = 'the images of tiny have one label, those of marks may have several'
    await refused({ validation: tinyDataset('test', 9) }).toThrow(sentence)
    await refused({ validation, loss: 'binary-cross-entropy' }, tinyDataset('train', 9)).toThrow(sentence)
  })

  test('targets that do not fit', async () => {
    await refused({}, { ...train, targets: train.targets!.subarray(1) }).toThrow(
      'marks have 119 targets, expected 40 x 3',
    )
  })
})
