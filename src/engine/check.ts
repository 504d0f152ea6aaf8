// Says in a sentence what is wrong with a program or its bindings, before it runs.

import { DenseNetError, parameterError } from '../errors.js'
import type { Backend, Bindings, RunArguments } from './backend.js'
import type {
  KernelCall,
  KernelName,
  OutputGradient,
  TransposedConvolutionBackward,
  TransposedConvolutionForward,
  View,
} from './kernels.js'
import { bufferOf, buffersOf, endOf, type Operand, operandsOf } from './operands.js'
import { bytesPerElement, imagesAtOnce, type Program, parameterType, roomOf } from './program.js'

/** The numbers of the buffers that calls name; a program may list others, which need no memory. */
export function usedBuffers(program: Program): Set<number> {
  return new Set(program.calls.flatMap(call => [...buffersOf(call)]))
}

/** An error if a program cannot run on buffers, or a backend refuses one of its calls. */
export function checkProgram(program: Program, bindings: Bindings, backend: Pick<Backend, 'refuses'>): void {
  checkCalls(program, backend)
  const arena = bindings.arena ? bindings.arena.elements * bytesPerElement(bindings.arena) : 0
  if (arena < program.arenaBytes) fail(`the program needs an arena of ${program.arenaBytes} bytes, but got ${arena}`)
  for (const number of usedBuffers(program)) {
    const buffer = program.buffers[number]
    if (buffer === undefined) fail(`a call names buffer ${number}, which does not exist`)
    const what = `buffer ${number} (${buffer.name})`
    if (buffer.role === 'transient') {
      const offset = program.offsets[number]
      const room = roomOf(buffer, imagesAtOnce(program))
      const size = bytesPerElement(buffer)
      const fits =
        offset !== undefined && offset >= 0 && offset % size === 0 && offset + room * size <= program.arenaBytes
      if (!fits) fail(`${what} of ${room} elements at byte ${offset} does not fit into the arena`)
      continue
    }
    const bound = bindings[buffer.role]
    if (bound === undefined) fail(`${what}: nothing is bound to the role "${buffer.role}"`)
    const room = roomOf(buffer, program.batchSize)
    if (bound.elements < room) fail(`${what} needs ${room} elements, but "${buffer.role}" has ${bound.elements}`)
  }
  program.calls.forEach((call, number) => {
    checkCall(program, call, nameOf(call, number))
  })
}

/** An error if a backend refuses one of a program's calls. */
export function checkCalls(program: Program, backend: Pick<Backend, 'refuses'>): void {
  program.calls.forEach((call, number) => {
    const why = backend.refuses(call)
    if (why !== null) fail(`${nameOf(call, number)}: ${why}`)
  })
}

const nameOf = (call: KernelCall, number: number): string => `call ${number} (${call.kernel})`

/** Refuses a run whose program needs a number that was not given. */
export function checkRunArguments(program: Program, args: RunArguments): void {
  const { batch } = args
  if (!Number.isInteger(batch) || batch < 1 || batch > program.batchSize) {
    throw parameterError('batch', `1 to ${program.batchSize} images`, batch)
  }
  for (const { kernel } of program.calls) {
    const needed =
      kernel === 'blend' ? (['keep', 'add'] as const) : UPDATES.has(kernel) ? (['learningRate'] as const) : []
    for (const name of needed) if (!Number.isFinite(args[name])) throw parameterError(name, 'a number', args[name])
  }
}

const UPDATES: ReadonlySet<KernelName> = new Set<KernelName>(['sgd', 'adamW', 'rmsProp'])

function checkCall(program: Program, call: KernelCall, what: string): void {
  const { precision = 'float32' } = program
  const images = imagesAtOnce(program)
  for (const operand of operandsOf(call, images)) {
    const number = bufferOf(operand)
    const buffer = program.buffers[number]!
    const wanted = operand.activations ? precision : parameterType(precision)
    const { elementType = 'float32' } = buffer
    // In elements of the operand: zeros of any type may fill activations, too.
    const room = Math.ceil(
      (roomOf(buffer, images) * bytesPerElement(buffer)) / bytesPerElement({ elementType: wanted }),
    )
    if (!isInside(operand, images, room)) {
      fail(`${what}: ${operand.name} lies outside buffer ${number} (${buffer.name}, ${room} elements)`)
    }
    const isZeros = call.kernel === 'fill' && call.value === 0
    if (elementType !== wanted && !isZeros) {
      fail(`${what}: ${operand.name} must be ${wanted}, but buffer ${number} (${buffer.name}) holds ${elementType}`)
    }
  }
  const problem = shapeProblem(call)
  if (problem !== undefined) fail(`${what}: ${problem}`)
}

function isInside(operand: Operand, batch: number, elements: number): boolean {
  if (endOf(operand, batch) > elements) return false
  if ('ref' in operand) return isWhole(operand.ref.offset, 0) && isWhole(operand.count, 0)
  const { first, channels, stride, height, width } = operand.view
  return isWhole(first, 0) && [channels, height, width].every(n => isWhole(n, 1)) && first + channels <= stride
}

const isWhole = (n: number, least: number): boolean => Number.isSafeInteger(n) && n >= least

function shapeProblem(call: KernelCall): string | undefined {
  switch (call.kernel) {
    case 'convolutionForward':
    case 'maxPoolForward':
    case 'averagePoolForward':
      return outputProblem(call, call.output)
    case 'convolutionBackward':
    case 'maxPoolBackward':
    case 'averagePoolBackward': {
      const { inputGradient, outputGradient } = call
      if (inputGradient !== null) {
        if (!sameShape(inputGradient.gradient, call.input)) return 'the shapes of input and its gradient differ'
        if ((inputGradient.norm === null) !== (call.norm === null)) return 'norm and inputGradient.norm go together'
      }
      return valueProblem(outputGradient) ?? outputProblem(call, outputGradient.gradient)
    }
    case 'denseLayerForward':
    case 'quantizedDenseLayerForward': {
      const { input, output } = call
      if ('inputStep' in call && !(call.inputStep > 0)) return 'inputStep must be above 0'
      return output.height === input.height && output.width === input.width
        ? undefined
        : 'input and output are of different size'
    }
    case 'transposedConvolutionForward':
      return spreadProblem(call, call.output)
    case 'transposedConvolutionBackward': {
      const { outputGradient, inputGradient } = call
      if (!sameShape(inputGradient.gradient, call.input)) return 'the shapes of input and its gradient differ'
      return valueProblem(outputGradient) ?? spreadProblem(call, outputGradient.gradient)
    }
    case 'linearForward':
      return singlePixelProblem(call.input, call.output)
    case 'linearBackward':
      if (!sameShape(call.input, call.inputGradient)) return 'the shapes of input and its gradient differ'
      return singlePixelProblem(call.input, call.outputGradient)
    case 'crossEntropy':
      return singlePixelProblem(call.logits, call.gradient ?? call.logits)
    case 'pixelCrossEntropy':
      return call.gradient && !sameShape(call.logits, call.gradient)
        ? 'the shapes of logits and their gradient differ'
        : undefined
    case 'binaryCrossEntropy':
      if (!sameShape(call.logits, call.targets)) return 'the shapes of logits and targets differ'
      return singlePixelProblem(call.logits, call.gradient ?? call.logits)
    default:
      return undefined
  }
}

function valueProblem({ deferred, gradient }: OutputGradient): string | undefined {
  if (deferred === null || sameShape(deferred.value, gradient)) return undefined
  return 'the shapes of the output and its gradient differ'
}

/** Whether `output` is what windows around the pixels of the call's input make, less than a stride left out. */
function spreadProblem({ input, size, stride }: Spreading, output: View): string | undefined {
  for (const side of ['height', 'width'] as const) {
    const made = stride * (input[side] - 1) + size
    if (output[side] <= made && output[side] > made - stride) continue
    return `the ${side} of the output is ${output[side]}, but the windows make ${made}`
  }
  return undefined
}

type Spreading = TransposedConvolutionForward | TransposedConvolutionBackward
type Windowed = Exclude<Extract<KernelCall, { size: number } | { windowHeight: number }>, Spreading>

/** Whether `output` is what the window makes of the call's input. */
function outputProblem(call: Windowed, output: View): string | undefined {
  const { input } = call
  const sizes = 'size' in call ? [call.size, call.stride, call.padding + 1] : [call.windowHeight, call.windowWidth]
  if (!sizes.every(n => isWhole(n, 1))) return 'its window must have whole numbers of pixels, one or more'
  const pools = call.kernel === 'maxPoolForward' || call.kernel === 'maxPoolBackward'
  if (pools && call.padding >= call.size) return 'a window would lie in the padding as a whole'
  const steps =
    'size' in call
      ? [input.height, input.width].map(n => (n + 2 * call.padding - call.size) / call.stride)
      : [input.height / call.windowHeight - 1, input.width / call.windowWidth - 1]
  const made = steps.map(n => Math.floor(n) + 1)
  const convolves = call.kernel === 'convolutionForward' || call.kernel === 'convolutionBackward'
  // The pixels left over may make a window of a pool, unless that would lie in the padding as a whole.
  const rest = steps.map((n, i) => {
    const begin = 'size' in call ? Math.ceil(n) * call.stride - call.padding : 0
    return !convolves && begin < [input.height, input.width][i]! ? Math.ceil(n) + 1 : made[i]
  })
  if (![output.height, output.width].every((n, i) => n === made[i] || n === rest[i])) {
    return `the output is ${output.height} x ${output.width}, but the window makes ${made[0]} x ${made[1]}`
  }
  if (!convolves && output.channels !== input.channels) {
    return `the output has ${output.channels} channels, the input ${input.channels}`
  }
  return undefined
}

function singlePixelProblem(...views: View[]): string | undefined {
  return views.every(view => view.height * view.width === 1) ? undefined : 'its views must be 1 x 1 pixel'
}

function sameShape(a: View, b: View): boolean {
  return a.channels === b.channels && a.height === b.height && a.width === b.width
}

function fail(problem: string): never {
  throw new DenseNetError(`This program cannot run: ${problem}.`)
}
