// Where the time of a step goes, kernel by kernel. Only the compiled backends can tell.
import type { CompiledBackend } from '../backends/compiled/backend.js'
import { type BackendOptions, createBackend } from '../backends/registry.js'
import { type Backend, type Bindings, createArena, type DeviceBuffer, type Precision } from '../engine/backend.js'
import { bytesOf, flopsOf } from '../engine/cost.js'
import { externalRooms } from '../engine/externals.js'
import type { KernelCall, View } from '../engine/kernels.js'
import { plan } from '../engine/planner.js'
import type { Program } from '../engine/program.js'
import { planUpdate } from '../engine/update.js'
import { architecture } from '../model/architecture.js'
import { initialParameters, initialRunning } from '../model/initialise.js'
import { parameterTable } from '../model/parameters.js'
import { randomStream } from '../util/random.js'
import { median } from '../util/statistics.js'
import type { CompleteWork, KernelTime } from './work.js'

/** One call of a step's programs. */
export interface CallTime {
  readonly call: KernelCall
  /** Images that it runs on. */
  readonly batch: number
  /** Median of all steps. */
  readonly seconds: number
}

/** Which backend a work is for. */
export const computeOf = ({ backend, threads, adapter, precision }: CompleteWork): BackendOptions => ({
  backend,
  threads,
  adapter,
  precision,
})

/** Whether its calls can be measured. */
export const tellsTimes = ({ name }: Backend): boolean => name !== 'reference'

/** Calls of the same kind taken together, the most expensive kind first. */
export async function measureKernels(work: CompleteWork): Promise<KernelTime[]> {
  return grouped(await measureCalls(work), work.precision)
}

export function grouped(times: readonly CallTime[], precision: Precision = 'float32'): KernelTime[] {
  const groups = new Map<string, KernelTime>()
  for (const time of times) add(groups, time, precision)
  return [...groups.values()].sort((a, b) => b.seconds - a.seconds)
}

/** Every call, in the order in which a step makes them. */
export async function measureCalls(work: CompleteWork): Promise<CallTime[]> {
  const backend = await createBackend(computeOf(work))
  try {
    return await callTimes(backend as CompiledBackend, work)
  } finally {
    backend.dispose()
  }
}

/** On a backend that is there already. */
export async function callTimes(backend: CompiledBackend, work: CompleteWork): Promise<CallTime[]> {
  const { task, batchSize, memory, iterations, settle, config } = work
  const { precision } = backend
  const described = architecture(config)
  const table = parameterTable(described)
  const programs =
    task === 'train'
      ? [
          plan(described, { mode: 'train', batchSize, precision, memory }),
          planUpdate(table.parameterCount, { momentum: 0.9, weightDecay: 1e-4, nesterov: true }, { precision }),
        ]
      : [plan(described, { mode: 'infer', batchSize, precision })]
  const bindings = createBindings(backend, programs)
  const random = randomStream(0, 'shuffle')
  const images = Float32Array.from({ length: bindings.input.elements }, () => random.uniform() - 0.5)
  await bindings.input.write(images)
  await bindings.parameters.write(initialParameters(table, 0))
  await bindings.running.write(initialRunning(table))

  const executables = await Promise.all(programs.map(program => backend.compile(program, bindings)))
  const seconds: Float64Array[][] = programs.map(() => [])
  for (let step = 0; step < settle + iterations; step++) {
    for (const [i, executable] of executables.entries()) {
      const taken = await executable.profile({
        batch: programs[i]!.batchSize,
        learningRate: 0,
        step,
      })
      if (step >= settle) seconds[i]!.push(taken)
    }
  }
  return programs.flatMap(({ calls, batchSize: batch }, i) =>
    calls.map((call, j) => ({ call, batch, seconds: median(seconds[i]!.map(taken => taken[j]!)) })),
  )
}

type Filled = Bindings & Record<'input' | 'parameters' | 'running', DeviceBuffer>

function createBindings(backend: CompiledBackend, programs: readonly Program[]): Filled {
  const externals = Object.entries(externalRooms(programs)).map(
    ([role, { elements, elementType }]) => [role, backend.createBuffer(elements, elementType)] as const,
  )
  const arena = createArena(backend, Math.max(...programs.map(({ arenaBytes }) => arenaBytes)))
  return { ...(Object.fromEntries(externals) as Filled), arena }
}

function add(groups: Map<string, KernelTime>, { call, batch, seconds }: CallTime, precision: Precision): void {
  const size = 'size' in call ? call.size : null
  const { height, width } = outputOf(call) ?? { height: null, width: null }
  const key = [call.kernel, size, height, width].join(' ')
  const group = groups.get(key) ?? { kernel: call.kernel, size, height, width, ...NOTHING }
  groups.set(key, {
    ...group,
    calls: group.calls + 1,
    seconds: group.seconds + seconds,
    flops: group.flops + flopsOf(call, batch),
    bytes: group.bytes + bytesOf(call, batch, precision),
  })
}
const NOTHING = { calls: 0, seconds: 0, flops: 0, bytes: 0 }

function outputOf(call: KernelCall): View | null {
  if ('output' in call) return call.output
  if (!('outputGradient' in call)) return null
  return 'gradient' in call.outputGradient ? call.outputGradient.gradient : call.outputGradient
}
