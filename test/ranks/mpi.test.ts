// Ranks that mpirun starts, as their user does: the bits of one process, and an end for all whatever happens to one.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { temporaryFolder } from '../training/fixtures.js'

const folder = temporaryFolder()
const CLI = join(import.meta.dirname, '../../dist/cli/main.js')

/** Debian's launchers; with only one of them mpirun is that. */
const launchers = ['mpirun.openmpi', 'mpirun.mpich', 'mpirun'].flatMap(program => {
  const { stdout, error } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return error ? [] : [{ program, isOpenMpi: /open.?mpi/i.test(stdout) }]
})
const MPIS = launchers.length > 1 ? launchers.slice(0, -1) : launchers
if (MPIS.length === 0) console.log('skipped: ranks by mpirun, of which there is none; apt install openmpi-bin')

let runs = 0
const fresh = (): string => join(folder, `run-${++runs}`)
const NETWORK = ['--depth', '10', '--growth-rate', '4', '--bottleneck', '--dataset', 'synthetic', '--seed', '3']
const TRAINING = [
  ...NETWORK,
  '--train-limit',
  '96',
  '--test-limit',
  '32',
  '--batch-size',
  '8',
  '--epochs',
  '1',
  '--schedule',
  'constant',
]
/** Long enough to be interrupted. */
const LONG = [...NETWORK, '--train-limit', '512', '--test-limit', '32', '--batch-size', '8', '--epochs', '500']

interface Mpi {
  readonly program: string
  readonly isOpenMpi: boolean
}
type Environment = Readonly<Record<string, string>>

const env = {
  ...process.env,
  DENSENET_RANKS_PATIENCE: '4',
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
}

/** Words of a launcher that start a command, with variables of its own. */
function starting({ isOpenMpi }: Mpi, count: number, variables: Environment, command: readonly string[]): string[] {
  const own = Object.entries(variables).flatMap(([name, value]) =>
    isOpenMpi ? ['-x', `${name}=${value}`] : ['-env', name, value],
  )
  return ['-n', String(count), ...own, process.execPath, ...command]
}
const global = ({ isOpenMpi }: Mpi): string[] => (isOpenMpi ? ['--bind-to', 'none', '--oversubscribe'] : [])

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const ended = (child: ChildProcess): Promise<Ended> =>
  new Promise(resolve => {
    let [out, err] = ['', '']
    child.stdout!.on('data', text => (out += text))
    child.stderr!.on('data', text => (err += text))
    child.on('close', code => resolve({ code, out, err }))
  })

const mpirun = (mpi: Mpi, words: readonly string[]): ChildProcess =>
  spawn(mpi.program, [...global(mpi), ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] })

const train = (...words: string[]): string[] => [CLI, 'train', ...words]

async function lastOf(path: string) {
  const { run: _, progress, ...rest } = await readCheckpoint(join(path, 'last.safetensors'))
  return { ...rest, progress: { ...progress!, logBytes: 0 } }
}

function underWayIn(path: string): boolean {
  const log = join(path, 'log.jsonl')
  return existsSync(log) && readFileSync(log, 'utf8').includes('"type":"step"')
}

describe.each(MPIS)('$program', mpi => {
  test('2 and 3 ranks end where one process does, and one writes', async () => {
    const alone = fresh()
    execFileSync(process.execPath, train(...TRAINING, '--accumulate', '4', '--output', alone, '--quiet'))
    for (const count of [2, 3]) {
      const path = fresh()
      const { code, out, err } = await ended(
        mpirun(mpi, starting(mpi, count, {}, train(...TRAINING, '--accumulate', '4', '--output', path))),
      )
      expect({ code, err }).toMatchObject({ code: 0 })
      expect(await lastOf(path)).toEqual(await lastOf(alone))
      expect(readdirSync(path).sort()).toEqual(readdirSync(alone).sort())
      expect(out.match(/saved in/g)).toHaveLength(1)
      expect(out).toContain('an update of 4 batches of 8: 32 images')
    }
  })

  /** A long training of three, once it is under way. */
  async function underWay(output: string) {
    const child = mpirun(mpi, starting(mpi, 3, {}, train(...LONG, '--output', output, '--quiet')))
    const end = ended(child)
    for (let i = 0; i < 300 && !underWayIn(output); i++) await setTimeout(100)
    return { child, end, second: rankOne(output) }
  }
  test.each(['SIGKILL', 'SIGSTOP'] as const)('%s of one ends all', async signal => {
    const output = fresh()
    const { end, second } = await underWay(output)
    process.kill(second, signal)
    const { code, err } = await end
    expect(code).not.toBe(0)
    if (signal === 'SIGSTOP')
      expect(err).toMatch(/error: rank 1 has (not answered|taken nothing from) rank [02] for 4 s/)
    expect((await lastOf(output)).progress.epoch).toBeGreaterThan(0)
    expect(processesOf(output)).toEqual([])
  })

  test('SIGUSR1 of one: all finish the same step, and it is saved', async () => {
    const output = fresh()
    const { end, second } = await underWay(output)
    process.kill(second, 'SIGUSR1')
    expect((await end).code).not.toBe(0)
    const { progress } = await lastOf(output)
    const steps = readFileSync(join(output, 'log.jsonl'), 'utf8').match(/"type":"step"/g)
    expect(steps).toHaveLength(progress.step)
    expect(processesOf(output)).toEqual([])
  })

  test('what differs between ranks is refused', async () => {
    const output = fresh()
    const words = (variables: Environment, rate: string) =>
      starting(mpi, 1, variables, train(...TRAINING, '--lr', rate, '--output', output))
    const recipes = await ended(mpirun(mpi, [...words({}, '0.1'), ':', ...words({}, '0.2')]))
    expect(recipes.code).not.toBe(0)
    expect(recipes.err).toContain('error: rank 1 has learning rate 0.2, rank 0 has 0.1')
    const sets = await ended(mpirun(mpi, [...words({}, '0.1'), ':', ...words({ DENSENET_ISA: 'portable' }, '0.1')]))
    if (process.arch === 'x64') expect(sets.err).toContain('rank 1 has computer native: portable')
  })

  test('whoever ends without taking leave ends all, and it is no success', async () => {
    const join = `const { joinRanks } = await import(${JSON.stringify(new URL('../../dist/entries/runs.js', import.meta.url))})
      const ranks = await joinRanks()
      if (ranks.rank === 1) process.exit(0)
      await ranks.leave()`
    const { code } = await ended(mpirun(mpi, starting(mpi, 2, {}, ['--input-type=module', '-e', join])))
    expect(code).not.toBe(0)
  })
})

test.runIf(MPIS.length > 0)(
  '--ranks starts them; a run goes on in one process; the images of a test are shared out',
  async () => {
    const [path, unbroken] = [fresh(), fresh()]
    const densenet = (...words: string[]) => spawnSync(process.execPath, [CLI, ...words], { env, encoding: 'utf8' })
    expect(densenet('train', ...TRAINING, '--ranks', '2', '--output', path)).toMatchObject({ status: 0 })
    expect(densenet('train', '--resume', path, '--epochs', '2')).toMatchObject({ status: 0 })
    expect(densenet('train', ...TRAINING, '--epochs', '2', '--accumulate', '2', '--output', unbroken).status).toBe(0)
    const [two, one] = [await lastOf(path), await lastOf(unbroken)]
    expect(two.state).toEqual(one.state)
    const testing = ['test', path, '--json', '--test-limit', '50', '--batch-size', '8']
    const facts = (text: string) => ({ ...JSON.parse(text), seconds: 0 })
    expect(facts(densenet(...testing, '--ranks', '2').stdout)).toEqual(facts(densenet(...testing).stdout))
  },
)

test.runIf(MPIS.length > 0)('--ranks hands a signal on so that the step is finished and saved', async () => {
  const output = fresh()
  const child = spawn(process.execPath, train(...LONG, '--output', output, '--quiet', '--ranks', '2'), { env })
  const end = ended(child)
  for (let i = 0; i < 300 && !underWayIn(output); i++) await setTimeout(100)
  child.kill('SIGTERM')
  expect((await end).code).toBe(143)
  expect(readFileSync(join(output, 'log.jsonl'), 'utf8').trimEnd().split('\n').at(-1)).toContain('"type":"stop"')
  expect(processesOf(output)).toEqual([])
})

test.runIf(MPIS.length > 1)("a library that is not the launcher's is noticed", async () => {
  const openMpi = MPIS.find(({ isOpenMpi }) => isOpenMpi)!
  const other = { DENSENET_MPI: 'libmpich.so.12' }
  const { code, err } = await ended(
    mpirun(openMpi, starting(openMpi, 2, other, train(...TRAINING, '--output', fresh()))),
  )
  expect(code).not.toBe(0)
  expect(err).toMatch(/mpirun of Open MPI has started 2 ranks, but libmpich\.so\.12 \(MPICH [\d.]+\) knows of 1/)
})

/** Linux's: processes with a word among their arguments. */
function processesOf(word: string): number[] {
  const found: number[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      if (readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(word)) found.push(Number(name))
    } catch {
      // It has ended.
    }
  }
  return found
}

/** The process of rank 1 of a training into a folder. */
function rankOne(output: string): number {
  const isSecond = (id: number): boolean =>
    /(^|\0)(OMPI_COMM_WORLD_RANK|PMI_RANK)=1\0/.test(readFileSync(`/proc/${id}/environ`, 'utf8'))
  return processesOf(output).find(isSecond)!
}
