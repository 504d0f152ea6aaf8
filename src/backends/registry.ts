// name -> backend; the addon and the reference backend are loaded only when asked for.
import type { Backend } from '../engine/backend.js'
import type { Program } from '../engine/program.js'
import { DenseNetError, usageError } from '../errors.js'
import { createNativeBackend, nativeScratchBytes } from './native/backend.js'

/** All backends, the preferred one first. */
export const backendNames = ['native', 'reference'] as const
/** What computes: `native`, the C++ engine, or `reference`, plain TypeScript. */
export type BackendName = (typeof backendNames)[number]

/** Which backend to make, and with how many threads. */
export interface BackendOptions {
  /** Default `auto`: native, or reference (with one warning) where native cannot be loaded. */
  readonly backend?: BackendName | 'auto'
  /** Threads of the native backend; default: one per core. */
  readonly threads?: number
  /** Told, once, why a slower backend was taken and what to install. */
  readonly onWarning?: (message: string) => void
}

/** Where the arithmetic is done: a backend of your own, or which one to make. */
export interface ComputeOptions extends BackendOptions {
  readonly on?: Backend
}

/** Makes a backend; `dispose` it when it is not needed any more. A usage error for a name that there is none of or
 * threads below 1; an error when `native` is asked for by name and cannot be loaded. */
export async function createBackend(options: BackendOptions = {}): Promise<Backend> {
  const { backend = 'auto', threads, onWarning = message => process.emitWarning(message) } = options
  if (backend !== 'auto' && !backendNames.includes(backend)) {
    throw usageError(`there is no backend "${backend}"; there are ${backendNames.join(', ')} and auto`)
  }
  if (backend !== 'reference') {
    try {
      return createNativeBackend(threads === undefined ? {} : { threads })
    } catch (error) {
      if (backend === 'native' || (error as { code?: string }).code === 'usage') throw error
      const { message, hint = '' } = error as DenseNetError
      onWarning(`${message}; using the reference backend, which is hundreds of times slower. To be faster, ${hint}`)
    }
  }
  const { createReferenceBackend } = await import('./reference/backend.js')
  return createReferenceBackend()
}

/** Bytes that a backend of default options would take for itself to run a program; nothing is allocated. */
export function scratchBytes(program: Program): number {
  try {
    return nativeScratchBytes(program)
  } catch (error) {
    if (error instanceof DenseNetError && error.code !== 'usage') return 0
    throw error
  }
}
