// What a GPU can do to a run: be lost on the way, have too little memory; and what is said where there is none.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { WebGpuBackend } from '../../dist/backends/webgpu/backend.js'
import { DenseNet, synthetic, type TrainingEvent } from '../../dist/index.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { gpuAvailable, openGpu } from '../webgpu-available.js'

const NET = ['densenet-bc-100-12', { blocks: [1], growthRate: 4, seed: 2 }] as const
const RECIPE = { epochs: 1, trainLimit: 16, testLimit: 4, batchSize: 4, seed: 4, checkpointSeconds: 0.001 } as const

/** A training whose device is destroyed after those steps. */
async function train(on: WebGpuBackend, output: string | undefined, lostAfter: readonly number[]) {
  const events: TrainingEvent[] = []
  const left = [...lostAfter]
  const net = DenseNet.create(...NET)
  await net.fit(synthetic().train, {
    ...RECIPE,
    on,
    output,
    onEvent(event) {
      events.push(event)
      if (event.type !== 'step' || event.step !== left[0]) return
      left.shift()
      on.device.destroy()
    },
  })
  const warnings = events.flatMap(event => (event.type === 'warning' ? [event.message] : []))
  return { weights: net.state.parameters, warnings }
}

describe.skipIf(!gpuAvailable)('a GPU that is lost', () => {
  test('once: the run goes on from its last checkpoint, and comes to the same weights; twice in a minute: a sentence', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'densenet-'))
    const on = await openGpu()
    const expected = await train(on, undefined, [])
    const actual = await train(on, join(folder, 'run'), [2])
    expect(actual.warnings).toEqual([
      expect.stringMatching(/^the GPU is gone \(.*\); going on from the last checkpoint$/),
    ])
    expect(actual.weights).toEqual(expected.weights)
    await expect(train(on, join(folder, 'again'), [2])).rejects.toMatchObject({
      message: expect.stringMatching(/^the GPU is gone \(/),
      hint: 'a run goes on from its last checkpoint with --resume',
    })
    const { progress } = await readCheckpoint(join(folder, 'again', 'last.safetensors'))
    expect(progress!.step).toBeGreaterThan(0)
    on.dispose()
  })

  test('without a run there is nothing to go on from', async () => {
    const on = await openGpu()
    on.device.destroy()
    await on.device.lost
    await expect(train(on, undefined, [])).rejects.toThrow(/^the GPU is gone \(/)
    expect(await on.renew!()).toBe(true)
    on.dispose()
  })

  test('twice in a minute it is not made anew', async () => {
    const on = await openGpu()
    expect(await on.renew!()).toBe(false)
    for (const again of [true, false]) {
      on.device.destroy()
      await on.device.lost
      expect(await on.renew!()).toBe(again)
    }
    expect(() => on.createBuffer(4)).toThrow(/^the GPU is gone \(/)
    on.dispose()
  })

  test('memory that there is not is refused in a sentence', async () => {
    const on = await openGpu()
    on.device.popErrorScope = async () => ({ message: 'out of memory' })
    await expect(on.createBuffer(2 ** 18).write([1])).rejects.toThrow('there is not enough memory on the GPU for 1 MB')
    on.dispose()
  })

  test('a number that no GPU has, and a backend that is disposed of, are refused', async () => {
    await expect(openGpu({ adapter: 99 })).rejects.toThrow(/^expected 0.* for adapter, got 99$/)
    const on = await openGpu()
    on.dispose()
    expect(() => on.createBuffer(4)).toThrow('the webgpu backend was disposed of and cannot be used any more')
  })
})
