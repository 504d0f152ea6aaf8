// densenet runs and densenet compare, as a person sees them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ago, quoted } from '../../dist/cli/format.js'
import { plot } from '../../dist/cli/plot.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet, SMALL } from './run.js'

const cwd = temporaryFolder()
const trained = await densenet(['train', ...SMALL, '--output', 'runs/a'], { cwd })
await densenet(['train', ...SMALL, '--lr=0.1', '--epochs=2', '--output', 'runs/b'], { cwd })
mkdirSync(join(cwd, 'runs/c'))
writeFileSync(join(cwd, 'runs/c/log.jsonl'), 'torn')
mkdirSync(join(cwd, 'none'))

test('runs lists them, the latest first, damaged ones with why', async () => {
  expect(trained.code).toBe(0)
  const { code, out, err } = await densenet(['runs'], { cwd })
  expect([code, err]).toEqual([0, ''])
  const [head, ...rows] = out.trimEnd().split('\n')
  expect(head).toMatch(/^run +state +network +data set +epochs +last +best +last change +size$/)
  expect(rows).toEqual([
    expect.stringMatching(
      /^runs\/b +finished +DenseNet with .* +synthetic +2\/2 +error [\d.]+ % +error [\d.]+ % +(now|\d+ s ago)/,
    ),
    expect.stringMatching(/^runs\/a +finished +DenseNet with .* +synthetic +3\/3 +error [\d.]+ % +error [\d.]+ %/),
    expect.stringMatching(/^runs\/c +damaged +\? +\? /),
    'runs/c holds no run: it has no config.json',
  ])
})

test('runs --json, an empty folder, and no folder', async () => {
  const { out } = await densenet(['runs', 'runs', '--json'], { cwd })
  expect(JSON.parse(out).map((run: { path: string; state: string }) => [run.path, run.state])).toEqual([
    ['runs/b', 'finished'],
    ['runs/a', 'finished'],
    ['runs/c', 'damaged'],
  ])
  expect((await densenet(['runs', 'none'], { cwd })).out).toBe('no runs in none\n')
  expect(await densenet(['runs', 'nowhere'], { cwd })).toMatchObject({
    code: 2,
    out: '',
    err: 'error: there is no folder nowhere\n',
  })
})

test('compare shows what differs, curves, milestones and totals', async () => {
  const { code, out } = await densenet(['compare', 'runs/a', 'runs/b'], { cwd })
  expect(code).toBe(0)
  expect(out).toMatch(/^A {3}runs\/a {3}finished\nB {3}runs\/b {3}finished\n\nsettings that differ\n/)
  expect(out).toMatch(/\nrecipe.epochs +3 +2\nrecipe.learningRate +0.05 +0.1\n\n/)
  expect(out).toMatch(/\ntest or validation error by epoch, %\n *[\d.]+ \|/)
  expect(out).toMatch(/\nlast +error [\d.]+ % \(epoch 3\) +error [\d.]+ % \(epoch 2\)\n/)
  expect(out).not.toContain('undefined')
  const json = JSON.parse((await densenet(['compare', 'runs/a', 'runs/b', '--json'], { cwd })).out)
  expect(json.differences).toEqual({ 'recipe.epochs': [3, 2], 'recipe.learningRate': [0.05, 0.1] })
  expect(json.runs.map((run: { epochs: unknown[] }) => run.epochs.length)).toEqual([3, 2])
})

test.each([
  [['runs/a'], 2, 'error: one run alone cannot be compared\n       Name two or more; densenet runs lists them\n'],
  [['runs/a', 'runs/c'], 2, 'error: runs/c holds no run: it has no config.json\n'],
  [['runs/a', 'runs/x'], 2, 'error: there is no folder runs/x\n'],
  [new Array(27).fill('runs/a'), 2, 'error: 27 runs are too many: at most 26 can be compared\n'],
])('compare %j', async (args, code, err) => {
  expect(await densenet(['compare', ...args], { cwd })).toMatchObject({ code, out: '', err })
})

test('a plot puts points where they belong', () => {
  const rising = [0, 1, 2].map(x => ({ x, y: x }))
  const falling = [0, 2].map(x => ({ x, y: 2 - x }))
  expect(
    plot(
      [
        { letter: 'A', points: rising },
        { letter: 'B', points: falling },
      ],
      { width: 5, height: 5 },
    ),
  ).toEqual(['2 |B   A', '  | B A', '  |  *', '  | A B', '0 |A   B', '  +-----', '   0   2'])
})

test('a plot of one point, of equal ones, of none, of those that are not finite', () => {
  const size = { width: 3, height: 3 }
  expect(plot([{ letter: 'A', points: [{ x: 1, y: 7 }] }], size)).toEqual(['7 |', '  | A', '7 |', '  +---', '   1 1'])
  expect(plot([{ letter: 'A', points: [] }], size)).toEqual([])
  expect(plot([{ letter: 'A', points: [{ x: 1, y: Number.NaN }] }], size)).toEqual([])
})

test('figures', () => {
  expect([0, 3, 59.4, 61, 7200, 259_200].map(ago)).toEqual([
    'now',
    '3 s ago',
    '59 s ago',
    '1 min ago',
    '2 h ago',
    '3 days ago',
  ])
  expect(['runs/a', 'my runs', "it's", ''].map(quoted)).toEqual(['runs/a', "'my runs'", "'it'\\''s'", "''"])
})
