// FC-DenseNet as a person uses it: trained on a folder with masks, gone on with, fine-tuned on whole images, tested, shown.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-web'
import sharp from 'sharp'
import { beforeAll, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { EvaluationState, PixelEvaluation, RunSummary, Segments } from '../../dist/dashboard/api.js'
import { serveDashboard } from '../../dist/dashboard/serve.js'
import { decodeMask } from '../../dist/data/loading/png-mask.js'
import { createInference } from '../../dist/engine/inference.js'
import type { PixelReport } from '../../dist/evaluation/pixel-report.js'
import { DenseNet } from '../../dist/index.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { putMasks } from '../data/masks.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet } from './run.js'

const folder = temporaryFolder()
const pictures = join(folder, 'pictures')
const run = join(folder, 'run')
const NETWORK = ['fc-densenet-56', '--blocks=1,1,1,1,1', '--growth-rate=4', '--initial-channels=8', '--drop-rate=0']
const train = (...more: string[]) =>
  densenet([
    'train',
    ...NETWORK,
    '--recipe=camvid',
    '--lr=0.01',
    '--dataset',
    pictures,
    '--image-size=16',
    '--loader-threads=0',
    ...more,
  ])
const json = async (...args: string[]) =>
  JSON.parse((await densenet([...args, '--json'])).out.trim().split('\n').at(-1)!)

beforeAll(async () => {
  await putMasks(join(pictures, 'train'), 6, 20, 26)
  await putMasks(join(pictures, 'val'), 2, 19, 26)
  await putMasks(join(pictures, 'test'), 2, 19, 26)
  expect(await train('--epochs=2', '--output', run)).toMatchObject({ code: 0 })
})

test('a run that goes on has the bits of one that was never stopped', async () => {
  const whole = join(folder, 'whole')
  expect(await train('--epochs=8', '--output', whole)).toMatchObject({ code: 0 })
  const on = await densenet(['train', '--resume', run, '--epochs=8'])
  expect(on).toMatchObject({ code: 0, out: expect.stringContaining('mean IoU') })
  const [a, b] = await Promise.all([run, whole].map(path => DenseNet.load(path)))
  expect(a!.state.parameters).toEqual(b!.state.parameters)
})

test('it learns: colours are easy', async () => {
  const tested = await json('test', run)
  expect(tested).toMatchObject({ images: 2, split: 'test', statistics: 'own' })
  expect(tested.classes.map(({ label }: { label: string }) => label)).toEqual(['0', '1', '2'])
  expect(tested.accuracy).toBeGreaterThan(0.9)
  expect(tested.meanIou).toBeGreaterThan(0.8)
  expect((await json('test', run, '--statistics=running')).loss).not.toBe(tested.loss)
})

test('lists of runs say its mean IoU', async () => {
  expect((await densenet(['runs', run])).out).toMatch(/validation mean IoU [\d.]+ % +validation mean IoU [\d.]+ % /)
  const { out } = await densenet(['compare', run, join(folder, 'whole')])
  expect(out).toMatch(/\ntest or validation mean IoU by epoch, %\n *[\d.]+ \|/)
  expect(out).toMatch(/\nlast +mean IoU [\d.]+ % \(epoch 8\) +mean IoU/)
})

test('segment writes the classes of pixels, and a picture of them', async () => {
  const image = join(pictures, 'test/images/0.png')
  const output = join(folder, 'segmented')
  const said = await json('segment', image, '--model', run, '--output', output)
  expect(said).toMatchObject({ height: 19, width: 26 })
  const mask = decodeMask(readFileSync(said.mask))
  const truth = decodeMask(readFileSync(join(pictures, 'test/masks/0.png')))
  const known = [...truth.values.keys()].filter(i => truth.values[i] !== 255)
  const right = known.filter(i => truth.values[i] === mask.values[i])
  expect(right.length).toBeGreaterThan(0.9 * known.length)
  expect(await sharp(said.overlay).metadata()).toMatchObject({ width: 26, height: 19, channels: 3 })
})

test('the report: IoU and confusion of classes, images beside labels and predictions', async () => {
  const report = join(folder, 'report')
  const printed = await json('test', run, '--report', report)
  const told: PixelReport = JSON.parse(readFileSync(printed.report.json, 'utf8'))
  const { scores, confusion, worst, best } = told
  expect(told).toMatchObject({ pixels: true, statistics: 'own', classes: ['0', '1', '2'] })
  expect(scores).toMatchObject({ images: 2, meanIou: printed.meanIou, accuracy: printed.accuracy })
  const pixels = confusion!.flat().reduce((sum, count) => sum + count, 0)
  // Six pixels of a corner have no label.
  expect([pixels, scores.pixels]).toEqual([2 * (19 * 26 - 6), pixels])
  expect(scores.classes.map(({ iou }) => iou)).toEqual(printed.classes.map(({ iou }: { iou: number }) => iou))
  expect([worst.length, best.length]).toEqual([1, 1])
  expect(worst[0]!.meanIou!).toBeLessThanOrEqual(best[0]!.meanIou!)
  const [, ...lines] = readFileSync(printed.report.csv, 'utf8').trim().split('\r\n')
  expect(lines.map(line => line.split(',').slice(0, 2))).toEqual(
    [0, 1].map(i => [join(pictures, `test/images/${i}.png`), String(19 * 26 - 6)]),
  )
  const page = readFileSync(printed.report.html, 'utf8')
  expect(page.match(/src="data:image\/png;base64/g)).toHaveLength(6)
})

test('the dashboard evaluates it, shows masks, and looks at a picture', { timeout: 120_000 }, async () => {
  const server = await serveDashboard(run)
  const ask = async <T>(path: string, init?: RequestInit): Promise<T> =>
    (await (await fetch(`${server.url}api/${path}`, init)).json()) as T
  try {
    await ask('evaluation?run=.', { method: 'POST' })
    const state = () => ask<EvaluationState>('evaluation?run=.')
    await expect.poll(async () => (await state()).state, { timeout: 100_000 }).toBe('done')
    const answer = await state()
    const { report, pictures: shown } = (answer.state === 'done' && answer.evaluation) as PixelEvaluation
    const { meanIou } = await json('test', run)
    expect(report).toMatchObject({ pixels: true, scores: { images: 2, meanIou } })
    expect(shown.map(picture => Object.keys(picture))).toEqual(Array(2).fill(['image', 'truth', 'predicted']))
    expect((await ask<RunSummary[]>('runs'))[0]).toMatchObject({ last: { meanIou: expect.any(Number) } })
    const body = readFileSync(join(pictures, 'test/images/1.png'))
    const found = await ask<Segments>('inspect/segments?run=.', { method: 'POST', body })
    expect(found).toMatchObject({ height: 19, width: 26, overlay: expect.stringMatching(/^data:image\/png;base64,/) })
    expect(found.classes.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6)
  } finally {
    await server.close()
  }
})

test('the second phase trains on whole images', async () => {
  const second = join(folder, 'second')
  const frames = ['--recipe=camvid-frames', '--frames', '--dataset', pictures, '--epochs=1', '--loader-threads=0']
  const done = await densenet(['train', '--pretrained', run, ...frames, '--output', second])
  expect(done).toMatchObject({ code: 0 })
  expect((await DenseNet.load(second)).config).toMatchObject({ height: 20, width: 26 })
  expect(await densenet(['train', '--resume', second, '--epochs=2'])).toMatchObject({ code: 0 })
})

test("ONNX gives the network's own scores", async () => {
  const file = join(folder, 'model.onnx')
  expect(await densenet(['convert', run, file, '--size=11x14'])).toMatchObject({ code: 0 })
  const network = await DenseNet.load(run)
  const images = Float32Array.from({ length: 3 * 11 * 14 }, (_, i) => Math.sin(i))
  const session = await InferenceSession.create(new Uint8Array(readFileSync(file)))
  const { logits } = await session.run({ images: new Tensor('float32', images, [1, 3, 11, 14]) })
  expect(logits!.dims).toEqual([1, 3, 11, 14])
  const described = architecture(resolveConfig({ ...network.config, height: 11, width: 14 }))
  const inference = await createInference(described, createReferenceBackend(), network.state, { batchSize: 1 })
  const expected = await inference.run(images, 1)
  const worst = [...(logits!.data as Float32Array)].map((value, i) => Math.abs(value - expected[i]!))
  expect(Math.max(...worst)).toBeLessThan(1e-4)
})

test.each([
  [
    'a network for images on masks',
    ['train', 'densenet-bc-40-12', '--dataset', pictures],
    'has masks, which say those of its pixels',
  ],
  [
    'a network for pixels on images',
    ['train', 'fc-densenet-56', '--dataset', 'synthetic'],
    'says the class of each pixel',
  ],
  [
    'to classify',
    ['classify', join(pictures, 'test/images/0.png'), '--model', run],
    'classifying is of networks that say the class of an image',
  ],
  [
    'to segment by another',
    ['segment', join(pictures, 'test/images/0.png'), '--model', 'cifar10'],
    'not those of its pixels',
  ],
  [
    'to smooth labels',
    ['train', ...NETWORK, '--dataset', pictures, '--label-smoothing=0.1'],
    'no labels that are mixed, smoothed or several',
  ],
  [
    'whole images of nothing',
    ['train', ...NETWORK, '--dataset', 'synthetic', '--frames'],
    '--frames is for images with masks',
  ],
])('refuses %s', async (_, args, sentence) => {
  const done = await densenet([...args, ...(args[0] === 'train' ? ['--output', join(folder, 'refused')] : [])])
  expect(done.code).toBe(2)
  expect(done.err).toContain(sentence)
})
