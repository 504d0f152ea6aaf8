// Runs one kernel call on a backend and compares what it wrote. A case's program has one call, and all its buffers lie
// in the arena, with NaN in the gaps between them: what is read out of bounds shows, and so does what is written there.

import type { Backend, RunArguments } from '../../dist/engine/backend.js'
import type { KernelCall } from '../../dist/engine/kernels.js'
import { operandsOf } from '../../dist/engine/operands.js'
import type { BufferSpec, Program } from '../../dist/engine/program.js'

export interface ConformanceCase {
  readonly name: string
  readonly program: Program
  /** Images in the run; may be fewer than program.batchSize. */
  readonly batch: number
  /** What every buffer holds before the run. All values are float32 numbers, so that every backend sees the same. */
  readonly inputs: ReadonlyMap<number, Float64Array>
  readonly outputs: readonly Output[]
  /** Largest allowed difference of an output, relative to its largest value, for float32 arithmetic. */
  readonly tolerance: number
  readonly runArguments: RunArguments
}

/** Something that the call writes: `positions` in the arena. */
export interface Output {
  readonly name: string
  readonly positions: Uint32Array
}

const ALIGNMENT = 64
const GAP = 64

/** A program with every buffer in the arena, each for itself. */
export function makeProgram(calls: readonly KernelCall[], buffers: readonly BufferSpec[], batchSize: number): Program {
  const offsets: number[] = []
  let end = GAP
  for (const { elements } of buffers) {
    offsets.push(end)
    end = Math.ceil((end + elements + GAP) / ALIGNMENT) * ALIGNMENT
  }
  return { batchSize, buffers, calls, offsets, arenaElements: end }
}

export function outputsOf(call: KernelCall, offsets: readonly number[], batch: number): Output[] {
  return operandsOf(call, batch)
    .filter(({ access }) => access !== 'read')
    .map(operand => {
      if ('ref' in operand) {
        const first = offsets[operand.ref.buffer]! + operand.ref.offset
        return { name: operand.name, positions: Uint32Array.from({ length: operand.count }, (_, i) => first + i) }
      }
      const { buffer, stride, first, channels, height, width } = operand.view
      const [pixels, count] = [height * width, channels * height * width]
      const positions = new Uint32Array(batch * count)
      for (let n = 0; n < batch; n++) {
        const from = offsets[buffer]! + (n * stride + first) * pixels
        for (let i = 0; i < count; i++) positions[n * count + i] = from + i
      }
      return { name: operand.name, positions }
    })
}

/** The arena before the run. */
export function initialArena({ program, inputs }: ConformanceCase): Float64Array {
  const arena = new Float64Array(program.arenaElements).fill(Number.NaN)
  for (const [buffer, values] of inputs) arena.set(values, program.offsets[buffer]!)
  return arena
}

/** Runs the case and returns the arena. */
export async function runCase(backend: Backend, testCase: ConformanceCase): Promise<ArrayLike<number>> {
  const arena = backend.createBuffer(testCase.program.arenaElements)
  try {
    await arena.write(initialArena(testCase))
    const executable = await backend.compile(testCase.program, { arena })
    await executable.run(testCase.runArguments)
    executable.dispose()
    return await arena.read()
  } finally {
    arena.dispose()
  }
}

export interface Comparison {
  /** Per output: the largest difference relative to the output's largest value. */
  readonly errors: ReadonlyMap<string, number>
  /** Sentences: what is out of tolerance, and what was written that must not be. Empty: all is well. */
  readonly problems: readonly string[]
}

/** Compares an arena after a run with the one that the reference left. */
export function compareCase(
  testCase: ConformanceCase,
  expected: ArrayLike<number>,
  actual: ArrayLike<number>,
): Comparison {
  const errors = new Map<string, number>()
  const problems: string[] = []
  const isOutput = new Uint8Array(testCase.program.arenaElements)
  for (const { name, positions } of testCase.outputs) {
    let largest = 0
    let worst = 0
    let worstAt = 0
    // The loops over millions of elements are plain ones: emulated processors run them, too.
    for (let i = 0; i < positions.length; i++) {
      const position = positions[i]!
      isOutput[position] = 1
      largest = Math.max(largest, Math.abs(expected[position]!))
      const difference = Math.abs(actual[position]! - expected[position]!)
      if (difference > worst || Number.isNaN(difference)) {
        worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
        worstAt = i
      }
    }
    const error = worst === 0 ? 0 : worst / (largest || 1)
    errors.set(name, error)
    if (!(error <= testCase.tolerance)) {
      const at = positions[worstAt]!
      problems.push(
        `${name}[${worstAt}] is ${actual[at]} instead of ${expected[at]}: off by ${error.toExponential(2)} of the largest`,
      )
    }
  }
  const before = initialArena(testCase)
  let stray = 0
  while (stray < before.length && (isOutput[stray] || Object.is(actual[stray], before[stray]))) stray++
  if (stray < before.length)
    problems.push(`${whereIs(testCase, stray)} was ${before[stray]} and must stay, but is ${actual[stray]}`)
  return { errors, problems }
}

function whereIs({ program }: ConformanceCase, position: number): string {
  for (const [number, { name, elements }] of program.buffers.entries()) {
    const index = position - program.offsets[number]!
    if (index >= 0 && index < elements) return `${name}[${index}]`
  }
  return `arena[${position}], between the buffers,`
}
