// What the C++ engine is to programs, however it was compiled. All checks are made here but of what there are kernels for; of the
// rest the engine trusts what it is given.
import type { Backend, Bindings, DeviceBuffer, Executable, Numbers, RunArguments } from '../../engine/backend.js'
import { fromBfloat16, toBfloat16 } from '../../engine/bfloat16.js'
import { checkCalls, checkProgram, checkRunArguments, usedBuffers } from '../../engine/check.js'
import { encode, encodeCall } from '../../engine/encode.js'
import { fieldProblem } from '../../engine/fields.js'
import type { KernelCall } from '../../engine/kernels.js'
import { bytesPerElement, type ElementType, type Precision, type Program, parameterType } from '../../engine/program.js'
import { DenseNetError, parameterError } from '../../errors.js'

/** Elements as buffers hold them; of bfloat16 their bits. */
export type Stored = Float32Array | Float64Array | Uint16Array

/** A build of the engine with threads. Programs and calls are encoded (engine/encode.ts); handles of buffers and programs are its own. */
export interface Engine<BufferHandle, ProgramHandle> {
  readonly name: string
  /** What runs it: "AVX2, 2 threads". */
  readonly description: string
  /** Buffers of engines with the same one may be used by each other. */
  readonly memory: object
  /** Zeros; null when there is not enough memory. */
  createBuffer(bytes: number): BufferHandle | null
  /** Bytes as they are, at a byte of the buffer. */
  writeBuffer(buffer: BufferHandle, data: Stored, offset: number): void
  readBuffer(buffer: BufferHandle, into: Stored, offset: number): void
  releaseBuffer(buffer: BufferHandle): void
  /** Why there is no kernel for a call, "the native backend pools no windows of 3 x 3", or null. */
  refuses(call: Float64Array): string | null
  /** What compile() takes besides the buffers. */
  scratchBytes(program: Float64Array): number
  /** `buffers[i]` is the memory of buffer i, null for transient ones and those that no call names. Null when there is not enough memory. */
  compile(
    program: Float64Array,
    buffers: readonly (BufferHandle | null)[],
    arena: BufferHandle | null,
  ): ProgramHandle | null
  releaseProgram(program: ProgramHandle): void
  /** Resolves to the seconds of each call if `timed`. */
  run(program: ProgramHandle, args: Required<RunArguments>, timed: boolean): Promise<Float64Array | undefined>
  /** There is not enough for `what`, "a buffer of 12 MB". */
  outOfMemory(what: string): DenseNetError
  dispose(): void
}

/** An executable that can also say where the time goes. */
export interface TimedExecutable extends Executable {
  /** As run(); resolves to the seconds of each of the program's calls. */
  profile(args: RunArguments): Promise<Float64Array>
}

/** A backend on the compiled engine. */
export interface CompiledBackend extends Backend {
  compile(program: Program, bindings: Bindings): Promise<TimedExecutable>
}

/** Default: one for each of the `cores`. */
export function checkThreads(threads: number | undefined, cores: number): number {
  const wanted = threads ?? Math.min(cores, 256)
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 256) throw parameterError('threads', '1 to 256', threads)
  return wanted
}

export function createCompiledBackend<B, P>(engine: Engine<B, P>, precision: Precision): CompiledBackend {
  const parameters = parameterType(precision)
  return {
    name: engine.name,
    precision,
    elementType: parameters,
    description: `${engine.name}: ${engine.description}${precision === 'float32' ? '' : `, ${precision}`}`,
    createBuffer: (elements, elementType = parameters) => new EngineBuffer(engine, elements, elementType),
    refuses: call => refuses(engine, call, precision),
    compile: async (program, bindings) => compile(engine, program, bindings),
    scratchBytes: program => scratchBytes(engine, program),
    dispose: () => engine.dispose(),
  }
}

type Refusing = Pick<Engine<never, never>, 'refuses'>

/** Bytes that an engine takes for itself to run a program. */
export function scratchBytes(engine: Refusing & Pick<Engine<never, never>, 'scratchBytes'>, program: Program): number {
  checkCalls(program, { refuses: call => refuses(engine, call, program.precision) })
  return engine.scratchBytes(encode(program))
}

function refuses(engine: Refusing, call: KernelCall, precision?: Precision): string | null {
  return fieldProblem(call) ?? engine.refuses(encodeCall(call, precision))
}

class EngineBuffer<B> implements DeviceBuffer {
  readonly #engine: Engine<B, unknown>
  #handle: B | null

  constructor(
    engine: Engine<B, unknown>,
    readonly elements: number,
    readonly elementType: ElementType,
  ) {
    if (!Number.isSafeInteger(elements) || elements < 0) throw parameterError('elements', 'a whole number', elements)
    const bytes = elements * bytesPerElement(this)
    this.#engine = engine
    this.#handle = engine.createBuffer(bytes)
    if (this.#handle === null) throw engine.outOfMemory(`a buffer of ${megabytes(bytes)}`)
  }

  get memory(): object {
    return this.#engine.memory
  }

  get handle(): B {
    if (this.#handle === null) throw new DenseNetError('this buffer was disposed of and cannot be used any more')
    return this.#handle
  }

  async write(data: ArrayLike<number>, offset = 0): Promise<void> {
    this.#checkRange(offset, data.length)
    this.#engine.writeBuffer(this.handle, STORED[this.elementType](data), offset * bytesPerElement(this))
  }

  async read(offset = 0, count = this.elements - offset, into?: Numbers): Promise<Numbers> {
    this.#checkRange(offset, count)
    const NumbersOfIt = this.elementType === 'float64' ? Float64Array : Float32Array
    const data = into instanceof NumbersOfIt && into.length === count ? into : new NumbersOfIt(count)
    const stored = this.elementType === 'bfloat16' ? new Uint16Array(count) : data
    this.#engine.readBuffer(this.handle, stored, offset * bytesPerElement(this))
    return stored instanceof Uint16Array ? fromBfloat16(stored, data as Float32Array) : data
  }

  dispose(): void {
    if (this.#handle !== null) this.#engine.releaseBuffer(this.#handle)
    this.#handle = null
  }

  #checkRange(offset: number, count: number): void {
    if (Number.isInteger(offset) && offset >= 0 && count >= 0 && offset + count <= this.elements) return
    throw new DenseNetError(`elements ${offset} to ${offset + count} are outside a buffer of ${this.elements} elements`)
  }
}

/** Numbers as a buffer holds them; those that are so already are not copied. */
const STORED: Readonly<Record<ElementType, (data: ArrayLike<number>) => Stored>> = {
  float32: data => (data instanceof Float32Array ? data : new Float32Array(data)),
  float64: data => (data instanceof Float64Array ? data : new Float64Array(data)),
  bfloat16: toBfloat16,
}

function compile<B, P>(engine: Engine<B, P>, program: Program, bindings: Bindings): TimedExecutable {
  checkProgram(program, bindings, { refuses: call => refuses(engine, call, program.precision) })
  const handleOf = (role: keyof Bindings, wanted?: ElementType): B => {
    const buffer = bindings[role]
    if (!(buffer instanceof EngineBuffer) || buffer.memory !== engine.memory) {
      throw new DenseNetError(`the buffer bound to "${role}" belongs to another backend`)
    }
    if (wanted === undefined || buffer.elementType === wanted) return buffer.handle
    throw new DenseNetError(`the buffer bound to "${role}" holds ${buffer.elementType}, the program's ${wanted}`)
  }
  const used = usedBuffers(program)
  const handles = program.buffers.map(({ role, elementType = 'float32' }, number) =>
    !used.has(number) || role === 'transient' ? null : handleOf(role, elementType),
  )
  const arena = bindings.arena ? handleOf('arena') : null
  const code = encode(program)
  const compiled = engine.compile(code, handles, arena)
  if (compiled === null) {
    throw engine.outOfMemory(`the ${megabytes(engine.scratchBytes(code))} that a program needs besides its buffers`)
  }
  let disposed = false

  const start = (args: RunArguments, timed: boolean): Promise<Float64Array | undefined> => {
    if (disposed) throw new DenseNetError('this program was disposed of and cannot be run any more')
    checkRunArguments(program, args)
    const { batch, learningRate = 0, seed = 0, step = 0, keep = 0, add = 0 } = args
    return engine.run(compiled, { batch, learningRate, seed, step, keep, add }, timed)
  }
  return {
    async run(args) {
      await start(args, false)
    },
    async profile(args) {
      return (await start(args, true))!
    },
    dispose() {
      if (!disposed) engine.releaseProgram(compiled)
      disposed = true
    },
  }
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MB`
