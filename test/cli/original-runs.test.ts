// The original's command lines, run as they stand, on a folder of photographs.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { DenseNet } from '../../dist/densenet.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { putClasses } from '../data/pictures.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet } from './run.js'

const folder = temporaryFolder()
const photos = join(folder, 'photos')
const others = join(folder, 'others')
const th = (line: string, more: readonly string[]) => densenet(['train', ...line.split(' '), ...more], { cwd: folder })
const SMALL = '-netType densenet -dataset imagenet -depth 9 -d1 1 -d2 1 -d3 1 -d4 1 -growthRate 2 -nThreads 1'
const last = (run: string) => readCheckpoint(join(folder, run, 'last.safetensors'))

beforeAll(async () => {
  for (const split of ['train', 'val']) {
    await putClasses(join(photos, split), { ant: split === 'train' ? 3 : 1, beetle: 2 })
    await putClasses(join(others, split), { cat: 1, crow: 1, cow: 1 })
  }
})

test('GPUs, ten crops, a first epoch; then the same line with -resume; then another classifier', async () => {
  const line = `${SMALL} -batchSize 4 -nGPU 2 -nEpochs 3 -epochNumber 3 -tenCrop true -LR 0.001`
  const first = await th(line, ['-data', photos, '-save', 'a'])
  expect([first.code, first.err]).toEqual([0, ''])
  expect(first.out).toContain(
    'note: -nGPU 2 -batchSize 4 is --batch-size 2 --accumulate 2, in one process or as many ranks',
  )
  expect(first.out).toMatch(/^DenseNet-BC with 1, 1, 1, 1 layers, growth rate 2 /m)
  expect(first.out).toContain('going on from epoch 3, step 0')
  expect(first.out).toContain('epoch 3/3')
  const { recipe, progress, config } = await last('a')
  expect(config).toMatchObject({
    blocks: [1, 1, 1, 1],
    growthRate: 2,
    initialChannels: 4,
    stem: 'imagenet',
    classes: 2,
  })
  expect(recipe).toMatchObject({ batchSize: 2, accumulate: 2, crops: 'ten', schedule: 'imagenet', epochs: 3 })
  // Five images: three batches, two updates an epoch.
  expect(progress).toMatchObject({ epoch: 4, step: 9, updates: 6, final: { epoch: 3 } })

  const longer = line.replace('-nEpochs 3', '-nEpochs 4')
  const second = await th(longer, ['-data', photos, '-resume', 'a'])
  expect([second.code, second.err]).toEqual([0, ''])
  expect(second.out).toContain('epoch 4/4')
  expect((await last('a')).recipe).toMatchObject({ epochs: 4, crops: 'ten' })

  const tested = await th(`${SMALL} -testOnly true -tenCrop true`, [...['-data', photos, '-resume', 'a', '--json']])
  const { loss, top1Error } = JSON.parse(tested.out.trim().split('\n').at(-1)!)
  const final = (await last('a')).progress!.final!
  expect(loss).toBeCloseTo(final.loss, 5)
  expect(top1Error).toBeCloseTo(final.top1Error, 5)

  const single = await th(`${SMALL} -testOnly true`, ['-data', photos, '-resume', 'a'])
  expect(single.out).toContain('those in training are by --crops ten')

  const weights = ['-retrain', join('a', 'last.safetensors')]
  const reset = await th(`${SMALL} -nEpochs 1 -LR 0.0000001 -batchSize 3 -resetClassifier true -nClasses 3`, [
    ...['-data', others, ...weights, '-save', 'b'],
  ])
  expect([reset.code, reset.err]).toEqual([0, ''])
  expect(reset.out).toContain('new classifier: 3 classes instead of 2')
  const [old, renewed] = [await DenseNet.load(join(folder, 'a')), await DenseNet.load(join(folder, 'b'))]
  expect(renewed.config.classes).toBe(3)
  const kept = old.state.parameters.length - 2 * (await width('a')) - 2
  const moved = old.state.parameters.slice(0, kept).map((x, i) => Math.abs(x - renewed.state.parameters[i]!))
  expect(Math.max(...moved)).toBeLessThan(1e-5)
})

/** Of the classifier's input. */
async function width(run: string): Promise<number> {
  const { config } = await last(run)
  let channels = config.initialChannels
  for (const [i, layers] of config.blocks.entries()) {
    channels += layers * config.growthRate
    if (i < config.blocks.length - 1) channels = Math.floor(channels * config.reduction)
  }
  return channels
}

test.each<[string, string[], string]>([
  [
    'classes that the images do not have',
    ['-resetClassifier', 'true', '-nClasses', '5'],
    'photos has 2 classes, not 5',
  ],
  ['a file of weights that is not there', ['-retrain', 'no.t7'], 'no.t7'],
  ['a folder without images', ['-data', 'nowhere'], 'nowhere'],
])('refused: %s', async (_, more, message) => {
  const { code, err } = await th(SMALL, ['-data', photos, '-save', 'none', ...more])
  expect([code, err]).toEqual([2, expect.stringContaining(message)])
  expect(err.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
  expect(existsSync(join(folder, 'none'))).toBe(false)
})
