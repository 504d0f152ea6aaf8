// A place for several ranks: the run in its folder is rank 0's, which reads it for all. The others need no file of it.
import type { Numbers } from '../engine/backend.js'
import { type SessionState, TRAINING_BUFFERS, type TrainingBuffer } from '../engine/session.js'
import { broadcast } from '../ranks/message.js'
import { leads, type Ranks } from '../ranks/ranks.js'
import type { Checkpoint } from './checkpoint.js'
import type { Machine } from './memory.js'
import type { OpenRun, Place, Run, Standing } from './place.js'
import type { RunSettings } from './settings.js'

export function sharedPlace(place: Place, ranks: Ranks): Place {
  if (ranks.size === 1) return place
  const machine = shareOf(place.machine, ranks.local.size)
  const openRun: Place['openRun'] = (path, onWarning) => openSharedRun(place, ranks, path, onWarning)
  if (leads(ranks)) return { ...place, machine, openRun }
  return {
    ...place,
    machine,
    openRun,
    createRun: async (path, settings) => silentRun(path, settings, null),
    boards: null,
  }
}

/** Ranks on one machine share its memory. */
const shareOf = (machine: Machine, ranks: number): Machine => ({
  ...machine,
  free: () => machine.free() / ranks,
  all: () => machine.all() / ranks,
})

/** The run in `path`, of rank 0's files, for all ranks. */
export async function openSharedRun(
  { openRun }: Pick<Place, 'openRun'>,
  ranks: Ranks,
  path: string,
  onWarning: (message: string) => void,
): Promise<OpenRun> {
  const run = leads(ranks) ? await openRun(path, onWarning) : null
  const { facts: settings } = await broadcast(ranks, run && { facts: run.settings, numbers: [] })
  const checkpoint = await shareCheckpoint(ranks, run?.checkpoint ?? null)
  return run ?? (silentRun(path, settings, checkpoint) as OpenRun)
}

/** Rank 0's, for all ranks. */
export async function shareCheckpoint<C extends Checkpoint>(ranks: Ranks, own: C | null): Promise<C> {
  if (ranks.size === 1) return own!
  const { state, ...told } = own ?? { state: null }
  const buffers = TRAINING_BUFFERS.filter(name => state?.training[name])
  const training = buffers.map(name => state!.training[name]!)
  const { facts, numbers } = await broadcast(
    ranks,
    state && { facts: { told, buffers }, numbers: [state.parameters, state.running, ...training] },
  )
  return own ?? ({ ...facts.told, state: stateOf(facts.buffers, numbers) } as unknown as C)
}

function stateOf(buffers: readonly TrainingBuffer[], numbers: readonly Numbers[]): SessionState {
  const [parameters, running, ...rest] = numbers as [Numbers, Numbers, ...Numbers[]]
  return { parameters, running, training: Object.fromEntries(buffers.map((name, i) => [name, rest[i]])) }
}

/** Rank 0 writes what there is to be written. */
const silentRun = (path: string, settings: RunSettings, checkpoint: Standing | null): Run => ({
  path,
  settings,
  checkpoint,
  continueLog: async () => {},
  record: () => {},
  save: async () => path,
  close: async () => {},
})
