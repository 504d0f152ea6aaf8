// Calls to dispatches: of each kernel the function that knows it, and the scratch that a program's calls share, one after the other, behind
// what is computed for all of them.

import { flopsOf } from '../../engine/cost.js'
import { fieldProblem } from '../../engine/fields.js'
import type { KernelCall, KernelName, RunningStatistics } from '../../engine/kernels.js'
import { imagesAtOnce, type Program } from '../../engine/program.js'
import { EVERYWHERE, type Reach } from './alike.js'
import type { Dispatch, Room } from './dispatch.js'
import { orderOf, spansOf } from './order.js'
import { type TileCosts, tileFor, USUAL_COSTS } from './tiles.js'
import { prepare } from './wgsl/coefficients.js'
import { convolutionBackward } from './wgsl/convolution-backward.js'
import { convolutionForward, denseLayerForward, transposedConvolutionForward } from './wgsl/convolution-forward.js'
import { adamW, blend, clipGradients, fill, rmsProp, sgd } from './wgsl/elementwise.js'
import { linearBackward, linearForward } from './wgsl/linear.js'
import { binaryCrossEntropy, crossEntropy } from './wgsl/loss.js'
import { pixelCrossEntropy } from './wgsl/pixel-loss.js'
import { averagePoolBackward, averagePoolForward, maxPoolBackward, maxPoolForward } from './wgsl/pool.js'
import { runningStatistics } from './wgsl/running-statistics.js'

const KERNELS: {
  [K in Exclude<KernelName, 'runningStatistics' | 'quantizedDenseLayerForward'>]: (
    call: Extract<KernelCall, { kernel: K }>,
    room: Room,
  ) => Dispatch[]
} = {
  convolutionForward,
  convolutionBackward,
  denseLayerForward,
  transposedConvolutionForward,
  transposedConvolutionBackward: convolutionBackward,
  averagePoolForward,
  averagePoolBackward,
  maxPoolForward,
  maxPoolBackward,
  linearForward,
  linearBackward,
  crossEntropy,
  binaryCrossEntropy,
  pixelCrossEntropy,
  sgd,
  adamW,
  rmsProp,
  clipGradients,
  blend,
  fill,
}

/** Why there is no kernel for a call, or null. */
export const refuses = (call: KernelCall): string | null =>
  call.kernel === 'quantizedDenseLayerForward' ? 'the webgpu backend has no layers in int8' : fieldProblem(call)

export interface Lowered {
  readonly dispatches: readonly LoweredDispatch[]
  readonly scratchElements: number
}

export interface LoweredDispatch extends Dispatch {
  /** The number of the call that it is a part of; of several calls, one of them. */
  readonly call: number
  /** Its share of the call's floating-point operations, of the largest batch. */
  readonly flops: number
}

export function lower(program: Program, reach: Reach = EVERYWHERE, costs: TileCosts = USUAL_COSTS): Lowered {
  const images = imagesAtOnce(program)
  const activations = program.precision === 'bfloat16' ? 'bfloat16' : 'float32'
  const numbers = new Map(program.calls.map((call, number) => [call, number]))
  const spans = spansOf(program)
  const order = orderOf(program, spans)
  const kept = scratchFrom(0)
  const { of, before } = prepare(program, order.flat(), spans, kept.take, reach)
  let scratchElements = kept.end()
  const dispatches = order.flatMap(calls => {
    const own = scratchFrom(kept.end())
    const call = calls.at(-1)!
    const coefficients = of.get(call) ?? { norm: null, deferred: null }
    const made =
      call.kernel === 'runningStatistics'
        ? runningStatistics(program, calls as RunningStatistics[], reach)
        : lowerCall(call, { images, activations, take: own.take, coefficients, tileFor: rows => tileFor(rows, costs) })
    scratchElements = Math.max(scratchElements, own.end())
    const flops = flopsOf(call, images) / made.length
    const number = numbers.get(call)!
    return [
      ...(before.get(call) ?? []).map(dispatch => ({ ...dispatch, call: number, flops: 0 })),
      ...made.map(dispatch => ({ ...dispatch, call: number, flops })),
    ]
  })
  return { dispatches, scratchElements }
}

function lowerCall(call: Exclude<KernelCall, RunningStatistics>, room: Room): Dispatch[] {
  const kernel = KERNELS[call.kernel as keyof typeof KERNELS] as (call: KernelCall, room: Room) => Dispatch[]
  return kernel(call, room)
}

/** In elements; windows begin at multiples of 256 bytes. */
const ALIGNMENT = 64

function scratchFrom(begin: number): { readonly take: Room['take']; readonly end: () => number } {
  let end = begin
  return {
    take(count) {
      const offset = end
      end = Math.ceil((end + count) / ALIGNMENT) * ALIGNMENT
      return { buffer: 'scratch', offset, count }
    },
    end: () => end,
  }
}
