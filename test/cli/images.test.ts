// A person's own images on the command line: preview, train, stop, resume, test with a report.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createLoader } from '../../dist/data/loading/loader.js'
import { imageFiles } from '../../dist/data/sets/image-files.js'
import { predict } from '../../dist/evaluation/predict.js'
import { DenseNet } from '../../dist/index.js'
import { putClasses } from '../data/pictures.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet } from './run.js'

const folder = temporaryFolder()
const photos = join(folder, 'photos')
const run = join(folder, 'run')
const NETWORK = ['--depth=7', '--growth-rate=2', '--initial-channels=2', '--backend=reference', '--image-size=12']
const SMALL = [...NETWORK, '--batch-size=8', '--epochs=2', '--lr=0.05', '--loader-threads=1']

beforeAll(async () => {
  await putClasses(photos, { cat: 20, dog: 20 })
  writeFileSync(join(photos, 'dog', 'bad.jpg'), 'no image')
})

test('preview draws a sheet', async () => {
  const output = join(folder, 'sheet.png')
  const args = ['preview', '--dataset', photos, '--image-size=12', '--augment=randaugment,cutout', '--images=3']
  const { code, out } = await densenet([...args, '--output', output])
  expect([code, out]).toEqual([0, expect.stringContaining('random sized crop, horizontal flip, rand augment, cutout')])
  expect(out).toContain('cat, dog, ')
  const { width, height } = await sharp(output).metadata()
  // Nine tiles of 12 x 11 pixels with gaps of 4, the first apart; three rows.
  expect([width, height]).toEqual([9 * 136 + 4 + 8, 3 * 136 + 4])
  const quietly = await densenet([...args, '--output', output, '--json'])
  expect(JSON.parse(quietly.out)).toMatchObject({ output, classes: ['cat', 'dog', expect.any(String)] })
})

test('preview of mixed images says what is in each', async () => {
  const output = join(folder, 'mixed.png')
  const args = ['preview', '--dataset', photos, '--image-size=12', '--images=4', '--mixup=1', '--cutmix=1']
  const { code, out } = await densenet([...args, '--output', output])
  expect([code, out]).toEqual([0, expect.stringMatching(/horizontal flip, mixup or CutMix$/m)])
  const rows = out.split('\n').filter(line => /^ {4}(cat|dog): /.test(line))
  expect(rows).toHaveLength(4)
  expect(out).toMatch(/: (.*; )?\d+ % (cat|dog), \d+ % (cat|dog)(;|$)/m)
  const { captions } = JSON.parse((await densenet([...args, '--output', output, '--json'])).out)
  for (const caption of captions.flat()) {
    const shares = [...caption.matchAll(/(\d+) % (cat|dog)/g)].map(([, share]) => Number(share))
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(100)
    expect(shares[0]).toBeGreaterThanOrEqual(shares[1] ?? 0)
  }
  // Two lines of caption under every tile.
  expect((await sharp(output).metadata()).height).toBe(4 * (132 + 30 + 4) + 4)
  expect((await densenet([...args, '--images=1', '--output', output])).err).toBe(
    'error: it takes two images to be mixed\n       Ask for more of them\n',
  )
})

test('preview says how many images a sheet can have', async () => {
  const output = join(folder, 'huge.png')
  const { code, err } = await densenet(['preview', '--dataset=synthetic', '--images=1000000007', '--output', output])
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(
      /^error: \d+ images make a sheet of 1200 x \d+ pixels, which is more than 67108864 pixels\n {7}Ask for at most 423\n$/,
    ),
  ])
  expect(existsSync(output)).toBe(false)
})

test('train, go on, test', async () => {
  const trained = await densenet(['train', ...SMALL, '--dataset', photos, '--output', run])
  expect(trained).toMatchObject({ code: 0 })
  expect(trained.out).toContain('37 training, 4 test images   normalise, random sized crop, color jitter, lighting')
  const skipped = `warning: ${photos}/dog/bad.jpg is skipped: it is no image of a known format`
  expect(`${trained.out}${trained.err}`).toContain(skipped)

  expect(await densenet(['train', '--resume', run, '--epochs=3', '--loader-threads=0'])).toMatchObject({ code: 0 })
  // The very same bits as in one go.
  const whole = join(folder, 'whole')
  const inOneGo = ['train', ...SMALL, '--epochs=3', '--schedule=constant', '--dataset', photos]
  const half = join(folder, 'half')
  expect(await densenet([...inOneGo, '--output', whole])).toMatchObject({ code: 0 })
  expect(await densenet([...inOneGo, '--epochs=2', '--output', half])).toMatchObject({ code: 0 })
  expect(await densenet(['train', '--resume', half, '--epochs=3', '--loader-threads=2'])).toMatchObject({ code: 0 })
  const weights = (path: string): Buffer => {
    const bytes = readFileSync(join(path, 'last.safetensors'))
    return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)))
  }
  expect(weights(half).equals(weights(whole))).toBe(true)

  const report = join(folder, 'report')
  const tested = await densenet(['test', run, '--crops=ten', '--report', report, '--backend=reference', '--json'])
  expect(tested.code).toBe(0)
  const facts = JSON.parse(tested.out)
  expect(facts).toMatchObject({ dataset: photos, images: 4, views: 'ten', training: { finished: true, epochs: 3 } })
  expect(existsSync(facts.report.html)).toBe(true)
  expect(JSON.parse(readFileSync(facts.report.json, 'utf8')).scores.top1Error).toBe(facts.top1Error)

  const said = await densenet(['test', join(run, 'best.safetensors'), '--backend=reference'])
  expect(said.out).toContain('this checkpoint was picked on these images: its error is optimistic')
})

test('images larger than those of the training: tested, fine-tuned', async () => {
  const larger = ['test', run, '--backend=reference', '--image-size=20', '--json']
  const facts = JSON.parse((await densenet(larger)).out)
  expect(facts).toMatchObject({ dataset: photos, images: 4 })
  // The same weights in a network that was made for such images.
  using trained = await DenseNet.load(run)
  const { resize, ...rest } = trained.preprocessing!
  const preprocessing = { ...rest, resize: Math.round((resize * 20) / 12), crop: 20 }
  const { test } = await imageFiles(photos, { size: 20 })
  const dataset = { ...test, preprocessing, normalisation: trained.normalisation! }
  const config = { ...trained.config, height: 20, width: 20 }
  const backend = createReferenceBackend()
  const asked = { config, state: trained.state, dataset, backend, createLoader, batchSize: 4 }
  const { probabilities } = await predict({ ...asked, multiLabel: false })
  const loss = [...dataset.labels].reduce((sum, label, i) => sum - Math.log(probabilities[2 * i + label]!) / 4, 0)
  expect(facts.loss).toBeCloseTo(loss, 6)

  const tuned = join(folder, 'tuned')
  const short = ['--backend=reference', '--image-size=16', '--epochs=1', '--batch-size=8', '--loader-threads=0']
  expect(
    await densenet(['train', '--pretrained', run, '--dataset', photos, ...short, '--output', tuned]),
  ).toMatchObject({
    code: 0,
  })
  expect((await DenseNet.load(tuned)).config).toMatchObject({ height: 16, width: 16, classes: 2 })
})

test('what is wrong, in a sentence', async () => {
  const wrong = async (...args: string[]) => {
    const { code, err } = await densenet(args)
    return [code, err.split('\n')[0]]
  }
  expect(await wrong('preview', '--dataset', 'photoz')).toEqual([2, 'error: there is no data set called "photoz"'])
  expect(await wrong('train', 'densenet-bc-16-12', '--dataset=synthetic', '--image-size=64')).toEqual([
    2,
    'error: --image-size is for folders and lists of images; those of synthetic are 32 x 32',
  ])
  expect(await wrong('preview', '--dataset=synthetic', '--augment=blur')).toEqual([
    2,
    'error: expected standard, randaugment, trivialaugment, erasing, cutout, or several with commas between them for --augment, got "blur"',
  ])
  expect(await wrong('preview', '--dataset=synthetic', '--augment=randaugment,trivialaugment')).toEqual([
    2,
    'error: randaugment and trivialaugment do the same work',
  ])
  const other = join(folder, 'other')
  await putClasses(other, { cow: 4 })
  expect(await wrong('test', run, '--dataset', other)).toEqual([
    2,
    `error: ${other}/cow is a class that the network does not know`,
  ])
})
