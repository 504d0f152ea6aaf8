// A run's folder, damaged between two parts of the run: what can be had is had, what is lost is named.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const on = createReferenceBackend()
const train = tinyDataset('train', 30)
const common: FitOptions = { on, validation: tinyDataset('test', 10), loaderThreads: 0 }
const recipe: FitOptions = { epochs: 3, batchSize: 8, learningRate: 0.05, seed: 3, keepBest: 2 }
const create = (): DenseNet => DenseNet.create(TINY, { seed: 3 })

/** Trains, as far as `steps` steps. */
async function begun(name: string, steps: number, seed = 3): Promise<string> {
  const output = join(folder, name)
  const controller = new AbortController()
  const onEvent: FitOptions['onEvent'] = event =>
    void (event.type === 'step' && event.step === steps && controller.abort())
  await create().fit(train, { ...common, ...recipe, seed, output, onEvent, signal: controller.signal })
  return output
}

const whole = await begun('whole', Number.POSITIVE_INFINITY)
const expected = (await DenseNet.load(whole)).state
const stopped = await begun('stopped', 6)
const other = await begun('other', 6, 4)
let copies = 0
const copy = (): string => {
  const path = join(folder, `copy-${++copies}`)
  cpSync(stopped, path, { recursive: true })
  return path
}

/** Goes on to the end; what was said of it. */
async function finished(path: string): Promise<string[]> {
  const warnings: string[] = []
  const onEvent: FitOptions['onEvent'] = event => void (event.type === 'warning' && warnings.push(event.message))
  const model = await DenseNet.load(path, { onWarning: () => {} })
  await model.fit(train, { ...common, resume: path, onEvent })
  expect(model.state).toEqual(expected)
  return warnings
}

const logOf = (path: string): number[] =>
  readFileSync(join(path, 'log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
    .filter(({ type }) => type === 'step')
    .map(({ step }) => step)

test('whole, there is nothing to say, and nothing is left over', async () => {
  const path = copy()
  expect(await finished(path)).toEqual([])
  expect(readdirSync(path).sort()).toEqual(readdirSync(whole).sort())
  expect(logOf(path)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
})

test('what a kill left in the middle of a write is tidied up', async () => {
  const path = copy()
  for (const name of [
    'last.safetensors.new',
    'epoch-9.safetensors.new',
    'config.json.12-0aff.tmp',
    '.lock.12-0aff.tmp',
  ]) {
    writeFileSync(join(path, name), 'x')
  }
  writeFileSync(join(path, 'notes.tmp'), 'mine')
  await finished(path)
  expect(readdirSync(path).sort()).toEqual([...readdirSync(whole), 'notes.tmp'].sort())
})

describe('config.json', () => {
  test.each<[string, (path: string) => void, RegExp]>([
    ['gone', path => rmSync(path), /holds no run: it has no config.json; its settings are taken from the checkpoint/],
    ['cut', path => truncateSync(path, 40), /config.json is damaged: it is not JSON; its settings/],
    ['empty', path => truncateSync(path, 0), /config.json is damaged/],
    ['another thing', path => writeFileSync(path, '[]'), /config.json is damaged: it lacks everything/],
  ])('%s, is written anew from the checkpoint', async (_, damage, message) => {
    const path = copy()
    const before = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'))
    damage(join(path, 'config.json'))
    expect(await finished(path)).toEqual([expect.stringMatching(message)])
    expect(JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'))).toEqual(before)
  })
})

describe('the last checkpoint', () => {
  test("of another run is recognised; this run's one before it is used", async () => {
    const path = copy()
    copyFileSync(join(other, 'last.safetensors'), join(path, 'last.safetensors'))
    expect(await finished(path)).toEqual([
      `${path}/last.safetensors is of another run than config.json beside it; going on from the checkpoint before it: epoch 2, step 0`,
    ])
  })

  test('of another run, and the one before it, too: a sentence', async () => {
    const path = copy()
    copyFileSync(join(other, 'config.json'), join(path, 'config.json'))
    await expect(DenseNet.load(path)).rejects.toThrow(/is of another run than config.json beside it/)
  })

  test('damaged, does not become the one before the next', async () => {
    const path = copy()
    truncateSync(join(path, 'last.safetensors'), 50)
    const controller = new AbortController()
    controller.abort()
    const model = await DenseNet.load(path, { onWarning: () => {} })
    await model.fit(train, { ...common, resume: path, signal: controller.signal })
    await DenseNet.load(join(path, 'last.previous.safetensors'))
  })
})

describe('the log', () => {
  test.each<[string, (path: string) => void, number[]]>([
    ['cut in a line', path => truncateSync(path, readFileSync(path, 'utf8').indexOf('"step":4')), [1, 2, 3]],
    ['empty', path => truncateSync(path, 0), []],
    ['gone', path => rmSync(path), []],
  ])('%s: whole lines are kept, and it goes on', async (_, damage, kept) => {
    const path = copy()
    damage(join(path, 'log.jsonl'))
    expect(await finished(path)).toEqual([
      `${path}/log.jsonl is damaged: it does not go up to step 6; the training does not need it and goes on`,
    ])
    expect(logOf(path)).toEqual([...kept, 7, 8, 9, 10, 11, 12])
  })

  test('a folder in its place steps aside', async () => {
    const path = copy()
    rmSync(join(path, 'log.jsonl'))
    mkdirSync(join(path, 'log.jsonl'))
    expect(await finished(path)).toHaveLength(1)
    expect(existsSync(join(path, 'log.jsonl.damaged'))).toBe(true)
  })
})

test('a best checkpoint that is damaged, gone or of another run is named', async () => {
  const path = copy()
  truncateSync(join(path, 'best.safetensors'), 50)
  const [warning] = await finished(path)
  expect(warning).toMatch(/best.safetensors .*; the weights of epoch 1 are lost, the training goes on$/)
})

test('a changed data set is noticed, a moved one is the same', async () => {
  const path = copy()
  const images = train.images.slice()
  images[7]! ^= 1
  const model = await DenseNet.load(path)
  await expect(model.fit({ ...train, images }, { ...common, resume: path })).rejects.toThrow(
    /the images of tiny have changed since the run in .* began/,
  )
  await finished(path)
})

test('a run that came to no checkpoint can be begun anew, a stranger’s folder is left alone', async () => {
  const path = join(folder, 'early')
  mkdirSync(path)
  copyFileSync(join(stopped, 'config.json'), join(path, 'config.json'))
  await expect(DenseNet.load(path)).rejects.toThrow(/was stopped before its first checkpoint/)
  await create().fit(train, { ...common, ...recipe, epochs: 1, output: path })
  const stranger = join(folder, 'stranger')
  mkdirSync(stranger)
  writeFileSync(join(stranger, 'config.json'), '{"name":"app"}')
  await expect(create().fit(train, { ...common, ...recipe, output: stranger })).rejects.toThrow(
    /holds a config.json that is no run's/,
  )
})
