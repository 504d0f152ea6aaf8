// Commands that several processes share: mpirun or srun starts each of them with the same words, or --ranks has mpirun do so.
import { execFileSync, spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { ALONE, type JoinedRanks, joinRanks, leads, type Ranks } from '../entries/runs.js'
import { usageError } from '../errors.js'
import { printFailure } from './failure.js'
import type { OutputFlags } from './options.js'
import { EXIT_CODES, SIGNALS, type Signal } from './signals.js'

/** What a command of several is given. */
export interface Party {
  readonly ranks: Ranks
  /** Threads of each; undefined: as many as there are cores. */
  readonly threads: number | undefined
  /** Each takes its own of the machine's GPUs; undefined: the first. */
  readonly adapter: number | undefined
  /** Before the words of those who are not rank 0: "rank 2: ". */
  readonly who: string
}

const NOBODY: Party = { ranks: ALONE, threads: undefined, adapter: undefined, who: '' }

/** Runs a command as one of the ranks that were started, or starts `asked` of them. */
export async function withRanks(asked: number | undefined, work: (party: Party) => Promise<number>): Promise<number> {
  const ranks = await joinRanks()
  if (ranks === null) return asked === undefined || asked === 1 ? work(NOBODY) : startRanks(asked)
  const who = leads(ranks) ? '' : `rank ${ranks.rank}: `
  try {
    if (asked !== undefined && asked !== ranks.size) throw usageError(`--ranks ${asked}, but ${ranks.size} are started`)
    if (ranks.warning) process.stderr.write(`warning: ${ranks.warning}\n`)
    const adapter = ranks.size > 1 ? ranks.local.rank : undefined
    const exitCode = await work({ ranks, threads: ranks.threads, adapter, who })
    await ranks.leave()
    return exitCode
  } catch (error) {
    return fail(ranks, error, who)
  }
}

/** Where all have the same to say, rank 0 says it, and ends them. */
const GRACE_MILLISECONDS = 1000

async function fail(ranks: JoinedRanks, error: unknown, who: string): Promise<number> {
  if (!leads(ranks)) await setTimeout(GRACE_MILLISECONDS)
  return ranks.abort(printFailure(error, who))
}

/** Flags of those who leave speaking to rank 0. */
export const flagsOf = <F extends OutputFlags>(flags: F, ranks: Ranks): F =>
  leads(ranks) ? flags : { ...flags, quiet: true, json: false, dashboard: false }

/** This very command, so many times. */
async function startRanks(count: number): Promise<number> {
  const mpirun = versionOf('mpirun')
  if (mpirun === null) {
    const hint = 'install Open MPI or MPICH, such as: apt install openmpi-bin; or leave out --ranks'
    throw usageError('--ranks starts mpirun, and there is none here', hint)
  }
  const isOpenMpi = /open mpi|open-mpi/i.test(mpirun)
  // Of its own accord it would give each rank one core, refuse to start more than there are, and to work for root.
  const words = isOpenMpi ? ['--bind-to', 'none', ...(count > availableParallelism() ? ['--oversubscribe'] : [])] : []
  const allowed = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
  const env = { ...process.env, ...(process.getuid?.() === 0 ? allowed : {}) }
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  // A group of its own: a terminal's Ctrl-C comes to this process alone, which hands it on, once.
  const child = spawn('mpirun', ['-n', String(count), ...words, ...command], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
    detached: true,
  })
  let stopped: Signal | null = null
  const handOn = (signal: NodeJS.Signals): void => {
    // Of any other Open MPI kills what has not ended two seconds later; the second one may.
    child.kill(isOpenMpi && stopped === null ? 'SIGUSR1' : signal)
    stopped = signal as Signal
  }
  for (const signal of SIGNALS) process.on(signal, handOn)
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', code =>
        resolve(stopped !== null && code === EXIT_CODES.SIGUSR1 ? EXIT_CODES[stopped] : (code ?? 1)),
      )
    })
  } finally {
    for (const signal of SIGNALS) process.off(signal, handOn)
  }
}

/** What it says of itself; null: it is not there. */
function versionOf(program: string): string | null {
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return null
  }
}
