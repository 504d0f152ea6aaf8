// Runs one kernel call on a backend and compares what it wrote. A case's program has one call, and all its buffers lie
// in the arena, with NaN in the gaps between them: what is read out of bounds shows, and so does what is written there.

import type { Backend, RunArguments } from '../../dist/engine/backend.js'
import type { KernelCall } from '../../dist/engine/kernels.js'
import { operandsOf } from '../../dist/engine/operands.js'
import { type BufferSpec, bytesPerElement, type Program } from '../../dist/engine/program.js'

export interface ConformanceCase {
  readonly name: string
  readonly program: Program
  /** Images in the run; may be fewer than program.batchSize. */
  readonly batch: number
  /** What every buffer holds before the run. All values are float32 numbers, so that every backend sees the same. */
  readonly inputs: ReadonlyMap<number, Float64Array>
  readonly outputs: readonly Output[]
  readonly tolerance: Tolerance
  readonly runArguments: RunArguments
}

/** Largest allowed differences for float32 arithmetic, relative to the largest value of their own channel: a weak channel must be
 * as right as a strong one. A channel of a few numbers may be small because the terms of its sums cancel, but not their rounding
 * errors: for those it counts as large as a tenth of the output's largest value. */
export interface Tolerance {
  readonly many: number
  readonly few: number
}
const FEW = 16

/** Something that the call writes: `positions` in the arena. Number i is of channel floor(i / inner) % channels. */
export interface Output {
  readonly name: string
  readonly positions: Uint32Array
  readonly inner: number
  readonly channels: number
}

const ALIGNMENT = 64
const GAP = 64
const sizeOf = ({ precision: elementType }: Pick<Program, 'precision'>): number => bytesPerElement({ elementType })

/** Elements of the arena of a program of float32, or float64. */
export const arenaElements = ({ arenaBytes, ...program }: Program): number => arenaBytes / sizeOf(program)
/** The element of it at which a buffer begins. */
export const startOf = ({ offsets, ...program }: Program, buffer: number): number => offsets[buffer]! / sizeOf(program)

/** A program with every buffer in the arena, each for itself. */
export function makeProgram(
  calls: readonly KernelCall[],
  specs: readonly BufferSpec[],
  batchSize: number,
  precision: 'float32' | 'float64' = 'float32',
): Program {
  const buffers = specs.map(spec => ({ ...spec, elementType: precision }))
  const size = sizeOf({ precision })
  const offsets: number[] = []
  let end = GAP
  for (const { elements } of buffers) {
    offsets.push(size * end)
    end = Math.ceil((end + elements + GAP) / ALIGNMENT) * ALIGNMENT
  }
  return { batchSize, precision, buffers, calls, offsets, arenaBytes: size * end }
}

export function outputsOf(call: KernelCall, program: Program, batch: number): Output[] {
  return operandsOf(call, batch)
    .filter(({ access }) => access !== 'read')
    .map(operand => {
      if ('ref' in operand) {
        const { name, count } = operand
        const first = startOf(program, operand.ref.buffer) + operand.ref.offset
        // Rows of weights; what optimisers work on; numbers of channels or images.
        const channels = name === 'weightGradient' ? outputChannels(call) : 'elements' in call ? 1 : count
        const positions = new Uint32Array(count)
        for (let i = 0; i < count; i++) positions[i] = first + i
        return { name, positions, inner: count / channels, channels }
      }
      const { buffer, stride, first, channels, height, width } = operand.view
      const [pixels, count] = [height * width, channels * height * width]
      const positions = new Uint32Array(batch * count)
      for (let n = 0; n < batch; n++) {
        const from = startOf(program, buffer) + (n * stride + first) * pixels
        for (let i = 0; i < count; i++) positions[n * count + i] = from + i
      }
      return { name: operand.name, positions, inner: pixels, channels }
    })
}

function outputChannels(call: KernelCall): number {
  if (call.kernel === 'linearBackward') return call.outputGradient.channels
  return call.kernel === 'convolutionBackward' ? call.outputGradient.gradient.channels : 1
}

/** The arena before the run, with `gap` where no input is. */
export function initialArena({ program, inputs }: ConformanceCase, gap = Number.NaN): Float64Array {
  const arena = new Float64Array(arenaElements(program)).fill(gap)
  for (const [buffer, values] of inputs) arena.set(values, startOf(program, buffer))
  return arena
}

/** Runs the case and returns the arena. */
export async function runCase(
  backend: Backend,
  testCase: ConformanceCase,
  before: ArrayLike<number> = initialArena(testCase),
): Promise<ArrayLike<number>> {
  const arena = backend.createBuffer(arenaElements(testCase.program))
  try {
    await arena.write(before)
    const executable = await backend.compile(testCase.program, { arena })
    await executable.run(testCase.runArguments)
    executable.dispose()
    return await arena.read()
  } finally {
    arena.dispose()
  }
}

export interface Comparison {
  /** The largest differences, as Tolerance has them. */
  readonly errors: Tolerance
  /** Sentences: what is out of tolerance, and what was written that must not be. Empty: all is well. */
  readonly problems: readonly string[]
}

/** WGSL may be off by 2.5 ULP in a division and by 3 and more in exp, where processors are by half a one. */
export const onGpu = (testCase: ConformanceCase): ConformanceCase => {
  const { many, few } = testCase.tolerance
  return { ...testCase, tolerance: { many: 2 * many, few: 2 * few } }
}

/** What is allowed in an output, per channel: its difference, and what that is relative to. */
function allowedIn({ positions, inner, channels }: Output, tolerance: Tolerance, expected: ArrayLike<number>) {
  const largest = new Float64Array(channels)
  for (let i = 0; i < positions.length; i++) {
    const channel = Math.floor(i / inner) % channels
    largest[channel] = Math.max(largest[channel]!, Math.abs(expected[positions[i]!]!))
  }
  const kind: keyof Tolerance = positions.length / channels < FEW ? 'few' : 'many'
  const least = kind === 'few' ? largest.reduce((a, b) => Math.max(a, b)) / 10 : 0
  const scales = largest.map(value => Math.max(value, least))
  return { kind, scales, differences: scales.map(scale => scale * tolerance[kind]) }
}

/** The least and the most that each element of the arena may be after a run. */
export function boundsOf({ outputs, tolerance }: ConformanceCase, expected: ArrayLike<number>, before: Float64Array) {
  const [least, most] = [before.slice(), before.slice()]
  for (const output of outputs) {
    const { differences } = allowedIn(output, tolerance, expected)
    for (const [i, position] of output.positions.entries()) {
      const difference = differences[Math.floor(i / output.inner) % output.channels]!
      least[position] = expected[position]! - difference
      most[position] = expected[position]! + difference
    }
  }
  return { least, most }
}

/** Compares an arena after a run with the one that the reference left. */
export function compareCase(
  testCase: ConformanceCase,
  expected: ArrayLike<number>,
  actual: ArrayLike<number>,
  before: ArrayLike<number> = initialArena(testCase),
): Comparison {
  const errors = { many: 0, few: 0 }
  const problems: string[] = []
  const isOutput = new Uint8Array(arenaElements(testCase.program))
  for (const output of testCase.outputs) {
    const { name, positions, inner, channels } = output
    const { kind, scales, differences } = allowedIn(output, testCase.tolerance, expected)
    const worst = new Float64Array(channels)
    const worstAt = new Uint32Array(channels)
    for (let i = 0; i < positions.length; i++) {
      const position = positions[i]!
      const channel = Math.floor(i / inner) % channels
      isOutput[position] = 1
      const difference = Math.abs(actual[position]! - expected[position]!)
      if (difference <= worst[channel]!) continue
      worst[channel] = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
      worstAt[channel] = i
    }
    for (const [channel, scale] of scales.entries()) {
      const error = worst[channel] === 0 ? 0 : worst[channel]! / scale
      errors[kind] = Math.max(errors[kind], error)
      if (worst[channel]! <= differences[channel]!) continue
      const index = worstAt[channel]!
      const at = positions[index]!
      problems.push(
        `${name}[${index}] is ${actual[at]} instead of ${expected[at]}: off by ${error.toExponential(2)} of what ` +
          `channel ${channel} has as its largest, ${scale}`,
      )
    }
  }
  let stray = 0
  while (stray < before.length && (isOutput[stray] || Object.is(actual[stray], before[stray]))) stray++
  if (stray < before.length)
    problems.push(`${whereIs(testCase, stray)} was ${before[stray]} and must stay, but is ${actual[stray]}`)
  return { errors, problems }
}

function whereIs({ program }: ConformanceCase, position: number): string {
  for (const [number, { name, elements }] of program.buffers.entries()) {
    const index = position - startOf(program, number)
    if (index >= 0 && index < elements) return `${name}[${index}]`
  }
  return `arena[${position}], between the buffers,`
}
