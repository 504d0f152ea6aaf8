// Joining the ranks that a launcher has started.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, hostname } from 'node:os'
import { DenseNetError, usageError } from '../errors.js'
import { gather } from '../ranks/message.js'
import type { Ranks } from '../ranks/ranks.js'
import { loadMpiAddon, type MpiAddon } from './addon.js'
import { isCutOff, type Launch, launchOf } from './launcher.js'
import { meet, type Seated } from './meeting.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

/** Ranks that a launcher has started, as one of them sees them. */
export interface JoinedRanks extends Ranks, Omit<Seated, 'local'> {
  /** What they speak through: "Open MPI v4.1.4". */
  readonly library: string
  /** Waits for all, and takes leave. A rank that ends without ends all. */
  leave(): Promise<void>
  /** Ends all ranks at once, this one with that exit code. */
  abort(exitCode: number): never
}

/** How long a rank waits for another before all end. */
const PATIENCE_SECONDS = 300
/** Before gradients are exchanged some may still fetch their data: so many times as long. */
const FIRST_PATIENCE = 12

/** The ranks that mpirun or srun have started, this process among them; null where it was started alone. */
export async function joinRanks(): Promise<JoinedRanks | null> {
  const launch = launchOf(process.env)
  if (launch === null) return null
  if (isCutOff(process.env)) {
    throw usageError(
      `${launch.launcher} has started this process by another one, which keeps their connection`,
      'start the program itself: node_modules/.bin/densenet, where it was npx densenet',
    )
  }
  const addon = loadMpiAddon()
  const world = joinWorld(addon, launch)
  process.on('exit', abortAtExit)
  // Node would say it after that.
  process.on('uncaughtExceptionMonitor', ({ stack, message }) => {
    process.stderr.write(`error: rank ${world.rank}: unexpected: ${stack ?? message}\n`)
  })
  let left = false
  function abortAtExit(code: number): void {
    if (!left) addon.abort(code || 1)
  }
  const exchange = exchangeBy(world)
  const meeting = { ...world, local: { rank: world.rank, size: 1 }, exchange }
  const seat = { host: hostname(), cores: coresAllowed(), available: availableParallelism(), processors: cpus().length }
  return {
    ...world,
    ...(await meet(meeting, version, seat)),
    exchange,
    async leave() {
      await gather(meeting, null)
      left = true
      process.off('exit', abortAtExit)
      addon.leave()
    },
    abort(exitCode) {
      return addon.abort(exitCode)
    },
  }
}

interface World {
  readonly rank: number
  readonly size: number
  readonly library: string
  readonly addon: MpiAddon
  /** Exchanges under way, with what they fill and send: the addon holds on to neither. */
  readonly underWay: Map<number, { readonly arrays: unknown; readonly resolve: () => void }>
}

/** By the first library that can be loaded: one that does not belong to the launcher finds itself alone. */
function joinWorld(addon: MpiAddon, { launcher, size, libraries }: Launch): World {
  const underWay: World['underWay'] = new Map()
  const finished = (id: number): void => {
    underWay.get(id)!.resolve()
    underWay.delete(id)
  }
  const failures: string[] = []
  for (const library of libraries) {
    const joined = addon.join(library, finished)
    if (typeof joined === 'string') {
      failures.push(joined)
      continue
    }
    const [rank, found, text] = joined
    const name = text.split(/[\n,]/)[0]!.replace(/\s+/g, ' ').replace('MPICH Version: ', 'MPICH ')
    if (found === size) return { rank, size, library: name, addon, underWay }
    throw usageError(
      `${launcher} has started ${size} ranks, but ${library} (${name}) knows of ${found}: they do not understand each other`,
      launcher === 'srun'
        ? 'start Open MPI with srun --mpi=pmix, MPICH with --mpi=pmi2; or set DENSENET_MPI to the file of the library that is meant'
        : "set DENSENET_MPI to the file of the launcher's library, or use the mpirun of that one",
    )
  }
  throw new DenseNetError(
    `${launcher} has started ${size} ranks, but its MPI cannot be loaded (${failures.join('; ')})`,
    {
      hint: 'set DENSENET_MPI to the file of its library, libmpi.so or the like',
    },
  )
}

function exchangeBy({ addon, underWay }: World): Ranks['exchange'] {
  let exchanges = 0
  let seconds = FIRST_PATIENCE * patience()
  return (outgoing, incoming, channel = 0) => {
    if (channel > 0) seconds = patience()
    const id = ++exchanges
    return new Promise(resolve => {
      underWay.set(id, { arrays: [outgoing, incoming], resolve })
      addon.exchange(id, outgoing, incoming, channel, seconds)
    })
  }
}

/** DENSENET_RANKS_PATIENCE: seconds, for tests and for networks that are slower than anybody would think. */
const patience = (): number => Number(process.env.DENSENET_RANKS_PATIENCE) || PATIENCE_SECONDS

/** The cores that this process may use, as Linux says it: "0-3". */
function coresAllowed(): string {
  const status = readFileSync('/proc/self/status', 'utf8')
  return /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? ''
}
