// The native backend: C++ kernels in a Node-API addon, run by its own threads off the event loop.
import { availableParallelism } from 'node:os'
import type { Precision, Program } from '../../engine/program.js'
import { DenseNetError } from '../../errors.js'
import {
  type CompiledBackend,
  checkThreads,
  createCompiledBackend,
  type Engine,
  scratchBytes,
} from '../compiled/backend.js'
import { type Addon, type BufferHandle, chooseInstructionSet, loadAddon, type ProgramHandle } from './addon.js'

export interface NativeOptions {
  /** Default: one per core. The results do not depend on it. */
  readonly threads?: number
  /** Instead of the best the processor has: avx512, avx2, neon, portable; of bfloat16 amx and avx512bf16, too. Default: the variable DENSENET_ISA. */
  readonly instructionSet?: string
  /** Told when this build lacks the kernels that the processor would run best. */
  readonly onWarning?: (message: string) => void
  /** What activations are kept as. Default: float32. */
  readonly precision?: Precision
}

/** Throws a DenseNetError where no native build exists. */
export function createNativeBackend(options: NativeOptions = {}): CompiledBackend {
  const addon = loadAddon()
  const threads = checkThreads(options.threads, availableParallelism())
  return createCompiledBackend(openEngine(addon, threads, options), options.precision ?? 'float32')
}

/** Bytes that a backend of default options would take for itself to run a program, nothing where the addon cannot be
 * loaded; nothing is allocated. */
export function nativeScratchBytes(program: Program): number {
  try {
    const addon = loadAddon()
    const isa = chooseInstructionSet(addon, undefined, undefined, program.precision)
    return scratchBytes(asker(addon, isa.name, availableParallelism()), program)
  } catch (error) {
    if (error instanceof DenseNetError && error.code !== 'usage') return 0
    throw error
  }
}

/** What can be asked of the addon without threads. */
function asker(addon: Addon, isa: string, threads: number) {
  return {
    refuses: (call: Float64Array) => addon.refuses(isa, call),
    scratchBytes: (program: Float64Array) => addon.scratchBytes(isa, threads, program),
  }
}

function openEngine(
  addon: Addon,
  threads: number,
  { instructionSet, onWarning, precision }: NativeOptions,
): Engine<BufferHandle, ProgramHandle> {
  const isa = chooseInstructionSet(addon, instructionSet, onWarning, precision)
  const pool = addon.createPool(threads)
  return {
    ...asker(addon, isa.name, threads),
    name: 'native',
    description: `${isa.title}, ${threads} thread${threads === 1 ? '' : 's'}`,
    memory: addon,
    createBuffer: addon.createBuffer,
    writeBuffer: addon.writeBuffer,
    readBuffer: addon.readBuffer,
    releaseBuffer: addon.releaseBuffer,
    compile: (program, buffers, arena) => addon.compile(isa.name, threads, program, buffers, arena),
    releaseProgram: addon.releaseProgram,
    run: (program, { batch, learningRate, seed, step, keep, add }, timed) =>
      addon.run(pool, program, batch, learningRate, seed, step, keep, add, timed),
    outOfMemory: what =>
      new DenseNetError(`there is not enough memory for ${what}`, {
        hint: 'use a smaller --batch-size, or --memory recompute',
      }),
    dispose: () => addon.releasePool(pool),
  }
}
