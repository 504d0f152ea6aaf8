// Operations and bytes of a kernel call, counted by hand; over a whole network they are what its definition multiplies.
import { describe, expect, test } from 'vitest'
import { bytesOf, flopsOf } from '../../dist/engine/cost.js'
import { plan } from '../../dist/engine/planner.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { summarise } from '../../dist/model/summary.js'

/** Stem, two plain layers, head: no transition, so nothing is reordered. */
const config = resolveConfig({ blocks: [2], growthRate: 3, initialChannels: 4, height: 6, width: 5, classes: 7 })
const calls = (mode: 'train' | 'eval') => plan(architecture(config), { mode, batchSize: 2 }).calls
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

describe('operations', () => {
  const flops = (mode: 'train' | 'eval') => sum(calls(mode).map(call => flopsOf(call, 2)))

  test('of an evaluation are the multiply-adds of its summary', () => {
    expect(flops('eval')).toBe(2 * 2 * summarise(config).multiplyAdds)
  })

  test('of training are three times that, but for the gradient of the images', () => {
    const stem = 2 * 2 * (3 * 4 * 9 * 30)
    expect(flops('train')).toBe(3 * flops('eval') - stem)
  })

  test('of what only moves numbers are none', () => {
    const moving = calls('train').filter(({ kernel }) => /Pool|crossEntropy|runningStatistics/.test(kernel))
    expect(moving.length).toBeGreaterThan(3)
    expect(moving.map(call => flopsOf(call, 2))).toEqual(moving.map(() => 0))
  })
})

test('bytes: every operand once, what is updated twice', () => {
  const [stem] = calls('train')
  // 2 images of 3 x 30, 4 x 3 x 9 weights, 2 x 4 x 30 results, mean and variance of 4 channels.
  expect(bytesOf(stem!, 2)).toBe(4 * (180 + 108 + 240 + 8))
  expect(bytesOf(stem!, 2, 'bfloat16')).toBe(2 * (180 + 240) + 4 * (108 + 8))
  expect(bytesOf(stem!, 2, 'float64')).toBe(2 * bytesOf(stem!, 2))
  const update = calls('train').find(({ kernel }) => kernel === 'runningStatistics')!
  // Mean and variance read, both running ones read and written.
  expect(bytesOf(update, 2)).toBe(4 * (update as { channels: number }).channels * (2 + 4))
})
