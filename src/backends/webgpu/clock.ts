// How long passes take, by the GPU's own clock.
import { DenseNetError } from '../../errors.js'
import type { OpenDevice } from './device.js'
import { MAP_READ, USAGE } from './platform.js'

const STAMP = 8

export interface Clock {
  /** For the pass whose time is `number`. */
  of(number: number): {
    timestampWrites: {
      querySet: ReturnType<OpenDevice['device']['createQuerySet']>
      beginningOfPassWriteIndex: number
      endOfPassWriteIndex: number
    }
  }
  seconds(): Promise<Float64Array>
  dispose(): void
}

/** The most stamps of a set, which WebGPU says. */
const MOST = 4096

export function createClock({ device, title }: OpenDevice, count: number): Clock {
  if (!device.features.has('timestamp-query')) {
    throw new DenseNetError(`the webgpu backend cannot say where its time goes (${title} has no timestamps)`, {
      hint: 'measure without --kernels',
    })
  }
  const sets = Array.from({ length: Math.ceil((2 * count) / MOST) }, (_, i) =>
    device.createQuerySet({ type: 'timestamp', count: Math.min(MOST, 2 * count - i * MOST) }),
  )
  const size = STAMP * 2 * count
  const stamps = device.createBuffer({ size, usage: USAGE.queryResolve | USAGE.copySource })
  const staging = device.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyTarget })
  return {
    of(number) {
      const set = Math.floor((2 * number) / MOST)
      const first = 2 * number - set * MOST
      return {
        timestampWrites: { querySet: sets[set]!, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 },
      }
    },
    async seconds() {
      const encoder = device.createCommandEncoder()
      for (const [i, set] of sets.entries()) {
        encoder.resolveQuerySet(set, 0, Math.min(MOST, 2 * count - i * MOST), stamps, STAMP * i * MOST)
      }
      encoder.copyBufferToBuffer(stamps, 0, staging, 0, size)
      device.queue.submit([encoder.finish()])
      await staging.mapAsync(MAP_READ)
      const nanoseconds = new BigUint64Array(staging.getMappedRange())
      return Float64Array.from({ length: count }, (_, i) => Number(nanoseconds[2 * i + 1]! - nanoseconds[2 * i]!) / 1e9)
    },
    dispose() {
      for (const set of sets) set.destroy()
      stamps.destroy()
      staging.destroy()
    },
  }
}
