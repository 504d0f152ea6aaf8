// The GPUs of Node: those that the optional package `webgpu` reaches.
import { DenseNetError, parameterError } from '../../errors.js'
import { openAdapter, type WebGpuBackend } from '../webgpu/backend.js'
import { isSoftware } from '../webgpu/device.js'
import type { Adapter, Gpu } from '../webgpu/platform.js'

interface Package {
  create(options: readonly string[]): Gpu
}

export interface WebGpuOptions {
  /** A number of listAdapters; default: the first that is no software, or else the first. */
  readonly adapter?: number
  /** For tests: the limits that every adapter has, instead of its own. */
  readonly defaults?: boolean
}

/** When one is collected the process dies. */
const held: Gpu[] = []

function hold(gpu: Gpu): Gpu {
  held.push(gpu)
  return gpu
}

async function load(): Promise<Package> {
  try {
    return (await import('webgpu' as string)) as Package
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new DenseNetError(
      `the webgpu backend cannot be loaded (${code === 'ERR_MODULE_NOT_FOUND' ? 'the package webgpu is not installed' : message.split('\n')[0]})`,
      {
        hint: 'install it: npm install webgpu@0.6',
        cause: error,
      },
    )
  }
}

/** Names of all adapters, by which Dawn takes them; a name that none has makes it tell all others. */
async function adapterNames({ create }: Package): Promise<string[]> {
  try {
    await hold(create(['adapter=none of them'])).requestAdapter(FAST)
    return []
  } catch (error) {
    return [...String(error).matchAll(/name: '(.*)'/g)].map(([, name]) => name!)
  }
}

const FAST = { powerPreference: 'high-performance' } as const

/** Software compiles a kernel with workgroup memory twenty times faster when that is not cleared first; ours write it before they read. */
const SPEED = 'enable-dawn-features=disable_workgroup_init'

/** All that there are, in the order of their numbers. */
export async function listAdapters(): Promise<Adapter[]> {
  const dawn = await load()
  const names = await adapterNames(dawn)
  const adapters = await Promise.all(
    names.map(name => hold(dawn.create([`adapter=${name}`, SPEED])).requestAdapter(FAST)),
  )
  return adapters.filter(adapter => adapter !== null)
}

/** Throws a DenseNetError where the package or an adapter is missing. */
export async function createWebGpuBackend({ adapter, ...options }: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const adapters = await listAdapters()
  if (adapters.length === 0) {
    throw new DenseNetError('the webgpu backend cannot be used (there is no GPU that it reaches)', {
      hint:
        process.platform === 'linux'
          ? "install the GPU's driver and the Vulkan loader (apt-get install libvulkan1); densenet devices lists what there is"
          : "install the GPU's driver; densenet devices lists what there is",
    })
  }
  const chosen = adapter === undefined ? (adapters.find(one => !isSoftware(one)) ?? adapters[0]!) : adapters[adapter]
  if (chosen) return openAdapter(chosen, options)
  throw parameterError(
    'adapter',
    adapters.length === 1 ? '0, the only one' : `0 to ${adapters.length - 1}`,
    adapter,
    'densenet devices lists them',
  )
}
