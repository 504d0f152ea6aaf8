// Runs seen from outside: whole, going on, stopped, killed, damaged, and folders that are none.
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet, type FitOptions } from '../../dist/index.js'
import { compareRuns, differences } from '../../dist/runs/compare-runs.js'
import { parseLogLine, readLog } from '../../dist/runs/log-lines.js'
import { findRuns, summariseRun } from '../../dist/runs/run-summary.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const at = (...names: string[]): string => join(folder, ...names)
const train = tinyDataset('train', 30)
const validation = tinyDataset('test', 10)
const on = createReferenceBackend()

async function run(name: string, options: FitOptions = {}): Promise<void> {
  const model = DenseNet.create(TINY, { seed: 3, name: 'tiny-net' })
  const usual = { on, validation, loaderThreads: 0, epochs: 3, batchSize: 10, learningRate: 0.05, output: at(name) }
  await model.fit(train, { ...usual, ...options })
}

const stopAfter = (steps: number): FitOptions => {
  const controller = new AbortController()
  const onEvent: FitOptions['onEvent'] = event => {
    if (event.type === 'step' && event.step === steps) controller.abort()
  }
  return { signal: controller.signal, onEvent }
}

await run('whole')
await run('other', { epochs: 2, learningRate: 0.1, heldOut: 10 })
await run('stopped', stopAfter(4))
const copy = (name: string): string => {
  cpSync(at('whole'), at(name), { recursive: true })
  return at(name)
}

describe('a summary', () => {
  test('of a finished run has its facts and scores', async () => {
    const { best, last, started, updated, bytes, ...facts } = await summariseRun(at('whole'))
    expect(facts).toEqual({
      path: at('whole'),
      state: 'finished',
      problem: null,
      model: 'tiny-net',
      dataset: 'tiny',
      parameters: DenseNet.create(TINY).summary().parameters,
      epochsDone: 3,
      epochs: 3,
      step: 9,
      on: 'test',
    })
    const lines = readFileSync(at('whole', 'log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    const end = lines.at(-1)
    expect({ best, last }).toEqual({ best: end.best, last: end.final })
    expect([started, updated]).toEqual([lines[0].time, end.time])
    expect(bytes).toBeGreaterThan(lines.length * 100)
  })

  test('of a stopped one, and of one judged by images held out', async () => {
    expect(await summariseRun(at('stopped'))).toMatchObject({ state: 'stopped', epochsDone: 1, epochs: 3, step: 4 })
    expect(await summariseRun(at('other'))).toMatchObject({ state: 'finished', on: 'validation', epochs: 2 })
  })

  test('tells a running one from a crashed one by its lock', async () => {
    const path = copy('locked')
    const log = readFileSync(join(path, 'log.jsonl'), 'utf8').split('\n')
    writeFileSync(join(path, 'log.jsonl'), `${log.slice(0, 4).join('\n')}\n`)
    expect((await summariseRun(path)).state).toBe('crashed')
    const lock = join(path, '.lock')
    writeFileSync(lock, `${process.pid} ${hostname()} abc\n`)
    expect((await summariseRun(path)).state).toBe('running')
    // A process that is not there, and one of another computer that has not been heard of for an hour.
    writeFileSync(lock, `999999999 ${hostname()} abc\n`)
    expect((await summariseRun(path)).state).toBe('crashed')
    writeFileSync(lock, `1 elsewhere abc\n`)
    expect((await summariseRun(path)).state).toBe('running')
    utimesSync(lock, new Date(0), new Date(0))
    expect((await summariseRun(path)).state).toBe('crashed')
  })

  const DAMAGE: readonly (readonly [string, (path: string) => void, RegExp])[] = [
    ['no config.json', path => rmSync(join(path, 'config.json')), /holds no run: it has no config\.json$/],
    ['half a config.json', path => truncateSync(join(path, 'config.json'), 40), /config\.json is damaged/],
    [
      'a config.json of something else',
      path => writeFileSync(join(path, 'config.json'), '[1]'),
      /config\.json is damaged/,
    ],
    [
      'no checkpoint',
      path => rmSync(join(path, 'last.safetensors')),
      /has no checkpoint: last\.safetensors is missing$/,
    ],
    ['a cut checkpoint', path => truncateSync(join(path, 'last.safetensors'), 4000), /last\.safetensors is /],
    ['an empty checkpoint', path => truncateSync(join(path, 'last.safetensors'), 0), /it has only 0 bytes$/],
    ['a checkpoint that lacks its end', cutByOne, /is damaged: it should have \d+ bytes, \d+ are there$/],
  ]
  function cutByOne(path: string): void {
    const file = join(path, 'last.safetensors')
    truncateSync(file, readFileSync(file).length - 1)
  }

  test.each(DAMAGE)('of a damaged run: %s', async (name, damage, problem) => {
    const path = copy(`damaged ${name}`)
    damage(path)
    const summary = await summariseRun(path)
    expect(summary).toMatchObject({ state: 'damaged', epochsDone: 3, problem: expect.stringMatching(problem) })
  })

  test('of a run whose log is torn, damaged, empty or gone', async () => {
    const path = copy('log')
    const log = join(path, 'log.jsonl')
    const whole = readFileSync(log)
    appendFileSync(log, '{"time":"2026-01-01T00:00:00.000Z","type":"step","epo')
    expect(await summariseRun(path)).toMatchObject({ state: 'finished', epochsDone: 3, step: 9 })
    const noise = Buffer.from(whole)
    noise.fill(0x00, 1000, 1400)
    writeFileSync(log, noise)
    expect((await summariseRun(path)).epochsDone).toBe(3)
    writeFileSync(log, '')
    const nothing = { state: 'crashed', epochsDone: 0, last: null, best: null, started: null, model: 'tiny-net' }
    expect(await summariseRun(path)).toMatchObject(nothing)
    rmSync(log)
    expect(await summariseRun(path)).toMatchObject(nothing)
  })
})

describe('finding runs', () => {
  test('at any depth to the fourth, and nothing that is none', async () => {
    const root = at('many')
    for (const path of ['a', 'b/c', 'b/d/e', '1/2/3/4', '1/2/3/4x/5', '.hidden/a', 'node_modules/a']) {
      cpSync(at('whole'), join(root, path), { recursive: true })
    }
    mkdirSync(join(root, 'model'))
    writeFileSync(join(root, 'model', 'config.json'), '{"architectures":["DenseNet"]}')
    const found = (await findRuns(root)).map(path => path.slice(root.length + 1))
    expect(found.sort()).toEqual(['1/2/3/4', 'a', 'b/c', 'b/d/e'])
    expect(await findRuns(at('whole'))).toEqual([at('whole')])
  })

  test('in what is no folder', async () => {
    await expect(findRuns(at('nowhere'))).rejects.toThrow(`there is no folder ${at('nowhere')}`)
    await expect(findRuns(at('whole', 'log.jsonl'))).rejects.toThrow('is a file, not a folder')
  })
})

describe('comparing', () => {
  test('shows what differs, and all epochs', async () => {
    const runs = await compareRuns([at('whole'), at('other')])
    expect(Object.fromEntries(differences(runs))).toEqual({
      'recipe.epochs': [3, 2],
      'recipe.learningRate': [0.05, 0.1],
      'recipe.heldOut': [null, 10],
    })
    expect(runs.map(({ epochs }) => epochs.length)).toEqual([3, 2])
    const steps = []
    for await (const step of readLog(at('whole', 'log.jsonl'), ['step'])) steps.push(step)
    expect(steps).toHaveLength(9)
    const seconds = steps.reduce((sum, step) => sum + step.seconds, 0)
    expect(runs[0]!.trainSeconds).toBeCloseTo(seconds, 9)
    expect(runs[0]!.imagesPerSecond).toBeCloseTo(90 / seconds, 6)
  })

  test('one that is none, and one that is damaged', async () => {
    await expect(compareRuns([at('whole'), at('nowhere')])).rejects.toThrow(`there is no folder ${at('nowhere')}`)
    const path = copy('for-comparison')
    truncateSync(join(path, 'config.json'), 10)
    await expect(compareRuns([path, at('whole')])).rejects.toThrow('config.json is damaged')
  })
})

test('lines of a log: whole ones, those of later versions, and damage', () => {
  const step = readFileSync(at('whole', 'log.jsonl'), 'utf8').split('\n')[1]!
  expect(parseLogLine(step)).toMatchObject({ type: 'step', epoch: 1, batch: 1 })
  expect(parseLogLine('{"time":"2026-01-01T00:00:00.000Z","type":"weather","rain":1}')).toBe('other')
  const damaged = [
    step.slice(0, -1),
    step.slice(5),
    step.replace('"loss"', '"lass"'),
    step.replace(/"time":"[^"]*"/, '"time":"yesterday"'),
    '{"type":"step"}',
    '{"type":"__proto__"}',
    'null',
    '[]',
    '7',
    '',
    '\u0000\u0000',
  ]
  for (const text of damaged) expect([null, 'other']).toContain(parseLogLine(text))
  expect(parseLogLine(step.slice(0, -1))).toBeNull()
})
