// The programs between two batches: the update that follows a gradient, gradients summed over several batches, averages.
import type { ParameterTable } from '../model/parameters.js'
import type { KernelCall, Ref } from './kernels.js'
import { type ExternalRole, type Precision, type Program, parameterType } from './program.js'

/** How parameters follow their gradients; kernels.ts has the formulas. */
export type Optimizer =
  | {
      readonly name?: 'sgd'
      readonly momentum: number
      readonly weightDecay: number
      readonly nesterov: boolean
    }
  | {
      readonly name: 'adamw'
      readonly beta1: number
      readonly beta2: number
      readonly epsilon: number
      readonly weightDecay: number
    }
  | {
      readonly name: 'rmsprop'
      readonly alpha: number
      readonly epsilon: number
      /** Whether epsilon is inside the root; default false. */
      readonly rooted?: boolean
      readonly momentum: number
      readonly weightDecay: number
    }

/** Consecutive elements of a buffer. */
export interface Stretch {
  readonly offset: number
  readonly elements: number
}

/** Consecutive parameters that are treated alike. */
export interface Region extends Stretch {
  readonly decays: boolean
  /** Its parameters are left alone, and their gradients count as zeros. */
  readonly frozen: boolean
}

/** Of the update of all weights: what is trained, and how much of it at most. */
export interface UpdateOptions {
  /** Default: one region, all of it trained and decaying. */
  readonly regions?: readonly Region[]
  /** Largest Euclidean norm of all gradients together; default: none. */
  readonly clipNorm?: number | null
  /** Of the backend it is for; default: float32. */
  readonly precision?: Precision | undefined
}

/** Which parameters decay besides the weights of convolutions and the classifier. */
export interface Decay {
  readonly frozen?: ReadonlySet<string>
  /** Whether batch norms and biases do; default true. */
  readonly decayNorms?: boolean
  /** Of these, whether biases and the shifts of batch norms do; default true. */
  readonly decayShifts?: boolean
}

/** What becomes of each parameter. */
export function updateRegions(
  { parameters }: ParameterTable,
  { frozen = new Set(), decayNorms = true, decayShifts = true }: Decay,
): Region[] {
  const regions: Region[] = []
  for (const { name, role, offset, count } of parameters) {
    const isShift = role === 'bias' || role === 'beta'
    const decays = role === 'convolution' || role === 'weight' || (decayNorms && (decayShifts || !isShift))
    const next: Region = { offset, elements: count, decays, frozen: frozen.has(name) }
    const last = regions.at(-1)
    if (last && last.decays === next.decays && last.frozen === next.frozen) {
      regions[regions.length - 1] = { ...last, elements: last.elements + count }
    } else regions.push(next)
  }
  return regions
}

/** The update of `elements` parameters that follows a gradient program. */
export function planUpdate(elements: number, optimizer: Optimizer, options: UpdateOptions = {}): Program {
  const { regions = [{ offset: 0, elements, decays: true, frozen: false }], clipNorm = null, precision } = options
  const names = OPTIMIZER_BUFFERS[optimizer.name ?? 'sgd']
  const roles: ExternalRole[] = ['parameters', 'gradients', ...names]
  const at = (role: ExternalRole, offset: number): Ref => ({ buffer: roles.indexOf(role), offset })
  const calls: KernelCall[] = []
  for (const { frozen, offset, elements } of regions) {
    if (frozen) calls.push({ kernel: 'fill', elements, value: 0, target: at('gradients', offset) })
  }
  if (clipNorm !== null) {
    calls.push({ kernel: 'clipGradients', elements, limit: clipNorm, gradients: at('gradients', 0) })
  }
  for (const { frozen, decays, offset, elements } of regions) {
    if (frozen) continue
    const common = { elements, parameters: at('parameters', offset), gradients: at('gradients', offset) }
    const { name: _, ...numbers } = optimizer
    const weightDecay = decays ? optimizer.weightDecay : 0
    const buffers = Object.fromEntries(names.map(name => [name, at(name, offset)]))
    calls.push({
      kernel: KERNELS[optimizer.name ?? 'sgd'],
      ...(optimizer.name === 'rmsprop' ? { rooted: false } : {}),
      ...numbers,
      ...common,
      ...buffers,
      weightDecay,
    } as KernelCall)
  }
  return program(roles, elements, calls, precision)
}

const KERNELS = { sgd: 'sgd', adamw: 'adamW', rmsprop: 'rmsProp' } as const

/** What an optimiser remembers, in buffers of parameter order. */
const OPTIMIZER_BUFFERS = {
  sgd: ['velocity'],
  adamw: ['firstMoment', 'secondMoment'],
  rmsprop: ['secondMoment', 'velocity'],
} as const satisfies Record<NonNullable<Optimizer['name']>, readonly ExternalRole[]>

/** target = keep * target + add * source, over a stretch of two buffers (default: all of it); the factors come with the run. */
export function planBlend(
  size: number,
  source: ExternalRole,
  target: ExternalRole,
  { offset = 0, elements = size, precision }: Partial<Stretch> & Pick<UpdateOptions, 'precision'> = {},
): Program {
  const [from, to] = [0, 1].map(buffer => ({ buffer, offset }))
  return program([source, target], size, [{ kernel: 'blend', elements, source: from!, target: to! }], precision)
}

function program(
  roles: readonly ExternalRole[],
  elements: number,
  calls: readonly KernelCall[],
  precision: Precision = 'float32',
): Program {
  const elementType = parameterType(precision)
  return {
    batchSize: 1,
    precision,
    buffers: roles.map(role => ({ name: role, elements, elementType, role })),
    calls,
    offsets: roles.map(() => -1),
    arenaBytes: 0,
  }
}
