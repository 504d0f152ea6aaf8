// The interface that a backend implements. Buffers are opaque (they may live on another device), reads are asynchronous,
// and a backend knows nothing of models: it runs programs.
import type { KernelCall } from './kernels.js'
import { bytesPerElement, type ElementType, type ExternalRole, type Precision, type Program } from './program.js'

export type { ElementType, Precision } from './program.js'

/** Numbers of a backend, in JavaScript. */
export type Numbers = Float32Array | Float64Array

/** Memory of a backend. Freed by dispose(), or by the garbage collector when forgotten. */
export interface DeviceBuffer {
  readonly elements: number
  readonly elementType: ElementType
  /** Copies `data` to element `offset` (default 0) onwards, converting to its element type: to the nearest, of two to the even one. */
  write(data: ArrayLike<number>, offset?: number): Promise<void>
  /** A copy of `count` elements (default: all) from `offset`; in `into`, if that is given and suits. Of bfloat16 a Float32Array. */
  read(offset?: number, count?: number, into?: Numbers): Promise<Numbers>
  /** Frees its memory. */
  dispose(): void
}

/** The numbers that change from run to run. */
export interface RunArguments {
  /** Images in this run, 1 .. program.batchSize. */
  readonly batch: number
  /** Used by sgd, adamW and rmsProp. */
  readonly learningRate?: number
  /** Keys of the dropout masks: the run's seed and the number of the training step. adamW counts its steps by it, too. */
  readonly seed?: number
  readonly step?: number
  /** Used by blend. */
  readonly keep?: number
  readonly add?: number
}

/** A program bound to buffers, ready to run. */
export interface Executable {
  /** Runs the calls in order; resolves when the outputs can be read. Never two runs at a time on the same buffers. */
  run(args: RunArguments): Promise<void>
  /** Frees its memory. */
  dispose(): void
}

/** The buffers that a program reads and writes from outside, by their role, and the memory of all others. */
export type Bindings = Partial<Record<ExternalRole, DeviceBuffer>> & { readonly arena?: DeviceBuffer }

/** Memory for the transient buffers of programs. */
export function createArena(backend: Pick<Backend, 'createBuffer'>, bytes: number): DeviceBuffer {
  return backend.createBuffer(Math.ceil(bytes / bytesPerElement()))
}

/** What a machine must do to run programs: buffers, and executables made of a program's kernel calls. */
export interface Backend {
  readonly name: string
  /** What it keeps activations as: that of the programs to be planned for it. */
  readonly precision: Precision
  /** What it keeps parameters, statistics and losses as. */
  readonly elementType: ElementType
  /** One line for people: "native: AVX-512, 2 threads". */
  readonly description: string
  /** Bytes of the largest arena that is one piece of its memory; without it only the machine's memory is the limit. */
  readonly arenaBytes?: number
  /** A buffer of zeros; of `elementType` by default. */
  createBuffer(elements: number, elementType?: ElementType): DeviceBuffer
  /** Why it cannot run a call, "the native backend convolves ... only"; null: it can. Looks at the call alone, not at buffers. */
  refuses(call: KernelCall): string | null
  /** `bindings` holds a buffer for every external role that the program uses, and an arena of at least
   * program.arenaBytes (createArena). An error that names the call for a program with one that the backend refuses. */
  compile(program: Program, bindings: Bindings): Promise<Executable>
  /** Bytes that compile() takes for itself, besides the buffers; an error for a program with a call that it refuses. */
  scratchBytes(program: Program): number
  /** After an error: whether its device was lost and it made a new one, on which all must be made anew. Not twice in a minute. */
  renew?(): Promise<boolean>
  /** Frees its memory. */
  dispose(): void
}
