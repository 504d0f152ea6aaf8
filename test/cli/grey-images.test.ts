// Networks of one channel on a person's own files: trained anew, gone on with, fine-tuned, tested as they are classified.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { DenseNet } from '../../dist/index.js'
import { putClasses } from '../data/pictures.js'
import { unpack } from '../interop/fixtures.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet } from './run.js'

const folder = temporaryFolder()
const photos = join(folder, 'photos')
const run = join(folder, 'run')
const xray = unpack('torchxrayvision.pt', folder)
const monai = unpack('monai.pt', folder)
const QUICK = ['--backend=reference', '--batch-size=8', '--loader-threads=0']
const XRAY = "images: one channel; colours become grey as Pillow's L; black is -1024 to the network, white 1024\n"

beforeAll(async () => {
  await putClasses(join(photos, 'train'), { cat: 4, dog: 4, fish: 4, owl: 4 })
  await putClasses(join(photos, 'val'), { cat: 2, dog: 2, fish: 2, owl: 2 })
})

test('a new network: train --channels 1, go on, test, preview', async () => {
  const network = ['--depth=7', '--growth-rate=2', '--initial-channels=2', '--image-size=12', '--channels=1']
  const trained = await densenet([
    ...['train', ...network, ...QUICK, '--dataset', photos, '--epochs=1', '--output', run],
  ])
  expect(trained).toMatchObject({ code: 0 })
  const said = "images: one channel; colours become grey as Pillow's L; black is -1.987 to the network, white 2.438\n"
  expect(trained.out).toContain(said)
  expect(trained.out).toContain('normalise, random sized crop, color jitter, horizontal flip')
  expect((await DenseNet.load(run)).config.inputChannels).toBe(1)
  expect(await densenet(['train', '--resume', run, '--epochs=2'])).toMatchObject({ code: 0 })
  const tested = await densenet(['test', run, '--backend=reference'])
  expect(tested).toMatchObject({ code: 0, out: expect.stringContaining(said) })
  const sheet = ['--images=2', '--image-size=12', '--output', join(folder, 'sheet.png')]
  const drawn = await densenet(['preview', '--dataset', photos, '--channels=1', ...sheet])
  expect(drawn).toMatchObject({ code: 0, out: expect.stringContaining(said) })
})

test("TorchXRayVision's: tested in their own range, and a data set is read as its files are", async () => {
  const size = ['--image-size=32', '--backend=reference']
  const tested = await densenet(['test', xray, ...size, '--dataset', photos])
  expect(tested).toMatchObject({ code: 0, out: expect.stringContaining(XRAY) })
  const numbers = async (name: string, ...images: string[]): Promise<number[]> => {
    const output = join(folder, name)
    expect(await densenet(['features', ...images, '--model', xray, ...size, '--output', output])).toMatchObject({
      code: 0,
    })
    const [headings, ...lines] = readFileSync(output, 'utf8').trim().split('\n')
    const from = headings!.split(',').findIndex(heading => !['image', 'label'].includes(heading))
    return lines.flatMap(line => line.split(',').slice(from).map(Number))
  }
  const found = await numbers('dataset.csv', '--dataset', photos)
  expect(found.length).toBe(8 * 16)
  expect(new Set(found).size).toBeGreaterThan(8)
  expect(found).toEqual(await numbers('files.csv', join(photos, 'val')))
})

test("TorchXRayVision's: fine-tuned and gone on with in their own range", async () => {
  const output = join(folder, 'tuned')
  const args = ['train', '--pretrained', xray, '--reset-classifier', '--image-size=32', '--dataset', photos]
  const tuned = await densenet([...args, ...QUICK, '--epochs=1', '--output', output])
  expect(tuned).toMatchObject({ code: 0, out: expect.stringContaining(XRAY) })
  const { normalisation } = await DenseNet.load(output)
  expect(normalisation).toEqual({ mean: [127.5], deviation: [127.5 / 1024] })
  expect(await densenet(['train', '--resume', output, '--epochs=2'])).toMatchObject({ code: 0 })
  expect((await DenseNet.load(output)).normalisation).toEqual(normalisation)
})

test("MONAI's do not say how images are normalised: asked for, not guessed", async () => {
  const output = join(folder, 'monai')
  const { code, err } = await densenet(['test', monai, '--dataset', photos])
  expect([code, err]).toEqual([2, expect.stringContaining('these weights do not say how images are normalised')])
  const args = ['train', '--pretrained', monai, '--reset-classifier', '--image-size=32', '--dataset', photos]
  expect(await densenet([...args, ...QUICK, '--epochs=1', '--output', output])).toMatchObject({ code: 0 })
})

test.each([
  [['--dataset=cifar10', '--channels=1'], '--channels is for folders and lists of images; those of cifar10 have 3'],
  [['--dataset', photos, '--channels=2'], 'expected 1 or 3 for --channels, got '],
  [['--dataset', photos, '--channels=1', '--pretrained', xray], 'weights come with their own network'],
  [['--resume', run, '--channels=1'], 'a run that goes on keeps its channels'],
])('refused: %j', async (args, reason) => {
  const { code, err } = await densenet([
    'train',
    ...(args[0] === '--resume' || args[3] ? [] : ['densenet-40-12']),
    ...args,
  ])
  expect([code, err]).toEqual([2, expect.stringContaining(reason)])
})
