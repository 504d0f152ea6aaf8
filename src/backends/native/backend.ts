// The native backend: C++ kernels in a Node-API addon, run by its own threads off the event loop. All checks are made
// here but of what there are kernels for; of the rest the addon trusts what it is given.
import { availableParallelism } from 'node:os'
import type { Backend, Bindings, DeviceBuffer, Executable, Numbers, RunArguments } from '../../engine/backend.js'
import { checkCalls, checkProgram, checkRunArguments, usedBuffers } from '../../engine/check.js'
import { encode, encodeCall } from '../../engine/encode.js'
import { fieldProblem } from '../../engine/fields.js'
import type { KernelCall } from '../../engine/kernels.js'
import { bytesPerElement, type Program } from '../../engine/program.js'
import { DenseNetError, parameterError } from '../../errors.js'
import { type Addon, type BufferHandle, chooseInstructionSet, loadAddon, type PoolHandle } from './addon.js'

export interface NativeOptions {
  /** Default: one per core. The results do not depend on it. */
  readonly threads?: number
  /** Instead of the best the processor has: avx512, avx2, neon, portable. Default: the variable DENSENET_ISA. */
  readonly instructionSet?: string
}

/** An executable that can also say where the time goes. */
export interface NativeExecutable extends Executable {
  /** As run(); resolves to the seconds of each of the program's calls. */
  profile(args: RunArguments): Promise<Float64Array>
}

export interface NativeBackend extends Backend {
  compile(program: Program, bindings: Bindings): Promise<NativeExecutable>
}

/** Throws a DenseNetError where no native build exists. */
export function createNativeBackend(options: NativeOptions = {}): NativeBackend {
  const addon = loadAddon()
  const threads = options.threads ?? availableParallelism()
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) throw parameterError('threads', '1 to 256', threads)
  const isa = chooseInstructionSet(addon, options.instructionSet)
  const pool = addon.createPool(threads)
  return {
    name: 'native',
    elementType: 'float32',
    description: `native: ${isa.title}, ${threads} thread${threads === 1 ? '' : 's'}`,
    createBuffer: elements => new NativeBuffer(addon, elements),
    refuses: call => refuses(addon, isa.name, call),
    compile: async (program, bindings) => compile(addon, pool, isa.name, threads, program, bindings),
    scratchBytes: program => scratchBytes(addon, isa.name, threads, program),
    dispose: () => addon.releasePool(pool),
  }
}

/** Bytes that a backend of default options would take for itself to run a program, nothing where the addon cannot be
 * loaded; nothing is allocated. */
export function nativeScratchBytes(program: Program): number {
  try {
    const addon = loadAddon()
    return scratchBytes(addon, chooseInstructionSet(addon).name, availableParallelism(), program)
  } catch (error) {
    if (error instanceof DenseNetError && error.code !== 'usage') return 0
    throw error
  }
}

function scratchBytes(addon: Addon, isa: string, threads: number, program: Program): number {
  checkCalls(program, { refuses: call => refuses(addon, isa, call) })
  return addon.scratchBytes(isa, threads, encode(program))
}

function refuses(addon: Addon, isa: string, call: KernelCall): string | null {
  return fieldProblem(call) ?? addon.refuses(isa, encodeCall(call))
}

class NativeBuffer implements DeviceBuffer {
  readonly #addon: Addon
  #handle: BufferHandle | null

  constructor(
    addon: Addon,
    readonly elements: number,
  ) {
    if (!Number.isSafeInteger(elements) || elements < 0) throw parameterError('elements', 'a whole number', elements)
    this.#addon = addon
    this.#handle = addon.createBuffer(elements)
    if (this.#handle === null) throw outOfMemory(elements * bytesPerElement())
  }

  get handle(): BufferHandle {
    if (this.#handle === null) throw new DenseNetError('this buffer was disposed of and cannot be used any more')
    return this.#handle
  }

  async write(data: ArrayLike<number>, offset = 0): Promise<void> {
    this.#checkRange(offset, data.length)
    this.#addon.writeBuffer(this.handle, data instanceof Float32Array ? data : new Float32Array(data), offset)
  }

  async read(offset = 0, count = this.elements - offset, into?: Numbers): Promise<Numbers> {
    this.#checkRange(offset, count)
    const data = into instanceof Float32Array && into.length === count ? into : new Float32Array(count)
    this.#addon.readBuffer(this.handle, data, offset)
    return data
  }

  dispose(): void {
    if (this.#handle !== null) this.#addon.releaseBuffer(this.#handle)
    this.#handle = null
  }

  #checkRange(offset: number, count: number): void {
    if (Number.isInteger(offset) && offset >= 0 && count >= 0 && offset + count <= this.elements) return
    throw new DenseNetError(`elements ${offset} to ${offset + count} are outside a buffer of ${this.elements} elements`)
  }
}

function compile(
  addon: Addon,
  pool: PoolHandle,
  isa: string,
  threads: number,
  program: Program,
  bindings: Bindings,
): NativeExecutable {
  checkProgram(program, bindings, { refuses: call => refuses(addon, isa, call) })
  const other = program.buffers.find(({ elementType = 'float32' }) => elementType !== 'float32')
  if (other) {
    throw new DenseNetError(`the native backend stores float32, but buffer "${other.name}" is of ${other.elementType}`)
  }
  const used = usedBuffers(program)
  const handles = program.buffers.map(({ role }, number) => {
    if (!used.has(number) || role === 'transient') return null
    const buffer = bindings[role]
    if (!(buffer instanceof NativeBuffer)) {
      throw new DenseNetError(`the buffer bound to "${role}" belongs to another backend`)
    }
    return buffer.handle
  })
  const arena = bindings.arena instanceof NativeBuffer ? bindings.arena.handle : null
  const compiled = addon.compile(isa, threads, encode(program), handles, arena)
  if (compiled === null) throw outOfMemory()
  let disposed = false

  const start = (args: RunArguments, timed: boolean): Promise<Float64Array | undefined> => {
    if (disposed) throw new DenseNetError('this program was disposed of and cannot be run any more')
    checkRunArguments(program, args)
    const { batch, learningRate = 0, seed = 0, step = 0, keep = 0, add = 0 } = args
    return addon.run(pool, compiled, batch, learningRate, seed, step, keep, add, timed)
  }
  return {
    async run(args) {
      await start(args, false)
    },
    async profile(args) {
      return (await start(args, true))!
    },
    dispose() {
      if (!disposed) addon.releaseProgram(compiled)
      disposed = true
    },
  }
}

function outOfMemory(bytes?: number): DenseNetError {
  const size = bytes === undefined ? '' : ` for a buffer of ${Math.ceil(bytes / 2 ** 20)} MB`
  return new DenseNetError(`there is not enough memory${size}`, {
    hint: 'use a smaller --batch-size, or --memory recompute',
  })
}
