// What computes in a browser: a GPU, WebAssembly, or plain TypeScript.
import type { BackendOptions } from '../backends/registry.js'
import { createWasmBackend, type WasmOptions } from '../backends/wasm/backend.js'
import { webGpu } from '../backends/webgpu/platform.js'
import type { Backend } from '../engine/backend.js'
import { DenseNetError, usageError } from '../errors.js'

/** All of them, the preferred one first. */
const webBackends = ['webgpu', 'wasm', 'reference'] as const

/** Where the arithmetic is done. */
export interface WebComputeOptions extends Pick<BackendOptions, 'threads' | 'onWarning'> {
  /** Default `auto`: webgpu where there is a GPU that is no software, else wasm, or reference where that cannot be loaded, with a
   * warning. */
  readonly backend?: (typeof webBackends)[number] | 'auto'
  /** Of wasm: `simd`, whose bits are the same in every browser, or `relaxed`, which is faster; default: `relaxed` where there
   * is such. */
  readonly instructionSet?: 'simd' | 'relaxed'
  /** Where the two modules of wasm are; default: beside the package's scripts, where bundlers put them. */
  readonly wasm?: { readonly simd?: string | URL; readonly relaxed?: string | URL }
}

/** Of these options, which decide what backend it is. */
export const computeNames = ['backend', 'threads', 'instructionSet', 'wasm'] as const

export async function createWebBackend(options: WebComputeOptions): Promise<Backend> {
  const { backend = 'auto', wasm: sources, instructionSet, threads, onWarning = warn } = options
  const wasm: WasmOptions = { threads, instructionSet, onWarning, ...(sources ? { sources } : {}) }
  if (backend === 'webgpu') return openGpu()
  if (backend === 'wasm') return createWasmBackend(wasm)
  if (backend === 'reference') return reference()
  if (backend !== 'auto') {
    throw usageError(`there is no backend "${backend}" in a browser; there are ${webBackends.join(', ')} and auto`)
  }
  // Without a GPU its kernels are not even fetched.
  const gpu = (await webGpu()?.requestAdapter({ powerPreference: 'high-performance' }))
    ? await openGpu().catch(notUsable)
    : null
  if (gpu && !gpu.software) return gpu
  gpu?.dispose()
  try {
    return await createWasmBackend(wasm)
  } catch (error) {
    if (!(error instanceof DenseNetError) || error.code === 'usage') throw error
    onWarning(`${error.message}; using the reference backend, which is hundreds of times slower`)
    return reference()
  }
}

const openGpu = async () => (await import('../backends/webgpu/backend.js')).createWebGpuBackend(webGpu())

/** A page whose GPU cannot be used computes without it. */
function notUsable(error: unknown): null {
  if (error instanceof DenseNetError) return null
  throw error
}

const warn = (message: string): void => console.warn(message)
const reference = async () => (await import('../backends/reference/backend.js')).createReferenceBackend()
