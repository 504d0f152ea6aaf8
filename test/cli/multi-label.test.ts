// A list of images with several labels each on the command line: preview, train, stop, go on, test with a report.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dashboardApp } from '../../dist/dashboard/app.js'
import { readCheckpoint } from '../../dist/entries/runs.js'
import { halves, put } from '../data/pictures.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet } from './run.js'

const folder = temporaryFolder()
const run = join(folder, 'run')
const list = join(folder, 'xrays.csv')
const COMPUTE = ['--backend=reference', '--loader-threads=0']
const SMALL = ['--depth=7', '--growth-rate=2', '--initial-channels=2', '--image-size=12', '--batch-size=8', ...COMPUTE]

/** 32 images to train on, 8 to test with. */
const lines = await Promise.all(
  Array.from({ length: 40 }, async (_, i) => {
    const [red, green] = [i % 2 === 0, i % 3 === 0]
    const picture = halves(40, 36, [red ? 220 : 30, 60, 60], [60, green ? 220 : 30, 60])
    put(folder, `${i}.png`, await picture.png().toBuffer())
    const labels = [...(red ? ['red'] : []), ...(green ? ['green'] : [])]
    return `${i}.png,${labels.join('|')},${i < 32 ? 'train' : 'val'}`
  }),
)
put(folder, 'xrays.csv', `path,labels,split\n${lines.join('\n')}\n`)

test('train, go on, test', async () => {
  const first = await densenet(['train', ...SMALL, '--dataset', list, '--epochs=1', '--mixup=0.2', '--output', run])
  expect(first).toMatchObject({ code: 0, err: '' })
  expect(first.out).toContain('--loss binary-cross-entropy   --mixup 0.2')
  expect(first.out).toContain('the training error is against the label of the larger share of a mixed image')
  expect(first.out).toMatch(/train loss [\d.]+ {2}subset error [\d.]+ % {3}validation loss [\d.]+ {2}mean AP [\d.]+ %/)
  expect(first.out).toMatch(/^final validation mean AP [\d.]+ % \(AUC [\d.]+, subset error [\d.]+ %\) after epoch 1$/m)
  const second = await densenet(['train', '--resume', run, '--epochs=2', '--loader-threads=0'])
  expect(second).toMatchObject({ code: 0, err: '' })
  const { classes, multiLabel, progress } = await readCheckpoint(join(run, 'last.safetensors'))
  expect([classes, multiLabel]).toEqual([['green', 'red'], true])

  const report = join(folder, 'report')
  const tested = await densenet(['test', run, '--report', report, ...COMPUTE, '--json'])
  expect(tested).toMatchObject({ code: 0, err: '' })
  const facts = JSON.parse(tested.out)
  expect(facts).toMatchObject({ images: 8, training: { finished: true } })
  expect(facts.meanAveragePrecision).toBeCloseTo(progress!.final!.meanAveragePrecision!, 12)
  expect(facts.subsetError).toBe(progress!.final!.top1Error)
  expect(Object.keys(facts)).not.toContain('top5Error')
  expect(readFileSync(facts.report.csv, 'utf8').split('\r\n')[0]).toBe('image,labels,correct,green,red')
  const { out } = await densenet(['test', run, ...COMPUTE])
  expect(out).toMatch(
    /^loss [\d.]+ {3}mean AP [\d.]+ % {3}AUC [\d.]+ {3}subset error [\d.]+ % {3}label error [\d.]+ % {3}calibration error/m,
  )
  expect(out).toMatch(/^ {4}final in training: mean AP [\d.]+ %$/m)
})

test('the dashboard has no page for it, and says what has', async () => {
  const { app, close } = dashboardApp(run)
  const asked = (method: string) => app.request('/api/evaluation?run=.', { method, headers: { host: '127.0.0.1' } })
  await asked('POST')
  const state = async () => (await (await asked('GET')).json()) as { state: string; failure?: object }
  await expect.poll(async () => (await state()).state, { timeout: 60_000 }).toBe('failed')
  const { failure } = await state()
  expect(failure).toMatchObject({ error: expect.stringContaining('may have several labels') })
  expect(failure).toMatchObject({ hint: expect.stringMatching(/^densenet test .*last\.safetensors --report report$/) })
  close()
})

test("a list as CheXpert's: what its labels mean stays with the run", async () => {
  const cells = (i: number): string[] => [i % 2 ? '1.0' : i % 3 ? '0.0' : '-1.0', i % 5 ? `${(i >> 1) % 2}.0` : '']
  const rows = lines.map((_, i) => [`${i}.png`, 'Female', `${30 + i}`, ...cells(i), i < 32 ? 'train' : 'val'].join())
  const chexpert = put(folder, 'chexpert.csv', `Path,Sex,Age,Edema,Fracture,split\n${rows.join('\n')}\n`)
  const own = join(folder, 'chexpert')
  const args = ['train', ...SMALL, '--dataset', chexpert, '--epochs=1', '--output', own]
  expect(await densenet(args)).toMatchObject({ code: 2, err: expect.stringContaining('--uncertain zeros (not there)') })
  const first = await densenet([
    ...args,
    '--uncertain=ignore',
    '--blank=ignore',
    '--mixup=0.2',
    '--class-weights=balanced',
  ])
  expect(first).toMatchObject({ code: 0, err: '' })
  expect(first.out).toContain('7 uncertain labels (-1): no part in loss and scores')
  expect(first.out).toContain('8 blank labels: no part in loss and scores')
  expect(first.out).toContain('not used: columns Sex, Age')
  expect(await densenet(['train', '--resume', own, '--epochs=2', '--uncertain=ones'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('a run that goes on reads its labels as it did'),
  })
  expect(await densenet(['train', '--resume', own, '--epochs=2', '--loader-threads=0'])).toMatchObject({ code: 0 })
  const { dataset, progress } = await readCheckpoint(join(own, 'last.safetensors'))
  expect(dataset!.reading).toEqual({ uncertain: 'ignore', blank: 'ignore' })

  const test = async (...more: string[]) => {
    const { out, code } = await densenet(['test', own, ...COMPUTE, '--json', ...more])
    expect(code).toBe(0)
    return JSON.parse(out)
  }
  const tested = await test()
  const { loss, top1Error, meanAuc } = progress!.final!
  expect([tested.loss, tested.subsetError, tested.meanAuc].map(value => value.toFixed(6))).toEqual(
    [loss, top1Error, meanAuc!].map(value => value.toFixed(6)),
  )
  expect((await test('--uncertain=ones', '--blank=zeros')).loss).toBeGreaterThan(tested.loss)
  // Several views of an image are scored by the same labels.
  expect((await test('--crops=flip')).loss).toBeGreaterThan(0)
  expect(await densenet(['test', own, '--dataset', 'synthetic', '--blank=zeros', ...COMPUTE])).toMatchObject({
    code: 2,
  })
})

test('preview names all classes of an image', async () => {
  const sheet = await densenet([
    'preview',
    '--dataset',
    list,
    '--image-size=12',
    '--images=3',
    '--output',
    `${run}.png`,
  ])
  expect(sheet.out).toContain('green | red')
})

test('what does not fit, in a sentence', async () => {
  const train = (...args: string[]) => densenet(['train', ...SMALL, '--dataset', list, '--output', `${run}-x`, ...args])
  expect(await train('--loss=cross-entropy')).toMatchObject({
    code: 2,
    err: `error: the images of ${list} may have several labels; cross entropy is for one\n       Use binary cross entropy (--loss binary-cross-entropy): every class is a yes or no of its own\n`,
  })
  const single = join(folder, 'single')
  put(
    folder,
    'single.csv',
    lines
      .map((line, i) => (i === 0 ? 'path,label,split\n' : '') + line.replace(/,.*,/, `,${i % 2 ? 'red' : 'green'},`))
      .join('\n'),
  )
  const small = ['train', ...SMALL, '--dataset', `${single}.csv`, '--epochs=1', '--train-limit=8', '--output', single]
  expect(await densenet(small)).toMatchObject({ code: 0 })
  expect(await densenet(['test', single, '--dataset', list, ...COMPUTE])).toMatchObject({
    code: 2,
    err: `error: ${single} was trained for one label an image, those of ${list} may have several\n`,
  })
})
