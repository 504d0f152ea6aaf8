// name -> backend. Each is loaded when it is asked for: the native one needs Node, and the threads of wasm are Node's there.
import type { Backend, Precision } from '../engine/backend.js'
import { PRECISIONS } from '../engine/program.js'
import { DenseNetError, usageError } from '../errors.js'

/** All backends, the preferred one first. */
export const backendNames = ['native', 'wasm', 'webgpu', 'reference'] as const
/** What computes: `native`, the C++ engine, `wasm`, the same as WebAssembly, `webgpu`, any GPU, or `reference`, plain TypeScript. */
export type BackendName = (typeof backendNames)[number]

/** What may be asked for. */
export type BackendChoice = BackendName | 'auto' | 'gpu'

/** Which backend to make, and with how many threads. */
export interface BackendOptions {
  /** Default `auto`: native, or wasm where that cannot be loaded, or else reference; with one warning. `gpu`: webgpu where there is
   * a GPU that is no software, else as `auto`, with a warning. */
  readonly backend?: BackendChoice
  /** Of native and wasm; default: one per core. */
  readonly threads?: number
  /** Of webgpu: which of several GPUs, by its number in `densenet devices`. */
  readonly adapter?: number
  /** What activations are kept as: `float32`, the default, `bfloat16` (half the memory; weights and sums stay float32) or
   * `float64`, as everything else then, too. Of native and reference; webgpu has no float64, wasm only float32. */
  readonly precision?: Precision | undefined
  /** Told why a slower backend was taken, slower kernels or fewer threads, and what to do about it; default: console.warn. */
  readonly onWarning?: (message: string) => void
}

/** Where the arithmetic is done: a backend of your own, or which one to make. */
export interface ComputeOptions extends BackendOptions {
  readonly on?: Backend
}

/** Makes a backend; `dispose` it when it is not needed any more. A usage error for a name that there is none of or
 * threads below 1; an error when one is asked for by name and cannot be loaded. */
export async function createBackend(options: BackendOptions = {}): Promise<Backend> {
  const { backend = 'auto', threads, adapter, precision = 'float32', onWarning = warn } = options
  const make = makers({ threads, adapter, precision, onWarning })
  checkPrecision(backend, precision)
  if (backend === 'gpu') {
    const gpu = await attempt('webgpu', make.webgpu)
    if (!(gpu instanceof DenseNetError) && !gpu.software) return gpu
    if (gpu instanceof DenseNetError) onWarning(`${gpu.message}; using the processor${toBeFaster(gpu)}`)
    else {
      gpu.dispose()
      onWarning(`${gpu.description} is software; using the processor itself`)
    }
  } else if (backend !== 'auto') {
    if (backendNames.includes(backend)) return make[backend]()
    throw usageError(`there is no backend "${backend}"; there are ${backendNames.join(', ')}, auto and gpu`)
  }
  const native = await attempt('native', make.native)
  if (!(native instanceof DenseNetError)) return native
  const wasm = precision === 'float32' ? await attempt('wasm', make.wasm) : notIn('wasm', precision)
  if (!(wasm instanceof DenseNetError)) {
    onWarning(`${native.message}; using ${wasm.description}, which is two to three times slower${toBeFaster(native)}`)
    return wasm
  }
  onWarning(
    `${native.message}; ${wasm.message}. USING THE REFERENCE BACKEND, WHICH IS HUNDREDS OF TIMES SLOWER${toBeFaster(native)}`,
  )
  return make.reference()
}

const warn = (message: string): void => console.warn(message)

/** A usage error for a precision that there is none of, or that what is asked for by name does not have. */
export function checkPrecision(backend: BackendChoice, precision: Precision): void {
  if (!PRECISIONS.includes(precision)) {
    throw usageError(`there is no precision "${precision}"; there are ${PRECISIONS.join(', ')}`)
  }
  if (backend === 'wasm' && precision !== 'float32') throw notIn('wasm', precision)
  if ((backend === 'webgpu' || backend === 'gpu') && precision === 'float64') throw notIn('webgpu', precision)
}

const OTHERS = { wasm: 'float32 (--precision single)', webgpu: 'float32 or bfloat16 (--precision single or half)' }

const notIn = (name: keyof typeof OTHERS, precision: Precision): DenseNetError =>
  usageError(
    `the ${name} backend computes in ${OTHERS[name]}, not in ${precision}`,
    'take --backend native or reference, or leave out --precision',
  )

type Making = Pick<BackendOptions, 'threads' | 'adapter' | 'precision' | 'onWarning'>

const makers = ({ threads, adapter, precision, onWarning }: Making) => ({
  native: async () => (await import('./native/backend.js')).createNativeBackend({ threads, precision, onWarning }),
  wasm: async () => {
    const { createWasmBackend } = await import('./wasm-node/backend.js').catch(() => import('./wasm/backend.js'))
    return createWasmBackend({ threads, onWarning })
  },
  webgpu: async () => {
    if (precision === 'float64') throw notIn('webgpu', precision)
    return (await import('./webgpu-node/gpu.js')).createWebGpuBackend({ adapter, precision })
  },
  reference: async () => (await import('./reference/backend.js')).createReferenceBackend({ precision }),
})

/** A backend, or why it cannot be loaded. */
async function attempt<B extends Backend>(name: BackendName, make: () => Promise<B>): Promise<B | DenseNetError> {
  try {
    return await make()
  } catch (error) {
    if (!(error instanceof DenseNetError)) {
      return new DenseNetError(`the ${name} backend cannot be loaded (${(error as Error).message})`, { cause: error })
    }
    if (error.code === 'usage') throw error
    return error
  }
}

const toBeFaster = ({ hint }: DenseNetError): string => (hint === undefined ? '' : `. To be faster, ${hint}`)
