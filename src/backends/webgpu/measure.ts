// Which tiles a GPU is fast with: the time of a 1x1 convolution whose outputs are one tile's rows, with each of them.
import type { KernelCall } from '../../engine/kernels.js'
import type { Program } from '../../engine/program.js'
import { WebGpuBuffer } from './buffer.js'
import { type Compiler, compile } from './executable.js'
import { TILES, type Tile, type TileCosts } from './tiles.js'

const INPUTS = 128
const SIDE = 32
/** Enough to keep a large GPU busy. */
export const PROBED_IMAGES = 32
/** Seconds; shorter ones are mostly waiting for the answer. */
const LEAST = 0.02

export async function measureTiles({ opened, pipelines }: Omit<Compiler, 'costs'>, images: number): Promise<TileCosts> {
  const input = new WebGpuBuffer(opened, images * INPUTS * SIDE ** 2)
  const parameters = new WebGpuBuffer(opened, INPUTS * mostRows)
  const features = new WebGpuBuffer(opened, images * mostRows * SIDE ** 2)
  const costs: number[] = []
  try {
    for (const tile of TILES) {
      const only = TILES.map(other => (other === tile ? 1 : Number.POSITIVE_INFINITY))
      const compiler = { opened, pipelines, costs: only }
      const executable = await compile(probe(tile, images), { input, parameters, features }, compiler)
      const seconds = await secondsOf(async times => {
        for (let i = 0; i < times; i++) await executable.run({ batch: images })
        await features.read(0, 1)
      })
      executable.dispose()
      costs.push(seconds / (images * SIDE ** 2))
    }
  } finally {
    for (const buffer of [input, parameters, features]) buffer.dispose()
  }
  return costs
}

const mostRows = Math.max(...TILES.map(({ rows }) => rows))

function probe({ rows }: Tile, batchSize: number): Program {
  const view = (buffer: number, channels: number) => {
    return { buffer, stride: channels, first: 0, channels, height: SIDE, width: SIDE }
  }
  const call: KernelCall = {
    kernel: 'convolutionForward',
    ...{ size: 1, stride: 1, padding: 0 },
    input: view(0, INPUTS),
    norm: null,
    weight: { buffer: 1, offset: 0 },
    output: view(2, rows),
    statistics: null,
    dropout: null,
  }
  const buffers: Program['buffers'] = [
    { name: 'input', elements: INPUTS * SIDE ** 2, perImage: true, role: 'input' },
    { name: 'weights', elements: INPUTS * rows, role: 'parameters' },
    { name: 'output', elements: rows * SIDE ** 2, perImage: true, role: 'features' },
  ]
  return { batchSize, buffers, calls: [call], offsets: [-1, -1, -1], arenaBytes: 0 }
}

/** Of one time; the first one is not counted, after that as many as take long enough to be measured. */
async function secondsOf(run: (times: number) => Promise<void>): Promise<number> {
  await run(1)
  for (let times = 1; ; times *= 2) {
    const start = performance.now()
    await run(times)
    const seconds = (performance.now() - start) / 1000
    if (seconds >= LEAST) return seconds / times
  }
}
