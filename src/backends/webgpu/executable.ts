// A program on a device: its dispatches bound once, their numbers written before each run, encoded anew in each.
import type { Bindings, DeviceBuffer, ElementType, RunArguments } from '../../engine/backend.js'
import { checkProgram, checkRunArguments } from '../../engine/check.js'
import { bytesPerElement, type Program } from '../../engine/program.js'
import { DenseNetError } from '../../errors.js'
import { EVERYWHERE, type Reach } from './alike.js'
import { bind, type Range } from './bindings.js'
import { WebGpuBuffer } from './buffer.js'
import { createClock } from './clock.js'
import type { OpenDevice } from './device.js'
import { type Place, type Run, sizeOf, type Value } from './dispatch.js'
import { imageByImage, type WebGpuExecutable } from './image-by-image.js'
import { type LoweredDispatch, lower, refuses } from './lower.js'
import { onPages, placed, staysImageByImage, wholeBatch } from './memory.js'
import { assembled, numbersOf, offsetName, type Pipelines, rowNames } from './pipelines.js'
import { type BindGroup, type GpuBuffer, type Limits, type Pipeline, USAGE } from './platform.js'
import type { TileCosts } from './tiles.js'

const FLOAT = 4
/** In bytes: where the numbers of a dispatch may begin. */
const ALIGNMENT = 256
/** Floating-point operations of a submit, about: a tenth of a second of a slow GPU, whose driver's watchdog waits for seconds. */
const SUBMIT_FLOPS = 5e10

interface Step {
  readonly dispatch: LoweredDispatch
  readonly pipeline: Pipeline
  readonly group: BindGroup
}

export interface Compiler {
  readonly opened: OpenDevice
  readonly pipelines: Pipelines
  readonly costs: TileCosts
}

export async function compile(
  given: Program,
  bindings: Bindings,
  { opened, pipelines, costs }: Compiler,
): Promise<WebGpuExecutable> {
  checkProgram(given, bindings, { refuses })
  checkPrecision(given)
  opened.check()
  if (staysImageByImage(given)) {
    return imageByImage(
      given,
      opened,
      (one, own) => compile(one, { ...bindings, ...own }, { opened, pipelines, costs }),
      (role, elementType) => bufferOf(bindings, role, opened, elementType),
    )
  }
  const { device } = opened
  const own: WebGpuBuffer[] = []
  const create = (elements: number): WebGpuBuffer => {
    const buffer = new WebGpuBuffer(opened, elements)
    own.push(buffer)
    return buffer
  }
  let numbers: GpuBuffer | null = null
  const dispose = (): void => {
    for (const buffer of own.splice(0)) buffer.dispose()
    numbers?.destroy()
    numbers = null
  }
  try {
    const whole = wholeBatch(given)
    const arena =
      whole === given ? (bindings.arena ? bufferOf(bindings, 'arena', opened) : null) : create(whole.arenaBytes / FLOAT)
    const program = arena ? onPages(whole, arena) : whole
    const { dispatches, scratchElements } = lower(program, reachOf(arena, bindings, device.limits), costs)
    const scratch = create(scratchElements)
    const locate = ({ buffer, offset, ...place }: Place): { readonly memory: WebGpuBuffer; readonly from: number } => {
      const from = sizeOf(place) * offset
      if (buffer === 'scratch') return { memory: scratch, from }
      if (buffer === 'arena') return { memory: arena!, from }
      const { memory, base } = placed(program, buffer)
      if (memory === 'arena') return { memory: arena!, from: base + from }
      return { memory: bufferOf(bindings, memory, opened, program.buffers[buffer]!.elementType), from: base + from }
    }
    const slots = slotsOf(dispatches)
    const host = new ArrayBuffer(slots.bytes)
    numbers = device.createBuffer({ size: Math.max(ALIGNMENT, slots.bytes), usage: USAGE.uniform | USAGE.copyTarget })
    const ofRun: ((run: Run) => void)[] = []
    const steps = await Promise.all(
      dispatches.map(async (dispatch, i): Promise<Step> => {
        const ranges = Object.entries(dispatch.operands).map(([name, place]) => rangeOf(name, place, locate(place)))
        const bound = bind(ranges, device.limits)
        const slot = slots.of[i]!
        ofRun.push(...fillNumbers(dispatch, bound.places, host, slot))
        const text = assembled(dispatch, bound, device.features.has('subgroups'))
        const pipeline = await pipelines.pipeline(dispatch.name, text, bound.windows.length)
        const entries = [{ buffer: numbers!, ...slot }, ...bound.windows].map((resource, binding) => ({
          binding,
          resource,
        }))
        return {
          dispatch,
          pipeline,
          group: device.createBindGroup({ layout: pipelines.layout(bound.windows.length), entries }),
        }
      }),
    )
    await Promise.all([arena, ...own].map(buffer => buffer?.ready()))

    const begin = (args: RunArguments): Run => {
      if (numbers === null) throw new DenseNetError('this program was disposed of and cannot be run any more')
      checkRunArguments(program, args)
      opened.check()
      const { batch, learningRate = 0, seed = 0, step = 0, keep = 0, add = 0 } = args
      const run = { batch, learningRate, seed, step, keep, add }
      for (const fill of ofRun) fill(run)
      device.queue.writeBuffer(numbers, 0, new Uint8Array(host))
      return run
    }
    return {
      async run(args) {
        const { batch } = begin(args)
        for (const some of submits(steps)) {
          const encoder = device.createCommandEncoder()
          const pass = encoder.beginComputePass()
          for (const step of some) encode(pass, step, batch)
          pass.end()
          device.queue.submit([encoder.finish()])
        }
      },
      async profile(args) {
        const { batch } = begin(args)
        const clock = createClock(opened, program.calls.length)
        try {
          for (const some of ofCalls(steps)) {
            const encoder = device.createCommandEncoder()
            const pass = encoder.beginComputePass(clock.of(some[0]!.dispatch.call))
            for (const step of some) encode(pass, step, batch)
            pass.end()
            device.queue.submit([encoder.finish()])
          }
          return await clock.seconds()
        } finally {
          clock.dispose()
        }
      },
      dispose,
    }
  } catch (error) {
    dispose()
    throw error
  }
}

function checkPrecision({ precision }: Program): void {
  if (precision === 'float64') throw new DenseNetError('the webgpu backend has no programs in float64')
}

type Pass = ReturnType<ReturnType<OpenDevice['device']['createCommandEncoder']>['beginComputePass']>

function encode(pass: Pass, { dispatch, pipeline, group }: Step, batch: number): void {
  const [x, y, z] = dispatch.groups(batch)
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, group)
  pass.dispatchWorkgroups(x, y, z)
}

/** Steps of one call each, in order. */
function ofCalls(steps: readonly Step[]): Step[][] {
  const all: Step[][] = []
  for (const step of steps) {
    const last = all.at(-1)
    if (last?.[0]?.dispatch.call === step.dispatch.call) last.push(step)
    else all.push([step])
  }
  return all
}

/** Steps that are submitted together. */
export function submits<S extends { readonly dispatch: { readonly flops: number } }>(steps: readonly S[]): S[][] {
  const all: S[][] = [[]]
  let flops = 0
  for (const step of steps) {
    if (flops > 0 && flops + step.dispatch.flops > SUBMIT_FLOPS) {
      all.push([])
      flops = 0
    }
    all.at(-1)!.push(step)
    flops += step.dispatch.flops
  }
  return all
}

function bufferOf(
  bindings: Bindings,
  role: keyof Bindings,
  opened: OpenDevice,
  wanted: ElementType = 'float32',
): WebGpuBuffer {
  const buffer = bindings[role]
  if (!(buffer instanceof WebGpuBuffer) || buffer.opened !== opened) {
    throw new DenseNetError(`the buffer bound to "${role}" belongs to another backend`)
  }
  if (buffer.elementType === wanted) return buffer
  throw new DenseNetError(`the buffer bound to "${role}" holds ${buffer.elementType}, the program's ${wanted}`)
}

function rangeOf(
  name: string,
  place: Place,
  { memory, from }: { readonly memory: WebGpuBuffer; readonly from: number },
): Range {
  const page = Math.floor(from / memory.pageBytes)
  const start = from - page * memory.pageBytes
  return { name, buffer: memory.pages[page]!, from: start, to: start + sizeOf(place) * place.count }
}

function reachOf(arena: WebGpuBuffer | null, bindings: Bindings, { maxStorageBufferBindingSize: most }: Limits): Reach {
  const fits = (buffer: DeviceBuffer | null): boolean =>
    buffer === null || buffer.elements * bytesPerElement(buffer) <= most
  if ([arena, ...Object.values(bindings)].every(fits)) return EVERYWHERE
  // Half of it, so that two of them may become one window.
  return { reach: most / FLOAT / 2, page: (arena?.pageBytes ?? Number.POSITIVE_INFINITY) / FLOAT }
}

interface Slot {
  readonly offset: number
  readonly size: number
}

/** Where the numbers of each dispatch lie. */
function slotsOf(dispatches: readonly LoweredDispatch[]): { readonly of: readonly Slot[]; readonly bytes: number } {
  let bytes = 0
  const of = dispatches.map(dispatch => {
    const { whole, real } = numbersOf(dispatch)
    const count = rowsOf(dispatch).length + whole.length + real.length
    const slot = { offset: bytes, size: Math.ceil((FLOAT * count) / ALIGNMENT) * ALIGNMENT }
    bytes += slot.size
    return slot
  })
  return { of, bytes }
}

function rowsOf(dispatch: LoweredDispatch): number[] {
  const names = rowNames(dispatch)
  return (dispatch.rows ?? []).flatMap(row => names.map(name => row[name] ?? 0))
}

/** Writes the numbers that are always the same to `host`, and gives what writes those of a run. */
function fillNumbers(
  dispatch: LoweredDispatch,
  places: ReadonlyMap<string, { readonly offset: number }>,
  host: ArrayBuffer,
  { offset, size }: Slot,
): ((run: Run) => void)[] {
  const rows = rowsOf(dispatch)
  new Uint32Array(host, offset).set(rows)
  const names = numbersOf(dispatch)
  const begin = offset + FLOAT * rows.length
  const whole = new Uint32Array(host, begin, (size - FLOAT * rows.length) / FLOAT)
  const real = new Float32Array(host, begin, whole.length)
  const given = (name: string): Value => {
    const operand = name.slice(offsetName('').length)
    return dispatch.whole[name] ?? places.get(operand)!.offset / sizeOf(dispatch.operands[operand]!)
  }
  const entries = [
    ...names.whole.map(name => [whole, given(name)] as const),
    ...names.real.map(name => [real, dispatch.real[name]!] as const),
  ]
  return entries.flatMap(([numbers, value], i) => {
    if (typeof value === 'function') {
      return [
        (run: Run) => {
          numbers[i] = value(run)
        },
      ]
    }
    numbers[i] = value
    return []
  })
}
