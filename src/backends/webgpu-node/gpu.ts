// The GPUs of Node: those that the optional package `webgpu` reaches.
import { DenseNetError, parameterError } from '../../errors.js'
import { openBackend, type WebGpuBackend } from '../webgpu/backend.js'
import { isSoftware } from '../webgpu/device.js'
import type { Adapter, Gpu } from '../webgpu/platform.js'
import type { TileCosts } from '../webgpu/tiles.js'
import { keptCosts } from './kept-costs.js'

interface Package {
  create(options: readonly string[]): Gpu
}

export interface WebGpuOptions {
  /** A number of listAdapters; default: the first that is no software, or else the first. */
  readonly adapter?: number
  /** What activations are kept as. Default: float32. */
  readonly precision?: 'float32' | 'bfloat16'
  /** For tests: what every adapter has, limits and no subgroups, instead of its own. */
  readonly defaults?: boolean
  /** For tests: software is measured, too. */
  readonly measured?: boolean
}

/** When one is collected the process dies. */
const held: Gpu[] = []

function hold(gpu: Gpu): Gpu {
  held.push(gpu)
  return gpu
}

async function load(): Promise<Package> {
  try {
    return (await import('webgpu')) as unknown as Package
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

export const NO_GPU = (): DenseNetError =>
  new DenseNetError('the webgpu backend cannot be used (there is no GPU that it reaches)', {
    hint:
      process.platform === 'linux'
        ? "install the GPU's driver and the Vulkan loader: apt-get install libvulkan1"
        : "install the GPU's driver",
  })

export interface Found {
  readonly title: string
  readonly adapter: Adapter
}

/** One of that name, which can open one device. */
async function adapterOf({ create }: Package, title: string): Promise<Adapter> {
  const adapter = await hold(create([`adapter=${title}`, SPEED])).requestAdapter(FAST)
  if (adapter) return adapter
  throw NO_GPU()
}

/** All that there are, in the order of their numbers. */
export async function listAdapters(): Promise<Found[]> {
  const dawn = await load()
  const found: Found[] = []
  for (const title of await adapterNames(dawn)) found.push({ title, adapter: await adapterOf(dawn, title) })
  return found
}

/** Throws a DenseNetError where the package or an adapter is missing. */
export async function createWebGpuBackend({ adapter: number, ...options }: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const dawn = await load()
  const found = await listAdapters()
  if (found.length === 0) throw NO_GPU()
  const first = found.find(({ adapter }) => !isSoftware(adapter)) ?? found[0]!
  const chosen = number === undefined ? first : found[number]
  if (chosen) {
    const { title, adapter } = chosen
    const recall = (measure: () => Promise<TileCosts>) => keptCosts(`${title} ${adapter.info.description}`, measure)
    return openBackend(() => adapterOf(dawn, title), { ...options, title, recall })
  }
  throw parameterError(
    'adapter',
    found.length === 1 ? '0, the only one' : `0 to ${found.length - 1}`,
    number,
    'densenet devices lists them',
  )
}
