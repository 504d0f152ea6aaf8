// Predictions against the engine's own losses, views against each other, and the files of a report.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { beforeAll, describe, expect, test } from 'vitest'
import { imageFiles } from '../../dist/data/sets/image-files.js'
import { DenseNet } from '../../dist/densenet.js'
import { scorePredictions } from '../../dist/evaluation/scores.js'
import { writeReport } from '../../dist/evaluation/write-report.js'
import type { FileDataset } from '../../dist/images/dataset.js'
import { svg } from '../../dist/util/markup.js'
import { put, putClasses } from '../data/pictures.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const on = { backend: 'reference', loaderThreads: 0 } as const
const network = DenseNet.create(TINY, { seed: 3 })
const tiny = tinyDataset('test', 20)
const CLASSES = ['<b>', 'comma, "quote"', 'plain'].sort()
let photos: FileDataset

beforeAll(async () => {
  const counts = Object.fromEntries(CLASSES.map(name => [name, 4]))
  await putClasses(join(folder, 'photos', 'train'), counts)
  await putClasses(join(folder, 'photos', 'val'), counts)
  put(folder, 'photos/val/plain/9.jpg', 'no image')
  photos = (await imageFiles(join(folder, 'photos'), { size: 8 })).test
})

describe('predictions', () => {
  test("have the engine's loss and errors, for any batch size", async () => {
    const expected = await network.evaluate(tiny, on)
    for (const batchSize of [1, 7, 64]) {
      const predictions = await network.predict(tiny, { ...on, batchSize })
      const { loss, top1Error, top5Error } = scorePredictions(predictions, tiny.classes)
      expect(loss).toBeCloseTo(expected.loss, 5)
      expect([top1Error, top5Error]).toEqual([expected.top1Error, expected.top5Error])
      for (let i = 0; i < 20; i++) {
        const row = predictions.probabilities.subarray(3 * i, 3 * i + 3)
        expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5)
        expect(predictions.losses[i]).toBeCloseTo(-Math.log(row[tiny.labels[i]!]!), 4)
      }
    }
  })

  test('over views are averages of probabilities', async () => {
    const single = await network.predict(photos, { ...on, onWarning: () => {} })
    const flip = await network.predict(photos, { ...on, views: 'flip', onWarning: () => {} })
    const ten = await network.predict(photos, { ...on, views: 'ten', batchSize: 3, onWarning: () => {} })
    expect(ten.images).toBe(12)
    expect([...ten.indices]).toEqual([...single.indices])
    expect([...ten.labels]).toEqual([...single.labels])
    expect([...flip.probabilities]).not.toEqual([...single.probabilities])
    for (let i = 0; i < 12; i++) {
      expect(ten.losses[i]).toBeCloseTo(-Math.log(ten.probabilities[3 * i + ten.labels[i]!]!), 4)
    }
  })

  test('crops of images that have the size of the network are refused', async () => {
    await expect(network.predict(tiny, { ...on, views: 'ten' })).rejects.toThrow('there are no crops to be cut out')
  })

  test('stop on request', async () => {
    const signal = AbortSignal.abort()
    await expect(network.predict(tiny, { ...on, signal })).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('a report', () => {
  test('has every prediction, the facts, and a page that stands alone', async () => {
    const warnings: string[] = []
    const predictions = await network.predict(photos, { ...on, onWarning: text => warnings.push(text) })
    expect(warnings).toEqual([`${join(folder, 'photos/val/plain/9.jpg')} is skipped: it is no image of a known format`])
    const scores = scorePredictions(predictions, photos.classes)
    const score = { epoch: 2, loss: 1, top1Error: 30, top5Error: 2 }
    const training = { last: score, best: { ...score, epoch: 1, top1Error: 20 }, epochs: 2, finished: true }
    const facts = { path: 'runs/a', network: 'tiny', views: 'single', training } as const
    const paths = await writeReport(join(folder, 'report'), facts, photos, predictions, scores)

    const lines: string[][] = parse(readFileSync(paths.csv, 'utf8'))
    expect(lines[0]!.slice(0, 6)).toEqual([
      'image',
      'label',
      'correct',
      'probability_of_label',
      'class_1',
      'probability_1',
    ])
    expect(lines).toHaveLength(13)
    expect(lines.slice(1).map(line => line[1])).toEqual([...predictions.labels].map(label => CLASSES[label]))
    expect(lines[1]![0]).toBe(photos.files[0])
    const right = lines.slice(1).filter(line => line[2] === '1').length
    expect(100 - (100 * right) / 12).toBeCloseTo(scores.top1Error, 9)

    const json = JSON.parse(readFileSync(paths.json, 'utf8'))
    expect(json).toMatchObject({ path: 'runs/a', classes: CLASSES, training, scores: { images: 12 } })
    expect(json.confusion.flat().reduce((sum: number, count: number) => sum + count, 0)).toBe(12)
    expect(json.worst.length).toBe(12 - right)

    const page = readFileSync(paths.html, 'utf8')
    expect(page).toContain('&lt;b&gt;')
    expect(page).not.toContain('<b>&')
    expect(page).not.toMatch(/<script|https?:|src="(?!data:image)/)
    expect(page.match(/<img src="data:image/g)).toHaveLength(12 - right)
    expect(page).toContain('picked by looking at the test images, so optimistic')
    for (const tag of ['table', 'tr', 'td', 'section', 'figure', 'svg', 'div']) {
      const count = (pattern: string): number => page.split(pattern).length - 1
      expect(count(`</${tag}>`)).toBe((page.match(new RegExp(`<${tag}[ >]`, 'g')) ?? []).length)
    }
    rmSync(join(folder, 'report'), { recursive: true })
  })

  test('text cannot become markup', () => {
    expect(String(svg`<b>${"<a href='x'>&\"\u0000"}</b>`)).toBe('<b>&lt;a href=&#39;x&#39;&gt;&amp;&quot;</b>')
  })
})
