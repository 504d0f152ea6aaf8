// What each kernel reads and writes, for checking a program against its buffers before anything runs.
import type { InputGradient, KernelCall, Norm, OutputGradient, Ref, Statistics, View } from './kernels.js'

/** A view, or `count` numbers at a ref. `update`: both read and written. */
export type Operand = { readonly name: string; readonly access: 'read' | 'write' | 'update' } & (
  | { readonly view: View }
  | { readonly ref: Ref; readonly count: number }
)

/** One past the last element that an operand touches, in its buffer. */
export function endOf(operand: Operand, batch: number): number {
  if ('ref' in operand) return operand.ref.offset + operand.count
  const { stride, first, channels, height, width } = operand.view
  return ((batch - 1) * stride + first + channels) * height * width
}

/** Every operand of a call that runs `batch` images. */
export function operandsOf(call: KernelCall, batch: number): Operand[] {
  const found: Operand[] = []
  type Access = Operand['access']
  const view = (name: string, access: Access, view: View): unknown => found.push({ name, access, view })
  const ref = (name: string, access: Access, ref: Ref, count: number): unknown =>
    found.push({ name, access, ref, count })

  const norm = (norm: Norm | null, channels: number): void => {
    if (norm === null) return
    ref('norm.gamma', 'read', norm.gamma, channels)
    ref('norm.beta', 'read', norm.beta, channels)
    ref('norm.mean', 'read', norm.mean, channels)
    ref('norm.variance', 'read', norm.variance, channels)
  }
  const statistics = (access: Access, statistics: Statistics | null, channels: number): void => {
    if (statistics === null) return
    ref('statistics.mean', access, statistics.mean, channels)
    ref('statistics.variance', access, statistics.variance, channels)
  }
  const outputGradient = ({ gradient, deferred }: OutputGradient): void => {
    view('outputGradient.gradient', 'read', gradient)
    if (deferred === null) return
    view('outputGradient.deferred.value', 'read', deferred.value)
    for (const name of ['mean', 'variance', 'a', 'b'] as const) {
      ref(`outputGradient.deferred.${name}`, 'read', deferred[name], gradient.channels)
    }
  }
  const inputGradient = (input: InputGradient | null): void => {
    if (input === null) return
    const access = input.accumulate ? 'update' : 'write'
    view('inputGradient.gradient', access, input.gradient)
    if (input.norm === null) return
    ref('inputGradient.norm.gamma', 'write', input.norm.gamma, input.gradient.channels)
    ref('inputGradient.norm.beta', 'write', input.norm.beta, input.gradient.channels)
    ref('inputGradient.norm.a', access, input.norm.a, input.gradient.channels)
    ref('inputGradient.norm.b', access, input.norm.b, input.gradient.channels)
  }

  switch (call.kernel) {
    case 'convolutionForward':
    case 'averagePoolForward':
    case 'maxPoolForward':
      view('input', 'read', call.input)
      norm(call.norm, call.input.channels)
      if (call.kernel === 'convolutionForward') {
        ref('weight', 'read', call.weight, call.output.channels * call.input.channels * call.size ** 2)
        if (call.foldedBias) ref('foldedBias', 'read', call.foldedBias, call.output.channels)
      }
      view('output', 'write', call.output)
      statistics('write', call.statistics, call.output.channels)
      break
    case 'convolutionBackward':
    case 'averagePoolBackward':
    case 'maxPoolBackward':
      view('input', 'read', call.input)
      norm(call.norm, call.input.channels)
      outputGradient(call.outputGradient)
      if (call.kernel === 'convolutionBackward') {
        const weights = call.outputGradient.gradient.channels * call.input.channels * call.size ** 2
        ref('weight', 'read', call.weight, weights)
        ref('weightGradient', 'write', call.weightGradient, weights)
      }
      inputGradient(call.inputGradient)
      break
    case 'denseLayerForward':
      view('input', 'read', call.input)
      norm(call.norm, call.input.channels)
      ref('weight', 'read', call.weight, call.channels * call.input.channels)
      ref('foldedBias', 'read', call.foldedBias, call.channels)
      ref('growthWeight', 'read', call.growthWeight, call.output.channels * call.channels * 9)
      view('output', 'write', call.output)
      break
    case 'linearForward':
      view('input', 'read', call.input)
      ref('weight', 'read', call.weight, call.output.channels * call.input.channels)
      ref('bias', 'read', call.bias, call.output.channels)
      view('output', 'write', call.output)
      break
    case 'linearBackward': {
      const weights = call.outputGradient.channels * call.input.channels
      view('input', 'read', call.input)
      ref('weight', 'read', call.weight, weights)
      ref('weightGradient', 'write', call.weightGradient, weights)
      ref('biasGradient', 'write', call.biasGradient, call.outputGradient.channels)
      view('outputGradient', 'read', call.outputGradient)
      view('inputGradient', 'write', call.inputGradient)
      break
    }
    case 'crossEntropy':
    case 'binaryCrossEntropy':
      view('logits', 'read', call.logits)
      if (call.labels !== null) ref('labels', 'read', call.labels, batch)
      if (call.kernel === 'binaryCrossEntropy') view('targets', 'read', call.targets)
      else if (call.mixed !== null) {
        ref('mixed.labels', 'read', call.mixed.labels, batch)
        ref('mixed.share', 'read', call.mixed.share, batch)
      }
      if (call.classWeights !== null) ref('classWeights', 'read', call.classWeights, call.logits.channels)
      ref('loss', 'write', call.loss, batch)
      ref('rank', 'write', call.rank, batch)
      if (call.gradient !== null) view('gradient', 'write', call.gradient)
      break
    case 'runningStatistics':
      statistics('read', call.statistics, call.channels)
      ref('runningMean', 'update', call.runningMean, call.channels)
      ref('runningVariance', 'update', call.runningVariance, call.channels)
      break
    case 'sgd':
      ref('parameters', 'update', call.parameters, call.elements)
      ref('gradients', 'read', call.gradients, call.elements)
      ref('velocity', 'update', call.velocity, call.elements)
      break
    case 'adamW':
      ref('parameters', 'update', call.parameters, call.elements)
      ref('gradients', 'read', call.gradients, call.elements)
      ref('firstMoment', 'update', call.firstMoment, call.elements)
      ref('secondMoment', 'update', call.secondMoment, call.elements)
      break
    case 'rmsProp':
      ref('parameters', 'update', call.parameters, call.elements)
      ref('gradients', 'read', call.gradients, call.elements)
      ref('secondMoment', 'update', call.secondMoment, call.elements)
      ref('velocity', 'update', call.velocity, call.elements)
      break
    case 'clipGradients':
      ref('gradients', 'update', call.gradients, call.elements)
      break
    case 'blend':
      ref('source', 'read', call.source, call.elements)
      ref('target', 'update', call.target, call.elements)
      break
    case 'fill':
      ref('target', 'write', call.target, call.elements)
      break
  }
  return found
}
