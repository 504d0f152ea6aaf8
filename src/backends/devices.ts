// What there is to compute on here, and why something is missing.
import { DenseNetError } from '../errors.js'
import type { Choice } from './compiled/choice.js'

interface Missing {
  /** Why there is none; null: there is. */
  readonly missing: string | null
}

/** Instruction sets of the native engine, builds of wasm, GPUs. */
export interface DeviceReport {
  /** Best first. */
  readonly native: Missing & { readonly instructionSets: readonly string[]; readonly taken: readonly Choice[] }
  readonly wasm: Missing & { readonly builds: readonly string[] }
  /** By their numbers. */
  readonly gpus: Missing & { readonly adapters: readonly GpuReport[] }
}

/** A GPU that webgpu can compute on. */
export interface GpuReport {
  readonly title: string
  /** A processor that plays a GPU. */
  readonly software: boolean
  /** Bytes. */
  readonly largestBuffer: number
  readonly largestBinding: number
  /** Those that matter here. */
  readonly features: readonly string[]
}

const FEATURES = ['shader-f16', 'subgroups', 'timestamp-query']

/** What there is to compute on in Node, and why something is missing. */
export async function devices(): Promise<DeviceReport> {
  const [native, wasm, adapters] = await Promise.all([
    found(async () => {
      const { choices, loadAddon, usableSets } = await import('./native/addon.js')
      const addon = loadAddon()
      return [{ instructionSets: usableSets(addon).map(({ name }) => name), taken: choices(addon) }]
    }),
    found(async () => (await import('./wasm/builds.js')).runnableBuilds()),
    found(async () => {
      const [{ listAdapters, NO_GPU }, { isSoftware }] = await Promise.all([
        import('./webgpu-node/gpu.js'),
        import('./webgpu/device.js'),
      ])
      const all = await listAdapters()
      if (all.length === 0) throw NO_GPU()
      return all.map(({ title, adapter }) => ({
        title,
        software: isSoftware(adapter),
        largestBuffer: adapter.limits.maxBufferSize,
        largestBinding: adapter.limits.maxStorageBufferBindingSize,
        features: FEATURES.filter(name => adapter.features.has(name)),
      }))
    }),
  ])
  return {
    native: { missing: native.missing, ...(native.all[0] ?? { instructionSets: [], taken: [] }) },
    wasm: { missing: wasm.missing, builds: wasm.all },
    gpus: { missing: adapters.missing, adapters: adapters.all },
  }
}

async function found<T>(find: () => Promise<readonly T[]>): Promise<Missing & { readonly all: readonly T[] }> {
  try {
    return { missing: null, all: await find() }
  } catch (error) {
    if (!(error instanceof DenseNetError)) throw error
    return { missing: error.hint === undefined ? error.message : `${error.message}; ${error.hint}`, all: [] }
  }
}
