// A conformance case as a program of another precision: its buffers in an arena of bytes, each of its type, and back.
import type { Backend } from '../../dist/engine/backend.js'
import { fromBfloat16, toBfloat16 } from '../../dist/engine/bfloat16.js'
import { bufferOf, operandsOf } from '../../dist/engine/operands.js'
import {
  bytesPerElement,
  type ElementType,
  type Precision,
  type Program,
  parameterType,
} from '../../dist/engine/program.js'
import { conformanceCases } from './cases.js'
import { arenaElements, type ConformanceCase, startOf, type Tolerance } from './harness.js'

/** Bits that are NaN as a number of any type. */
const NAN_BITS = 0x7ff87ff8
/** Of 1e30, as a float and as two bfloat16. */
export const LARGE_BITS = 0x71497149
const GAP = 256

/** The cases of few numbers, which are made and run in no time. */
export const precisionCases = conformanceCases.filter(({ program }) => arenaElements(program) < 40_000)

/** What each type of activations adds to a case's tolerance, or leaves of it. */
const TOLERANCES: Readonly<Record<Precision, (tolerance: Tolerance) => Tolerance>> = {
  float32: tolerance => tolerance,
  // A float64 has 29 bits more.
  float64: ({ many, few }) => ({ many: Math.max(1e-12, many * 2 ** -29), few: Math.max(1e-12, few * 2 ** -29) }),
  // Half of the last of its 8 bits, twice where another half was kept from the reference's sums.
  bfloat16: ({ many, few }) => ({ many: many + 2 ** -8, few: few + 2 ** -8 }),
}

/** The case with inputs that are numbers of the precision; weights, too, which kernels may round before they multiply. */
export function roundedCase(testCase: ConformanceCase, precision: Precision): ConformanceCase {
  const tolerance = TOLERANCES[precision](testCase.tolerance)
  if (precision !== 'bfloat16') return { ...testCase, tolerance }
  const types = typesOf(testCase.program, precision)
  const [call] = testCase.program.calls
  if (call && 'weight' in call && 'buffer' in call.weight) types[call.weight.buffer] = precision
  const inputs = new Map([...testCase.inputs].map(([buffer, values]) => [buffer, rounded(values, types[buffer]!)]))
  return { ...testCase, inputs, tolerance }
}

export const rounded = (values: Float64Array, type: ElementType): Float64Array =>
  type === 'bfloat16' ? Float64Array.from(fromBfloat16(toBfloat16(values), new Float32Array(values.length))) : values

/** What the reference left, but statistics of the output that was stored, which is rounded and theirs is not. */
export function ofStored(
  { program, outputs }: ConformanceCase,
  expected: Float64Array,
  left: ArrayLike<number>,
): Float64Array {
  const [call] = program.calls
  if (!call || !('statistics' in call) || !call.statistics || call.kernel === 'runningStatistics') return expected
  const named = (name: string) => outputs.find(output => output.name === name)!
  const { positions, inner, channels } = named('output')
  const [means, variances, changed] = [
    named('statistics.mean'),
    named('statistics.variance'),
    Float64Array.from(expected),
  ]
  for (let c = 0; c < channels; c++) {
    const values = [...positions].flatMap((at, i) => (Math.floor(i / inner) % channels === c ? [left[at]!] : []))
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length
    changed[means.positions[c]!] = mean
    changed[variances.positions[c]!] = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length
  }
  return changed
}

/** Of each buffer. */
function typesOf({ buffers, calls }: Program, precision: Precision): ElementType[] {
  const types = buffers.map(() => parameterType(precision))
  for (const operand of calls.flatMap(call => operandsOf(call, 1))) {
    if (operand.activations) types[bufferOf(operand)] = precision
  }
  return types
}

/** The program of a case in a precision, and its arena before a run, with the bits `gap` between buffers. */
export function inPrecision(testCase: ConformanceCase, precision: Precision, gap = NAN_BITS) {
  const types = typesOf(testCase.program, precision)
  const buffers = testCase.program.buffers.map((spec, i) => ({ ...spec, elementType: types[i]! }))
  const offsets: number[] = []
  let arenaBytes = GAP
  for (const spec of buffers) {
    offsets.push(arenaBytes)
    arenaBytes = Math.ceil((arenaBytes + spec.elements * bytesPerElement(spec) + GAP) / 256) * 256
  }
  const program: Program = { ...testCase.program, precision, buffers, offsets, arenaBytes }
  const before = new ArrayBuffer(arenaBytes)
  new Uint32Array(before).fill(gap)
  for (const [buffer, values] of testCase.inputs) put(before, offsets[buffer]!, types[buffer]!, values)
  return { program, before }
}

function put(arena: ArrayBuffer, offset: number, type: ElementType, values: Float64Array): void {
  if (type === 'float64') new Float64Array(arena, offset, values.length).set(values)
  else if (type === 'float32') new Float32Array(arena, offset, values.length).set(values)
  else new Uint16Array(arena, offset, values.length).set(toBfloat16(values))
}

function get(arena: ArrayBuffer, offset: number, type: ElementType, count: number): ArrayLike<number> {
  if (type === 'float64') return new Float64Array(arena, offset, count)
  if (type === 'float32') return new Float32Array(arena, offset, count)
  return fromBfloat16(new Uint16Array(arena, offset, count), new Float32Array(count))
}

/** Runs a case in a precision; the arena as the case itself has it, and what was written between buffers. */
export async function runInPrecision(
  backend: Backend,
  testCase: ConformanceCase,
  precision: Precision,
  gap = NAN_BITS,
) {
  const { program, before } = inPrecision(testCase, precision, gap)
  const arena = backend.createBuffer(program.arenaBytes / 4, 'float32')
  try {
    await arena.write(new Float32Array(before))
    const executable = await backend.compile(program, { arena })
    await executable.run(testCase.runArguments)
    executable.dispose()
    const after = (await arena.read()).buffer as ArrayBuffer
    const left = new Float64Array(arenaElements(testCase.program)).fill(Number.NaN)
    const bytes = new Uint8Array(after)
    for (const [i, spec] of program.buffers.entries()) {
      left.set(get(after, program.offsets[i]!, spec.elementType!, spec.elements), startOf(testCase.program, i))
      bytes.set(new Uint8Array(before, program.offsets[i]!, spec.elements * bytesPerElement(spec)), program.offsets[i]!)
    }
    const was = new Uint8Array(before)
    const stray = bytes.findIndex((byte, i) => byte !== was[i])
    return { left, stray }
  } finally {
    arena.dispose()
  }
}
