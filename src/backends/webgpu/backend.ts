// The webgpu backend: kernels in WGSL, on any GPU that a browser or Node's `webgpu` reaches.
import type { Backend, Bindings } from '../../engine/backend.js'
import { checkCalls } from '../../engine/check.js'
import { bytesPerElement, type Program } from '../../engine/program.js'
import { DenseNetError } from '../../errors.js'
import { EVERYWHERE } from './alike.js'
import { WebGpuBuffer } from './buffer.js'
import { type DeviceOptions, isSoftware, openDevice } from './device.js'
import { compile } from './executable.js'
import { forOneImage, sharesOf, type WebGpuExecutable } from './image-by-image.js'
import { lower, refuses } from './lower.js'
import { measureTiles, PROBED_IMAGES } from './measure.js'
import { staysImageByImage, wholeBatch } from './memory.js'
import { createPipelines } from './pipelines.js'
import type { Adapter, Device, Gpu } from './platform.js'
import { type TileCosts, tileName, tilesUsed, USUAL_COSTS } from './tiles.js'

export interface WebGpuBackend extends Backend {
  compile(program: Program, bindings: Bindings): Promise<WebGpuExecutable>
  /** What it runs on. */
  readonly device: Device
  /** Whether that is a processor which plays a GPU. */
  readonly software: boolean
}

/** A browser's. Throws a DenseNetError where there is no adapter. */
export function createWebGpuBackend(gpu: Gpu | undefined): Promise<WebGpuBackend> {
  return openBackend(
    async () => {
      const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' })
      if (adapter) return adapter
      throw new DenseNetError('the webgpu backend cannot be used (there is no WebGPU here)', {
        hint: 'use a browser that has it, such as Chrome 113 or newer, with a GPU',
      })
    },
    { recall },
  )
}

/** What was measured of the page's GPU. */
let costsOfPage: TileCosts | undefined

async function recall(measure: () => Promise<TileCosts>): Promise<TileCosts> {
  costsOfPage ??= await measure()
  return costsOfPage
}

/** A device that is lost again within this time is not made anew. */
const MINUTE = 60_000

export interface OpenOptions extends DeviceOptions {
  /** Which tiles suit the adapter: what `measure` says, or said at another time. */
  readonly recall: (measure: () => Promise<TileCosts>) => Promise<TileCosts>
  /** What activations are kept as. Default: float32. */
  readonly precision?: 'float32' | 'bfloat16'
  /** For tests: software is measured, too. */
  readonly measured?: boolean
}

/** `find` gives an adapter, another one for each device. */
export async function openBackend(find: () => Promise<Adapter>, options: OpenOptions): Promise<WebGpuBackend> {
  const { recall, precision = 'float32', measured = false } = options
  const adapter = await find()
  const software = isSoftware(adapter)
  let opened = await openDevice(adapter, options)
  let pipelines = createPipelines(opened.device)
  const costs =
    software && !measured
      ? USUAL_COSTS
      : await recall(() => measureTiles({ opened, pipelines }, software ? 1 : PROBED_IMAGES))
  const tiles = costs === USUAL_COSTS ? '' : `, tiles ${tilesUsed(costs).map(tileName).join(' ')}`
  let renewed = Number.NEGATIVE_INFINITY
  return {
    name: 'webgpu',
    precision,
    elementType: 'float32',
    description: `webgpu: ${opened.title}${tiles}${precision === 'float32' ? '' : `, ${precision}`}`,
    get device() {
      return opened.device
    },
    software,
    arenaBytes: adapter.limits.maxBufferSize,
    createBuffer: (elements, elementType) => new WebGpuBuffer(opened, elements, elementType),
    refuses,
    compile: (program, bindings) => compile(program, bindings, { opened, pipelines, costs }),
    scratchBytes: program => webGpuScratchBytes(program, costs),
    async renew() {
      if (!opened.isLost() || performance.now() - renewed < MINUTE) return false
      renewed = performance.now()
      opened = await openDevice(await find(), options)
      pipelines = createPipelines(opened.device)
      return true
    },
    dispose: () => opened.close(),
  }
}

/** The same on every GPU of the same tiles; nothing is allocated. */
export function webGpuScratchBytes(program: Program, costs: TileCosts = USUAL_COSTS): number {
  checkCalls(program, { refuses })
  if (staysImageByImage(program)) {
    const own = sharesOf(program).reduce((sum, share) => sum + share.elements * bytesPerElement(share), 0)
    return webGpuScratchBytes(forOneImage(program), costs) + own
  }
  const whole = wholeBatch(program)
  return 4 * lower(whole, EVERYWHERE, costs).scratchElements + (whole === program ? 0 : whole.arenaBytes)
}
