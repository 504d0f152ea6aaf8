// Images that are shown several times: averages against PyTorch's, and an evaluation in training against a test afterwards.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { imageFiles } from '../../dist/data/sets/image-files.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import { hasTargets, scoreMultiLabel } from '../../dist/evaluation/multi-label-scores.js'
import { scorePredictions } from '../../dist/evaluation/scores.js'
import type { FileDataset } from '../../dist/images/dataset.js'
import { VIEWS } from '../../dist/images/transforms/preprocess.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { averageViews } from '../../dist/training/views.js'
import { rankOf } from '../../dist/util/ranking.js'
import { putClasses } from '../data/pictures.js'
import { markedDataset, TINY, temporaryFolder, tinyDataset } from './fixtures.js'

interface Case {
  logits: number[]
  views: number
  shares: number[]
  losses: number[]
  order: number[]
  own: number[]
  ownLoss: number
}
const golden = new URL('../golden/evaluation/views.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(golden, 'utf8')) as { cases: Case[] }

describe("averages are PyTorch's", () => {
  test.each(cases)('of $views views', ({ logits, shares, losses, order, own, ownLoss }) => {
    const scores = Float64Array.from(logits)
    for (const [label, loss] of losses.entries()) {
      const answer = averageViews(scores, 4, { label, own: false })
      expect(answer.loss / loss).toBeCloseTo(1, 12)
      for (let c = 0; c < 4; c++) expect(answer.probabilities[c]).toBeCloseTo(shares[c]!, 12)
      expect(rankOf(answer.scores, label)).toBe(order.indexOf(label))
    }
    const answer = averageViews(scores, 4, { label: 0, targets: [1, 0, 1, 0], own: true })
    expect(answer.loss / ownLoss).toBeCloseTo(1, 12)
    for (let c = 0; c < 4; c++) expect(answer.probabilities[c]).toBeCloseTo(own[c]!, 12)
  })
})

const folder = temporaryFolder()
const on = createReferenceBackend()
const options: FitOptions = { on, loaderThreads: 0, epochs: 2, batchSize: 4, learningRate: 0.01 }
let train: FileDataset
let photos: FileDataset

beforeAll(async () => {
  await putClasses(join(folder, 'photos', 'train'), { a: 5, bb: 5, ccc: 4 })
  await putClasses(join(folder, 'photos', 'val'), { a: 3, bb: 2, ccc: 2 })
  const files = await imageFiles(join(folder, 'photos'), { size: 8 })
  train = files.train
  photos = files.test
})

describe('an evaluation in training', () => {
  test.each(['ten', 'flip'] as const)(
    'of %s is that of a test with as many views, for batches of any size',
    async crops => {
      const output = join(folder, crops)
      const network = DenseNet.create(TINY, { seed: 3 })
      const { final } = await network.fit(train, { ...options, crops, validation: photos, output })
      const single = scorePredictions(await network.predict(photos, { on }), photos.classes)
      const several = scorePredictions(await network.predict(photos, { on, views: crops }), photos.classes)
      expect(final!.loss).toBeCloseTo(several.loss, 6)
      expect([final!.top1Error, final!.top5Error]).toEqual([several.top1Error, several.top5Error])
      expect(final!.loss).not.toBeCloseTo(single.loss, 4)
      const evaluated = await network.evaluate(photos, { on, views: crops, batchSize: 3 })
      expect(evaluated.loss).toBeCloseTo(several.loss, 6)
      expect((await readCheckpoint(join(output, 'last.safetensors'))).recipe).toMatchObject({ crops })

      await network.fit(train, { on, resume: output, epochs: 3, validation: photos })
      expect((await readCheckpoint(join(output, 'last.safetensors'))).recipe).toMatchObject({ crops })
      const other = network.fit(train, { on, resume: output, epochs: 4, crops: 'single', validation: photos })
      await expect(other).rejects.toThrow(`crops is ${crops} in this run and cannot become single in the middle of it`)
    },
  )

  test('of images with several labels', async () => {
    const network = DenseNet.create(TINY, { seed: 3 })
    const validation = markedDataset('test', 10)
    const { final } = await network.fit(markedDataset('train', 12), { ...options, crops: 'flip', validation })
    const predictions = await network.predict(validation, { on, views: 'flip' })
    if (!hasTargets(predictions)) throw new Error('there are targets')
    const { loss, subsetError, meanAveragePrecision } = scoreMultiLabel(predictions, validation.classes)
    expect(final!.loss).toBeCloseTo(loss, 6)
    expect([final!.top1Error, final!.meanAveragePrecision]).toEqual([subsetError, meanAveragePrecision])
  })

  test('of training images that are held out', async () => {
    const network = DenseNet.create(TINY, { seed: 3 })
    const { final, heldOut } = await network.fit(train, { ...options, crops: 'ten', heldOut: 5 })
    expect([heldOut, Number.isFinite(final!.loss)]).toEqual([true, true])
  })

  test('ten crops of images that have the size of the network are refused before anything is made', async () => {
    const network = DenseNet.create(TINY)
    const output = join(folder, 'none')
    const validation = tinyDataset('test', 4)
    const run = network.fit(tinyDataset('train', 8), { ...options, crops: 'ten', validation, output })
    await expect(run).rejects.toThrow('there are no crops to be cut out')
    await expect(readCheckpoint(join(output, 'last.safetensors'))).rejects.toThrow('there is no checkpoint')
  })

  test('where the classifier alone is trained, features are of one crop: they are not kept', async () => {
    const own = { ...options, freeze: ['features.*'], validation: photos, crops: 'ten' } as const
    const output = join(folder, 'alone')
    await DenseNet.create({ ...TINY, dropRate: 0 }).fit(train, { ...own, output })
    expect((await readCheckpoint(join(output, 'last.safetensors'))).recipe).toMatchObject({ featurePasses: 0 })
    const kept = DenseNet.create({ ...TINY, dropRate: 0 }).fit(train, { ...own, featurePasses: 1 })
    await expect(kept).rejects.toThrow('features can be kept only of images that are evaluated by one crop')
  })

  test('is of one view by default', () => expect(VIEWS.single).toHaveLength(1))
})
