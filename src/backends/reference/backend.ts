// The reference backend: every kernel in its simplest correct form, in float64 arithmetic. The oracle of the tests, and
// the fallback where no native build exists.
import type {
  Backend,
  Bindings,
  DeviceBuffer,
  ElementType,
  Executable,
  Numbers,
  RunArguments,
} from '../../engine/backend.js'
import { checkProgram, checkRunArguments, usedBuffers } from '../../engine/check.js'
import { fieldProblem } from '../../engine/fields.js'
import type { KernelCall, KernelName } from '../../engine/kernels.js'
import type { Program } from '../../engine/program.js'
import { DenseNetError, parameterError } from '../../errors.js'
import { averagePoolBackward, averagePoolForward } from './average-pool.js'
import { blend, clipGradients, fill } from './buffers.js'
import { convolutionBackward, convolutionForward, denseLayerForward } from './convolution.js'
import { binaryCrossEntropy, crossEntropy } from './cross-entropy.js'
import { linearBackward, linearForward } from './linear.js'
import { maxPoolBackward, maxPoolForward } from './max-pool.js'
import type { Context, Place } from './memory.js'
import { adamW, rmsProp, sgd } from './optimizers.js'
import { pixelCrossEntropy } from './pixel-cross-entropy.js'
import { quantizedDenseLayerForward } from './quantized.js'
import { runningStatistics } from './running-statistics.js'
import { transposedConvolutionBackward, transposedConvolutionForward } from './transposed-convolution.js'

export interface ReferenceOptions {
  /** How numbers are stored; arithmetic is always float64. */
  readonly elementType?: ElementType
  /** For tests: fill the arena with NaN before each run, so that reading what nobody wrote shows. */
  readonly poisonArena?: boolean
}

const KERNELS: { [K in KernelName]: (context: Context, call: Extract<KernelCall, { kernel: K }>) => void } = {
  convolutionForward,
  convolutionBackward,
  denseLayerForward,
  quantizedDenseLayerForward,
  transposedConvolutionForward,
  transposedConvolutionBackward,
  averagePoolForward,
  averagePoolBackward,
  maxPoolForward,
  maxPoolBackward,
  linearForward,
  linearBackward,
  crossEntropy,
  binaryCrossEntropy,
  pixelCrossEntropy,
  runningStatistics,
  sgd,
  adamW,
  rmsProp,
  clipGradients,
  blend,
  fill,
}

/** A run lets others have the event loop between two calls after this long. */
const YIELD_MILLISECONDS = 50

export function createReferenceBackend({
  elementType = 'float32',
  poisonArena = false,
}: ReferenceOptions = {}): Backend {
  return {
    name: 'reference',
    elementType,
    description: `reference: plain TypeScript, ${elementType}`,
    createBuffer: elements => new HostBuffer(elements, elementType),
    refuses,
    compile: async (program, bindings) => compile(program, bindings, elementType, poisonArena),
    scratchBytes: () => 0,
    dispose: () => {},
  }
}

/** Nothing that kernels.ts says. */
function refuses(call: KernelCall): string | null {
  return Object.hasOwn(KERNELS, call.kernel) ? fieldProblem(call) : 'there is no kernel of this name'
}

class HostBuffer implements DeviceBuffer {
  #data: Numbers | null

  constructor(
    readonly elements: number,
    readonly elementType: ElementType,
  ) {
    if (!Number.isSafeInteger(elements) || elements < 0) throw parameterError('elements', 'a whole number', elements)
    this.#data = elementType === 'float64' ? new Float64Array(elements) : new Float32Array(elements)
  }

  get data(): Numbers {
    if (this.#data === null) throw new DenseNetError('This buffer was disposed of and cannot be used any more.')
    return this.#data
  }

  async write(data: ArrayLike<number>, offset = 0): Promise<void> {
    this.#checkRange(offset, data.length)
    this.data.set(data, offset)
  }

  async read(offset = 0, count = this.elements - offset, into?: Numbers): Promise<Numbers> {
    this.#checkRange(offset, count)
    const data = this.data.subarray(offset, offset + count)
    if (into?.length !== count || into.constructor !== data.constructor) return data.slice()
    into.set(data)
    return into
  }

  dispose(): void {
    this.#data = null
  }

  #checkRange(offset: number, count: number): void {
    if (offset >= 0 && count >= 0 && offset + count <= this.elements) return
    throw new DenseNetError(
      `Elements ${offset} to ${offset + count} are outside a buffer of ${this.elements} elements.`,
    )
  }
}

function compile(program: Program, bindings: Bindings, elementType: ElementType, poisonArena: boolean): Executable {
  checkProgram(program, bindings, { refuses })
  for (const [role, buffer] of Object.entries(bindings)) {
    if (buffer !== undefined && !(buffer instanceof HostBuffer && buffer.elementType === elementType)) {
      throw new DenseNetError(`The buffer bound to "${role}" belongs to another backend.`)
    }
  }
  const used = usedBuffers(program)
  const hostData = (buffer: DeviceBuffer | undefined): Numbers => (buffer as HostBuffer).data

  const run = async (args: RunArguments): Promise<void> => {
    checkRunArguments(program, args)
    const { batch, learningRate = 0, seed = 0, step = 0, keep = 0, add = 0 } = args
    /** Where the buffers are for the image whose number that is, or for the whole batch. */
    const places = (image: number): Place[] => {
      const found: Place[] = []
      for (const number of used) {
        const { role, elements, perImage } = program.buffers[number]!
        const base = role === 'transient' ? program.offsets[number]! : perImage ? image * elements : 0
        found[number] = { data: hostData(bindings[role === 'transient' ? 'arena' : role]), base }
      }
      return found
    }
    let yielded = performance.now()
    const runCalls = async (batch: number, image: number): Promise<void> => {
      if (poisonArena && bindings.arena !== undefined) hostData(bindings.arena).fill(Number.NaN)
      const context: Context = { batch, learningRate, seed, step, keep, add, buffers: places(image) }
      for (const call of program.calls) {
        if (performance.now() - yielded > YIELD_MILLISECONDS) {
          await new Promise(resolve => setTimeout(resolve, 0))
          yielded = performance.now()
        }
        const kernel = KERNELS[call.kernel] as (context: Context, call: KernelCall) => void
        kernel(context, call)
      }
    }
    if (!program.imageByImage) return runCalls(batch, 0)
    for (let image = 0; image < batch; image++) await runCalls(1, image)
  }
  return { run, dispose: () => {} }
}
