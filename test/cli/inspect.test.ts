// densenet inspect as a person types it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadSharp } from '../../dist/data/loading/decode.js'
import { DenseNet } from '../../dist/index.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'
import { densenet } from './run.js'

const folder = temporaryFolder()
const inspect = (...args: string[]) => densenet(['inspect', ...args, '--backend', 'reference'], { cwd: folder })

beforeAll(async () => {
  const model = DenseNet.create(TINY, { seed: 3 })
  const options = { backend: 'reference', epochs: 2, batchSize: 8, loaderThreads: 0, layerStatistics: true } as const
  await model.fit(tinyDataset('train', 16), { ...options, output: join(folder, 'run') })
  model.dispose()
  const sharp = await loadSharp()
  const background = { r: 200, g: 40, b: 40 }
  await sharp({ create: { width: 30, height: 20, channels: 3, background } })
    .jpeg()
    .toFile(join(folder, 'photo.jpg'))
  writeFileSync(join(folder, 'notes.jpg'), 'no image')
})

test('reuse draws what it is asked to', async () => {
  const { code, out } = await inspect('run', 'reuse')
  expect([code, out]).toEqual([0, 'written: run-reuse.svg\n'])
  expect(readFileSync(join(folder, 'run-reuse.svg'), 'utf8')).toMatch(/^<svg .*Dense block 2.*<\/svg>\n$/s)
})

test('gradcam lists the classes and draws them', async () => {
  const { code, out } = await inspect('run', 'gradcam', 'photo.jpg', '--class', 'green', '--class', '0')
  expect(code).toBe(0)
  expect(out).toMatch(/^class +probability +score\ngreen +\d+\.\d\d %.*\nred .*\nwritten: run-gradcam-photo.png\n$/)
  expect(readFileSync(join(folder, 'run-gradcam-photo.png')).subarray(1, 4).toString()).toBe('PNG')
})

test('--json prints numbers and writes nothing', async () => {
  const { code, out } = await inspect('run', 'activations', 'photo.jpg', '--layer', 'features.conv0', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ layer: 'features.conv0', height: 8, width: 8 })
  expect(existsSync(join(folder, 'run-activations-photo.png'))).toBe(false)
})

test('weights are a table, layers the run', async () => {
  const weights = await inspect('run', 'weights', '--tensors', 'classifier.*')
  expect(weights.out).toMatch(
    /^tensor +shape +mean +deviation +smallest +largest\nclassifier.weight +3 x 5 .*\nclassifier.bias +3 .*\n$/,
  )
  const layers = await inspect('run', 'layers', '--output', 'layers.csv')
  expect(layers.out).toBe('written: layers.csv\n')
  expect(readFileSync(join(folder, 'layers.csv'), 'utf8')).toMatch(
    /^epoch,tensor,of,mean,.*\r\n1,features.conv0.weight,weights,/,
  )
})

describe.each([
  [['run', 'soul'], /^error: expected one of reuse, .*layers for what, got "soul"\n$/],
  [
    ['run', 'gradcam'],
    /^error: gradcam needs an image\n +Densenet inspect|^error: gradcam needs an image\n +densenet inspect/,
  ],
  [['run', 'reuse', 'photo.jpg'], /^error: reuse takes no image, got photo.jpg\n$/],
  [['run', 'reuse', '--top', '3'], /^error: --top is an option of gradcam, not of reuse\n$/],
  [['run', 'gradcam', 'photo.jpg', '--class', '1', '--top', '2'], /^error: give either --class or --top, not both\n$/],
  [
    ['run', 'gradcam', 'photo.jpg', '--class', 'violet'],
    /^error: there is no class "violet"\n +Classes are "red", "green", "blue"\n$/,
  ],
  [['run', 'reuse', '--output', 'a.gif'], /^error: expected a file that ends in .* for the output, got "a.gif"\n$/],
  [['none', 'reuse'], /^error: there is no .* none.*\n/],
])('%j', (args, message) => {
  test('is wrong usage, said in a sentence', async () => {
    const { code, out, err } = await inspect(...args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
  })
})

test('an image that cannot be read fails with a sentence', async () => {
  const { code, err } = await inspect('run', 'gradcam', 'notes.jpg')
  expect([code, err]).toEqual([1, 'error: notes.jpg cannot be looked at: it is no image of a known format\n'])
})
