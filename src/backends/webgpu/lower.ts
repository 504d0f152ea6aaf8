// Calls to dispatches: of each kernel the function that knows it, and the scratch that a program's calls share, one after the other.

import { flopsOf } from '../../engine/cost.js'
import type { ConvolutionBackward, ConvolutionForward, KernelCall, KernelName } from '../../engine/kernels.js'
import { imagesAtOnce, type Program } from '../../engine/program.js'
import type { Dispatch, Room } from './dispatch.js'
import { convolutionBackward } from './wgsl/convolution-backward.js'
import { convolutionForward, denseLayerForward } from './wgsl/convolution-forward.js'
import { adamW, blend, clipGradients, fill, rmsProp, runningStatistics, sgd } from './wgsl/elementwise.js'
import { linearBackward, linearForward } from './wgsl/linear.js'
import { binaryCrossEntropy, crossEntropy } from './wgsl/loss.js'
import { averagePoolBackward, averagePoolForward, maxPoolBackward, maxPoolForward } from './wgsl/pool.js'

/** Of FC-DenseNets, and of networks in int8. */
type Missing =
  | 'quantizedDenseLayerForward'
  | 'transposedConvolutionForward'
  | 'transposedConvolutionBackward'
  | 'pixelCrossEntropy'

const KERNELS: {
  [K in Exclude<KernelName, Missing>]: (call: Extract<KernelCall, { kernel: K }>, room: Room) => Dispatch[]
} = {
  convolutionForward,
  convolutionBackward,
  denseLayerForward,
  averagePoolForward,
  averagePoolBackward,
  maxPoolForward,
  maxPoolBackward,
  linearForward,
  linearBackward,
  crossEntropy,
  binaryCrossEntropy,
  runningStatistics,
  sgd,
  adamW,
  rmsProp,
  clipGradients,
  blend,
  fill,
}

/** Why there is no kernel for a call, or null. */
export function refusal(call: KernelCall): string | null {
  if (call.kernel === 'quantizedDenseLayerForward') return 'the webgpu backend has no layers in int8'
  if (call.kernel === 'pixelCrossEntropy') return 'the webgpu backend has no cross entropy of pixels'
  if (!(call.kernel in KERNELS)) return 'the webgpu backend has no transposed convolutions'
  const { bias, biasGradient } = call as Partial<ConvolutionForward & ConvolutionBackward>
  return call.kernel.startsWith('convolution') && (bias || biasGradient)
    ? 'the webgpu backend has no convolutions with a bias'
    : null
}

export interface Lowered {
  readonly dispatches: readonly LoweredDispatch[]
  readonly scratchElements: number
}

export interface LoweredDispatch extends Dispatch {
  /** The number of the call that it is a part of. */
  readonly call: number
  /** Its share of the call's floating-point operations, of the largest batch. */
  readonly flops: number
}

/** In elements; windows begin at multiples of 256 bytes. */
const ALIGNMENT = 64

export function lower(program: Program): Lowered {
  const images = imagesAtOnce(program)
  let scratchElements = 0
  const dispatches = program.calls.flatMap((call, number) => {
    let end = 0
    const take: Room['take'] = count => {
      const offset = end
      end = Math.ceil((end + count) / ALIGNMENT) * ALIGNMENT
      return { buffer: 'scratch', offset, count }
    }
    const kernel = KERNELS[call.kernel as keyof typeof KERNELS] as (call: KernelCall, room: Room) => Dispatch[]
    const made = kernel(call, { images, take })
    scratchElements = Math.max(scratchElements, end)
    const flops = flopsOf(call, images) / made.length
    return made.map(dispatch => ({ ...dispatch, call: number, flops }))
  })
  return { dispatches, scratchElements }
}
