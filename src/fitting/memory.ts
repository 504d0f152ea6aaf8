// The memory of a training process, before anything is allocated: the planner knows the activations to the last
// element, the backend its scratch. What is left are a few numbers measured on the place it runs in.
import { externalRooms } from '../engine/externals.js'
import { inferenceProgram } from '../engine/inference.js'
import type { MemoryMode } from '../engine/planner.js'
import { bytesPerElement, type ExternalRole, type Precision, type Program, parameterType } from '../engine/program.js'
import {
  programList,
  type SessionOptions,
  type SessionPrograms,
  sessionPrograms,
  TRAINING_BUFFERS,
} from '../engine/session.js'
import { usageError } from '../errors.js'
import { type Architecture, architecture, scoresOf } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import { featureCount, featureLayer, POOLED } from '../model/feature-layers.js'
import { parameterTable } from '../model/parameters.js'

/** The memory of where it runs, in bytes. */
export interface Machine {
  /** What this program itself takes, loaded, planned and compiled. */
  readonly program: number
  /** What can still be taken. */
  free(): number
  all(): number
}

export const memoryChoices = ['store', 'recompute', 'auto'] as const satisfies readonly (MemoryMode | 'auto')[]
/** What may be asked for: `auto` chooses by the memory that is free. Both modes give the same bits. */
export type MemoryChoice = (typeof memoryChoices)[number]

/** What the memory of a training is predicted for; `batchSize` in images. */
export interface MemoryOptions {
  readonly batchSize: number
  readonly memory: MemoryMode
  /** Of the backend; default: float32. */
  readonly precision?: Precision | undefined
  /** Bytes that the backend takes for itself to run a program. */
  readonly scratchBytes: (program: Program) => number
  /** As Backend.arenaBytes; default: any number. */
  readonly arenaBytes?: number | undefined
  /** Of each of the two loaders, for training and for testing; default 1. */
  readonly loaderThreads?: number | undefined
  /** Images whose features are kept, each pass counted; default 0. */
  readonly keptImages?: number | undefined
  /** What else is asked of the session; default: SGD. */
  readonly session?: Omit<SessionOptions, 'batchSize' | 'memory'>
}

/** Where the memory of `densenet train` goes, in bytes. Only the data set's own images are not counted. */
export interface TrainingMemory {
  /** Node with this program loaded, planned and compiled. */
  readonly node: number
  /** Feature buffers, their gradients, bottleneck outputs, and what lives shortly in between: the planner's arena. */
  readonly activations: number
  /** Parameters, their gradients and momentum, and the running statistics. */
  readonly parameters: number
  /** What the kernels of the gradient and of the evaluation program work in: packed panels, partial sums. */
  readonly scratch: number
  /** The batch in the engine, those that both loaders prepare ahead, and features that are kept. */
  readonly batches: number
  /** The heaps of the loaders' threads. */
  readonly loaders: number
  /** Weights in JavaScript: those that training began with, and a copy of the present ones, with momentum. */
  readonly copies: number
  readonly total: number
}

/** Of what is ready for the backend in JavaScript. */
const FLOAT = bytesPerElement()
/** Measured: two threads more took twice this. */
const LOADER_THREAD_BYTES = 11e6
/** As createLoader's default: prepared ahead for one thread, and the one in use. */
const slots = (threads: number): number => (threads === 0 ? 1 : Math.max(4, 2 * threads) + 1)

/** Bytes of a training process, part by part, but for the images of the data set, and the programs that they are of;
 * nothing is allocated. */
export function predictMemory(
  config: DenseNetConfig,
  options: MemoryOptions,
  { program: node }: Pick<Machine, 'program'>,
): Pick<MemoryPlan, 'programs' | 'extractor' | 'predicted'> {
  const { batchSize, memory, scratchBytes, precision = 'float32', loaderThreads = 1, keptImages = 0 } = options
  const described = architecture(config)
  const optimizer = { momentum: 0.9, weightDecay: 0, nesterov: true }
  const ofSession = sessionPrograms(described, { optimizer, ...options.session, batchSize, memory }, precision)
  const programs = programList(ofSession)
  // What computes the features to keep has an arena and weights of its own.
  const extractor = options.session?.from
    ? inferenceProgram(described, { batchSize, layer: POOLED }, precision)
    : undefined
  const extraction = extractor ? [extractor] : []
  const arenas = [programs, extraction].map(all => Math.max(0, ...all.map(({ arenaBytes }) => arenaBytes)))
  const ownType = parameterType(precision)
  const running = { elements: parameterTable(described).runningCount, elementType: ownType }
  const rooms = { running, ...externalRooms(programs) }
  const bytesOf = (...roles: readonly ExternalRole[]): number =>
    roles.reduce((sum, role) => sum + rooms[role]!.elements * bytesPerElement(rooms[role]), 0)
  const remembered = TRAINING_BUFFERS.filter(role => rooms[role])
  const scores = (network: Pick<Architecture, 'layers'>): number => scoresOf(network).height * scoresOf(network).width
  const networks = [described, options.session?.evaluated ?? described]
  const prepared = networks.reduce((sum, { config: { inputChannels, height, width }, ...network }) => {
    return sum + FLOAT * batchSize * (inputChannels * height * width + scores(network))
  }, 0)
  const given = (['input', 'features', 'labels', 'targets'] as const).filter(role => rooms[role])
  // What ranks exchange: one's own gradient, and stretches of everybody's.
  const travelling = options.session?.share ? 2 : 0
  const parts = {
    node,
    activations: arenas[0]! + arenas[1]!,
    parameters:
      bytesOf('parameters', 'gradients', 'running', ...remembered) +
      extraction.length * bytesOf('parameters', 'running'),
    scratch: [...programs, ...extraction].reduce((sum, program) => sum + scratchBytes(program), 0),
    batches:
      slots(loaderThreads) * prepared +
      bytesOf(...given, 'logits', 'loss', rooms.rank ? 'rank' : 'predicted') +
      (keptImages > 0 ? FLOAT * keptImages * featureCount(featureLayer(described, POOLED)) : 0),
    loaders: 2 * loaderThreads * LOADER_THREAD_BYTES,
    copies: bytesOf('parameters', 'parameters', ...remembered) + travelling * bytesOf('parameters'),
  }
  const total = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)
  return { programs: ofSession, extractor, predicted: { ...parts, total } }
}

/** A mode for `choice`, and why; refuses what this machine has no room for. */
export interface MemoryPlan {
  readonly memory: MemoryMode
  /** Why `auto` chose it; null when it was asked for. */
  readonly reason: string | null
  readonly predicted: TrainingMemory
  /** Of the session, planned for it. */
  readonly programs: SessionPrograms
  /** What computes the features to keep; undefined where none are. */
  readonly extractor: Program | undefined
}

/** Of the free memory `auto` leaves a fifth to others. */
const USABLE = 0.8

export function planMemory(
  config: DenseNetConfig,
  choice: MemoryChoice,
  options: Omit<MemoryOptions, 'memory'>,
  machine: Machine,
): MemoryPlan {
  const free = machine.free()
  const { arenaBytes = Number.POSITIVE_INFINITY } = options
  const planFor = (memory: MemoryMode) => predictMemory(config, { ...options, memory }, machine)
  const fits = ({ total, activations }: TrainingMemory): boolean => total <= USABLE * free && activations <= arenaBytes
  const store = choice === 'recompute' ? null : planFor('store')
  if (store && (choice === 'store' || fits(store.predicted))) {
    checkRoom(machine, store.predicted.total, options.batchSize, () => planFor('recompute').predicted.total)
    const reason = choice === 'auto' ? `auto: fits into the ${gigabytes(free)} that are free` : null
    return { memory: 'store', reason, ...store }
  }
  const recompute = planFor('recompute')
  checkRoom(machine, recompute.predicted.total, options.batchSize)
  const reason = store && whyNot(store.predicted, free, arenaBytes)
  return { memory: 'recompute', reason, ...recompute }
}

function whyNot({ total, activations }: TrainingMemory, free: number, arenaBytes: number): string {
  if (activations > arenaBytes) {
    return `auto: storing takes an arena of ${gigabytes(activations)}, this GPU has ${gigabytes(arenaBytes)} in one piece`
  }
  return `auto: storing takes ${gigabytes(total)}, ${gigabytes(free)} are free`
}

function checkRoom(machine: Machine, needed: number, batchSize: number, recompute?: () => number): void {
  const available = machine.all()
  if (needed <= available) return
  throw usageError(
    `training at batch ${batchSize} takes ${gigabytes(needed)}, this machine has ${gigabytes(available)}`,
    recompute
      ? `--memory recompute takes ${gigabytes(recompute())}; a smaller batch takes less`
      : 'a smaller batch takes less',
  )
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
