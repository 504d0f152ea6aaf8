// What a command does once: read a run's checkpoint, plan each of its programs, make weights only where there are none.
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { LAST_FILE } from '../../dist/fitting/run-files.js'
import { SMALL } from '../cli/run.js'
import { temporaryFolder } from '../training/fixtures.js'

const counted = vi.hoisted(() => ({ reads: [] as string[], plans: [] as string[], weights: 0 }))

vi.mock('node:fs/promises', async original => {
  const real = await original<typeof import('node:fs/promises')>()
  const readFile = (path: unknown, ...rest: unknown[]): unknown => {
    counted.reads.push(String(path))
    return (real.readFile as (...all: unknown[]) => unknown)(path, ...rest)
  }
  return { ...real, readFile, default: { ...real, readFile } }
})
vi.mock('../../dist/engine/planner.js', async original => {
  const real = await original<typeof import('../../dist/engine/planner.js')>()
  const plan: typeof real.plan = (architecture, options) => {
    counted.plans.push(options.mode)
    return real.plan(architecture, options)
  }
  return { ...real, plan }
})
vi.mock('../../dist/model/initialise.js', async original => {
  const real = await original<typeof import('../../dist/model/initialise.js')>()
  const initialParameters: typeof real.initialParameters = (...given) => {
    counted.weights++
    return real.initialParameters(...given)
  }
  return { ...real, initialParameters }
})

// What other files have imported is not counted, and they are not to be counted.
vi.resetModules()
const { trainCommand } = await import('../../dist/cli/commands/train.js')
afterAll(() => {
  vi.resetModules()
})

beforeEach(() => {
  Object.assign(counted, { reads: [], plans: [], weights: 0 })
})

const run = join(temporaryFolder(), 'run')

async function train(...args: string[]): Promise<number> {
  let code = -1
  await trainCommand(exitCode => {
    code = exitCode
  }).parseAsync([...args, '--quiet', '--memory=store', '--loader-threads=0'], { from: 'user' })
  return code
}

test('a new run: each program is planned once, weights are made once', async () => {
  expect(await train(...SMALL, '--epochs=1', '--output', run)).toBe(0)
  expect(counted.plans).toEqual(['eval', 'train'])
  expect(counted.weights).toBe(1)
})

test('a run that goes on: its checkpoint is read once, too, and no weights are made', async () => {
  expect(await train('--resume', run, '--epochs=2')).toBe(0)
  expect(counted.reads.filter(path => path === join(run, LAST_FILE))).toHaveLength(1)
  expect(counted.plans).toEqual(['eval', 'train'])
  expect(counted.weights).toBe(0)
})

test('the classifier alone, on kept features: what computes them is planned once, too', async () => {
  expect(await train(...SMALL, '--epochs=1', '--freeze=features.*', '--output', `${run}-of-features`)).toBe(0)
  expect(counted.plans.sort()).toEqual(['eval', 'infer', 'train'])
})
