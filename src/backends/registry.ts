// name -> backend, loaded only when asked for.
import type { Backend } from '../engine/backend.js'
import { type DenseNetError, usageError } from '../errors.js'

export const backendNames = ['native', 'reference'] as const
export type BackendName = (typeof backendNames)[number]

export interface BackendOptions {
  /** Default `auto`: native, or reference (with one warning) where native cannot be loaded. */
  readonly backend?: BackendName | 'auto'
  /** Threads of the native backend; default: one per core. */
  readonly threads?: number
  /** Told, once, why a slower backend was taken and what to install. */
  readonly onWarning?: (message: string) => void
}

export async function createBackend(options: BackendOptions = {}): Promise<Backend> {
  const { backend = 'auto', threads, onWarning = message => process.emitWarning(message) } = options
  if (backend !== 'auto' && !backendNames.includes(backend)) {
    throw usageError(`there is no backend "${backend}"; there are ${backendNames.join(', ')} and auto`)
  }
  if (backend !== 'reference') {
    const { createNativeBackend } = await import('./native/backend.js')
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
