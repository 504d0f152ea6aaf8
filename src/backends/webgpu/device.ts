// An adapter opened: its device, what it may do, and whether it is still there.
import { DenseNetError } from '../../errors.js'
import type { Adapter, Device, Limits } from './platform.js'

export interface OpenDevice {
  readonly device: Device
  /** "NVIDIA H200" */
  readonly title: string
  isLost(): boolean
  /** Throws when the device is lost, or something went wrong that no call could tell. */
  check(): void
  /** Frees all that it has; it is not lost thereby. */
  close(): void
}

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
] as const satisfies readonly (keyof Limits)[]

/** Software is a processor that plays a GPU: for tests. */
export const isSoftware = ({ info }: Adapter): boolean =>
  (info.isFallbackAdapter ?? false) ||
  /swiftshader|llvmpipe|basic render/i.test(`${info.architecture} ${info.device} ${info.description}`)

const titleOf = ({ info }: Adapter): string =>
  [info.device, info.description, `${info.vendor} ${info.architecture}`].find(text => text.trim() !== '') ?? 'a GPU'

export interface DeviceOptions {
  /** What people know it by; default: what the adapter says. */
  readonly title?: string
  /** For tests: with what every adapter has, limits and no subgroups, instead of its own. */
  readonly defaults?: boolean
}

export async function openDevice(
  adapter: Adapter,
  { defaults = false, title = titleOf(adapter) }: DeviceOptions = {},
): Promise<OpenDevice> {
  const requiredLimits = defaults ? {} : Object.fromEntries(LIMITS.map(name => [name, adapter.limits[name]]))
  const features = defaults ? ['timestamp-query'] : ['timestamp-query', 'subgroups']
  const requiredFeatures = features.filter(name => adapter.features.has(name))
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures })
  let closed = false
  let problem: string | null = null
  let lost = false
  void device.lost.then(({ message }) => {
    lost = true
    if (!closed) problem = `the GPU is gone (${title}${message ? `: ${message.split('\n')[0]}` : ''})`
  })
  device.onuncapturederror = ({ error }) => {
    problem ??= `the GPU failed (${error.message.split('\n')[0]})`
  }
  return {
    device,
    title,
    isLost: () => lost && !closed,
    check() {
      if (closed) throw new DenseNetError('the webgpu backend was disposed of and cannot be used any more')
      if (problem !== null)
        throw new DenseNetError(problem, { hint: 'a run goes on from its last checkpoint with --resume' })
    },
    close() {
      closed = true
      device.destroy()
    },
  }
}
