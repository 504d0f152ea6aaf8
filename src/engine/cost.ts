// What a kernel call costs at the least, whoever runs it: for GFLOP/s and for the roofline of docs/performance.md.
import type { KernelCall } from './kernels.js'
import { operandsOf } from './operands.js'
import { bytesPerElement, type Precision, parameterType } from './program.js'

/** Floating-point operations on `batch` images, a multiply-add being two, as the kernel is defined: an algorithm that needs
 * fewer multiplications counts the same. Convolutions and the classifier only: the
 * rest of a network adds a few per pixel and is bound by memory. */
export function flopsOf(call: KernelCall, batch: number): number {
  switch (call.kernel) {
    case 'convolutionForward':
    case 'convolutionBackward': {
      const output = call.kernel === 'convolutionForward' ? call.output : call.outputGradient.gradient
      const pass = 2 * batch * output.height * output.width * output.channels * call.input.channels * call.size ** 2
      // The gradient of the weights, and that of the input where it is wanted.
      return call.kernel === 'convolutionBackward' && call.inputGradient !== null ? 2 * pass : pass
    }
    case 'transposedConvolutionForward':
    case 'transposedConvolutionBackward': {
      const { input, size } = call
      const { channels } = call.kernel === 'transposedConvolutionForward' ? call.output : call.outputGradient.gradient
      const pass = 2 * batch * input.height * input.width * input.channels * channels * size ** 2
      return call.kernel === 'transposedConvolutionBackward' ? 2 * pass : pass
    }
    case 'denseLayerForward':
    case 'quantizedDenseLayerForward': {
      const { channels, input, output } = call
      return 2 * batch * output.height * output.width * channels * (input.channels + 9 * output.channels)
    }
    case 'linearForward':
      return 2 * batch * call.input.channels * call.output.channels
    case 'linearBackward':
      return 4 * batch * call.input.channels * call.outputGradient.channels
    default:
      return 0
  }
}

/** Bytes between kernel and memory when each operand is read once and each result written once. */
export function bytesOf(call: KernelCall, batch: number, precision: Precision = 'float32'): number {
  const bytes = operandsOf(call, batch).map(operand => {
    const count =
      'ref' in operand ? operand.count : batch * operand.view.channels * operand.view.height * operand.view.width
    const elementType = operand.activations ? precision : parameterType(precision)
    return (operand.access === 'update' ? 2 : 1) * count * bytesPerElement({ elementType })
  })
  return bytes.reduce((sum, count) => sum + count, 0)
}
