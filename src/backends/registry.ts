// name -> backend. Each is loaded when it is asked for: the native one needs Node.
import type { Backend } from '../engine/backend.js'
import { DenseNetError, usageError } from '../errors.js'

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
  /** Told, once, why a slower backend was taken and what to install; default: console.warn. */
  readonly onWarning?: (message: string) => void
}

/** Where the arithmetic is done: a backend of your own, or which one to make. */
export interface ComputeOptions extends BackendOptions {
  readonly on?: Backend
}

/** Makes a backend; `dispose` it when it is not needed any more. A usage error for a name that there is none of or
 * threads below 1; an error when `native` is asked for by name and cannot be loaded. */
export async function createBackend(options: BackendOptions = {}): Promise<Backend> {
  const { backend = 'auto', threads, onWarning = message => console.warn(message) } = options
  if (backend !== 'auto' && !backendNames.includes(backend)) {
    throw usageError(`there is no backend "${backend}"; there are ${backendNames.join(', ')} and auto`)
  }
  if (backend !== 'reference') {
    try {
      const { createNativeBackend } = await import('./native/backend.js')
      return createNativeBackend(threads === undefined ? {} : { threads })
    } catch (error) {
      if (backend === 'native' || (error as { code?: string }).code === 'usage') throw error
      const why = error instanceof DenseNetError ? error : new DenseNetError('the native backend needs Node')
      const hint = why.hint === undefined ? '' : `. To be faster, ${why.hint}`
      onWarning(`${why.message}. USING THE REFERENCE BACKEND, WHICH IS HUNDREDS OF TIMES SLOWER${hint}`)
    }
  }
  const { createReferenceBackend } = await import('./reference/backend.js')
  return createReferenceBackend()
}
