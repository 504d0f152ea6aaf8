// An arena of several buffers, on a GPU whose buffers are made small, where the gradient is cut into segments: activations must stay where they
// are from one segment to the next.
import { describe, expect, test } from 'vitest'
import type { WebGpuBackend } from '../../dist/backends/webgpu/backend.js'
import { DenseNet } from '../../dist/densenet.js'
import { plan } from '../../dist/engine/planner.js'
import { planSharing } from '../../dist/engine/sharing.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { localRanks } from '../../dist/ranks/local.js'
import { TINY, tinyDataset } from '../training/fixtures.js'
import { gpuAvailable, openGpu } from '../webgpu-available.js'

/** Of enough parameters for several segments. */
const NET: DenseNetOptions = { ...TINY, growthRate: 32, bottleneckWidth: 4, blocks: [1, 1] }
const batchSize = 4
const net = architecture(resolveConfig(NET))
const gradient = plan(net, { mode: 'train', batchSize })
const { segments } = planSharing(gradient, parameterTable(net), new Set(), { rank: 0, ranks: 2 })

/** The weights that a training of so many ranks leaves. */
async function trained(on: WebGpuBackend, size: number): Promise<ArrayLike<number>> {
  const states = await Promise.all(
    (size === 1 ? [undefined] : localRanks(size)).map(async ranks => {
      const network = DenseNet.create(NET, { seed: 3 })
      await network.fit(tinyDataset('train', 12), {
        ...{ on, batchSize, accumulate: 2, loaderThreads: 0, epochs: 1, learningRate: 0.1, seed: 3 },
        ...(ranks ? { ranks } : {}),
      })
      return network.state.parameters
    }),
  )
  for (const state of states) expect(state).toEqual(states[0])
  return states[0]!
}

// Slow where a processor plays the GPU; memory.test.ts looks at what is planned.
describe.skipIf(!gpuAvailable || !process.env.DENSENET_TEST_GPU)('an arena of several buffers', () => {
  test('two ranks come to the bits of one whose arena is in one piece', async () => {
    expect(segments.length).toBeGreaterThan(1)
    const on = await openGpu()
    const expected = await trained(on, 1)
    const { maxStorageBuffersPerShaderStage } = on.device.limits
    // Parameters fit into one.
    const most = 256 * Math.floor((0.9 * gradient.arenaBytes) / 256)
    const limits = { maxBufferSize: most, maxStorageBufferBindingSize: most, maxStorageBuffersPerShaderStage }
    Object.defineProperty(on.device, 'limits', { value: limits })
    expect(await trained(on, 2)).toEqual(expected)
    on.dispose()
  })
})
