// --recipe svhn, on a small SVHN of the right shape: the paper's 6,000 images are held out, choose the epoch, and the test
// images are asked once, at the end.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { loadDataset } from '../../dist/entries/data.js'
import { readCheckpoint } from '../../dist/entries/runs.js'
import { DenseNet } from '../../dist/index.js'
import { svhnFile } from '../data/mat-file.js'
import { sha256 } from '../data/tiny.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenetAlone } from './run.js'

const folder = temporaryFolder()
const SOURCES = new URL('../../dist/data/bringing/sources.js', import.meta.url)

/** So many images of each digit; an image is as bright as its digit. */
const digits = (each: number): number[] => Array.from({ length: 10 * each }, (_, i) => (i % 10) + 1)
const files = (
  [
    ['train_32x32.mat', 'train', 404],
    ['extra_32x32.mat', 'train', 204],
    ['test_32x32.mat', 'test', 2],
  ] as const
).map(([name, split, each]) => {
  const labels = digits(each)
  return { name, split, images: labels.length, bytes: svhnFile(labels, i => 20 * labels[i]!) }
})
const known = files.map(({ bytes, ...file }) => ({ ...file, size: bytes.length, sha256: sha256(bytes) }))
const sources = { files: known, usualFolders: [], sources: [] }

// The command knows the real SVHN: it is told of this one before it begins.
mkdirSync(join(folder, 'svhn'))
for (const { name, bytes } of files) writeFileSync(join(folder, 'svhn', name), bytes)
const hook = join(folder, 'hook.mjs')
writeFileSync(
  hook,
  `import { SOURCES } from ${JSON.stringify(SOURCES.href)}\nSOURCES.svhn = ${JSON.stringify(sources)}\n`,
)
const node = ['--import', pathToFileURL(hook).href]
const NETWORK = ['--depth=7', '--growth-rate=1', '--initial-channels=1', '--loader-threads=0']

test('trains on the others, is judged by them, and is tested at the end; also after a stop', async () => {
  const output = join(folder, 'run')
  const args = ['train', '--recipe=svhn', '--data', folder, ...NETWORK, '--output', output]
  let interrupted = false
  const stopped = await densenetAlone([...args, '--epochs=2', '--batch-size=16', '--json'], {
    node,
    onOutput: (out, child) => {
      if (interrupted || !out.includes('"type":"step"')) return
      interrupted = true
      child.kill('SIGINT')
    },
  })
  expect(stopped).toMatchObject({ code: 130, err: '' })
  const start = JSON.parse(stopped.out.split('\n')[0]!)
  expect(start).toMatchObject({ type: 'start', trainImages: 80, testImages: 6000, dataset: 'svhn' })
  expect(start.recipe).toMatchObject({ heldOut: 6000, augmentation: { flip: false, pad: 0 } })

  const { code, out } = await densenetAlone(['train', '--resume', output, '--data', folder, '--loader-threads=0'], {
    node,
  })
  expect(code).toBe(0)
  expect(out).toContain('80 training, 6,000 validation images')
  expect(out).toMatch(/^final validation error [\d.]+ % \(top-5 [\d.]+ %\) after epoch 2$/m)
  const told = /^test error ([\d.]+) % \(top-5 [\d.]+ %\) of epoch (\d): chosen by the validation images alone$/m.exec(
    out,
  )!
  const { progress, config } = await readCheckpoint(join(output, 'best.safetensors'))
  expect(Number(told[2])).toBe(progress!.ranking[0]!.epoch)
  expect(config.dropRate).toBe(0.2)

  const test = await loadDataset('svhn', { folder, split: 'test', sources })
  const best = await DenseNet.load(join(output, 'best.safetensors'))
  const { top1Error } = await best.evaluate(test, { backend: 'reference', loaderThreads: 0 })
  expect(Number(told[1])).toBeCloseTo(top1Error, 1)
  best.dispose()
  const lines = readFileSync(join(output, 'log.jsonl'), 'utf8').trimEnd().split('\n')
  expect(lines.filter(line => JSON.parse(line).type === 'epoch').map(line => JSON.parse(line).on)).toEqual([
    'validation',
    'validation',
  ])
}, 240_000)
