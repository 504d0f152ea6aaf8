// The reference backend: every kernel in its simplest correct form, in float64 arithmetic. The oracle of the tests, and
// the fallback where no native build exists.
import type {
  Backend,
  Bindings,
  DeviceBuffer,
  ElementType,
  Executable,
  Numbers,
  Precision,
  RunArguments,
} from '../../engine/backend.js'
import { checkProgram, checkRunArguments, usedBuffers } from '../../engine/check.js'
import { fieldProblem } from '../../engine/fields.js'
import type { KernelCall, KernelName } from '../../engine/kernels.js'
import { bytesPerElement, type Program, parameterType } from '../../engine/program.js'
import { DenseNetError, parameterError } from '../../errors.js'
import { averagePoolBackward, averagePoolForward } from './average-pool.js'
import { blend, clipGradients, fill } from './buffers.js'
import { convolutionBackward, convolutionForward, denseLayerForward } from './convolution.js'
import { binaryCrossEntropy, crossEntropy } from './cross-entropy.js'
import { linearBackward, linearForward } from './linear.js'
import { maxPoolBackward, maxPoolForward } from './max-pool.js'
import { type Context, type Kept, keptAt, load, type Place, store } from './memory.js'
import { adamW, rmsProp, sgd } from './optimizers.js'
import { pixelCrossEntropy } from './pixel-cross-entropy.js'
import { quantizedDenseLayerForward } from './quantized.js'
import { runningStatistics } from './running-statistics.js'
import { transposedConvolutionBackward, transposedConvolutionForward } from './transposed-convolution.js'

export interface ReferenceOptions {
  /** Of the programs that are planned for it; arithmetic is always float64. Default: float32. */
  readonly precision?: Precision
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

/** Numbers of whatever type are NaN if all their bytes are this. */
const NAN = 0xff

/** A run lets others have the event loop between two calls after this long. */
const YIELD_MILLISECONDS = 50

export function createReferenceBackend({ precision = 'float32', poisonArena = false }: ReferenceOptions = {}): Backend {
  const ownType = parameterType(precision)
  return {
    name: 'reference',
    precision,
    elementType: ownType,
    description: `reference: plain TypeScript, ${precision}`,
    createBuffer: (elements, elementType = ownType) => new HostBuffer(elements, elementType),
    refuses,
    compile: async (program, bindings) => compile(program, bindings, poisonArena),
    scratchBytes: () => 0,
    dispose: () => {},
  }
}

/** Nothing that kernels.ts says. */
function refuses(call: KernelCall): string | null {
  return Object.hasOwn(KERNELS, call.kernel) ? fieldProblem(call) : 'there is no kernel of this name'
}

class HostBuffer implements DeviceBuffer {
  #memory: ArrayBuffer | null

  constructor(
    readonly elements: number,
    readonly elementType: ElementType,
  ) {
    if (!Number.isSafeInteger(elements) || elements < 0) throw parameterError('elements', 'a whole number', elements)
    this.#memory = new ArrayBuffer(elements * bytesPerElement(this))
  }

  get memory(): ArrayBuffer {
    if (this.#memory === null) throw new DenseNetError('This buffer was disposed of and cannot be used any more.')
    return this.#memory
  }

  async write(data: ArrayLike<number>, offset = 0): Promise<void> {
    store(data, this.#kept(offset, data.length))
  }

  async read(offset = 0, count = this.elements - offset, into?: Numbers): Promise<Numbers> {
    const kept = this.#kept(offset, count)
    const Type = this.elementType === 'float64' ? Float64Array : Float32Array
    const data = into instanceof Type && into.length === count ? into : new Type(count)
    load(kept, data)
    return data
  }

  dispose(): void {
    this.#memory = null
  }

  #kept(offset: number, count: number): Kept {
    if (offset >= 0 && count >= 0 && offset + count <= this.elements) {
      return keptAt(this.memory, this.elementType, offset * bytesPerElement(this), count)
    }
    throw new DenseNetError(
      `Elements ${offset} to ${offset + count} are outside a buffer of ${this.elements} elements.`,
    )
  }
}

function compile(program: Program, bindings: Bindings, poisonArena: boolean): Executable {
  checkProgram(program, bindings, { refuses })
  for (const [role, buffer] of Object.entries(bindings)) {
    if (buffer !== undefined && !(buffer instanceof HostBuffer)) {
      throw new DenseNetError(`The buffer bound to "${role}" belongs to another backend.`)
    }
  }
  const { precision = 'float32' } = program
  const used = usedBuffers(program)
  for (const number of used) {
    const { role, elementType = 'float32' } = program.buffers[number]!
    const bound = role === 'transient' ? undefined : bindings[role]
    if (bound === undefined || bound.elementType === elementType) continue
    throw new DenseNetError(`The buffer bound to "${role}" holds ${bound.elementType}, the program's ${elementType}.`)
  }
  const memoryOf = (buffer: DeviceBuffer | undefined): ArrayBuffer => (buffer as HostBuffer).memory

  const run = async (args: RunArguments): Promise<void> => {
    checkRunArguments(program, args)
    const { batch, learningRate = 0, seed = 0, step = 0, keep = 0, add = 0 } = args
    /** Where the buffers are for the image whose number that is, or for the whole batch. */
    const places = (image: number): Place[] => {
      const found: Place[] = []
      for (const number of used) {
        const spec = program.buffers[number]!
        const { role, elements, perImage } = spec
        const external = perImage ? image * elements * bytesPerElement(spec) : 0
        const base = role === 'transient' ? program.offsets[number]! : external
        found[number] = { memory: memoryOf(bindings[role === 'transient' ? 'arena' : role]), base }
      }
      return found
    }
    let yielded = performance.now()
    const runCalls = async (batch: number, image: number): Promise<void> => {
      if (poisonArena && bindings.arena !== undefined) new Uint8Array(memoryOf(bindings.arena)).fill(NAN)
      const context: Context = { batch, learningRate, seed, step, keep, add, precision, buffers: places(image) }
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
