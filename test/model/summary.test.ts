import { describe, expect, test } from 'vitest'
import type { MemoryMode } from '../../dist/engine/planner.js'
import { type MemoryChoice, type MemoryPlan, planMemory, type TrainingMemory } from '../../dist/fitting/memory.js'
import { resolveConfig } from '../../dist/model/config.js'
import { preset, presetNames } from '../../dist/model/presets.js'
import { summarise } from '../../dist/model/summary.js'
import { machineBytes, nodeMachine, predictMemory } from '../../dist/runs/memory.js'

// Parameters: the paper's tables to the last digit; multiply-adds: of the same networks, in units of 1e9.
const PUBLISHED: readonly [name: string, parameters: number, billions: number][] = [
  ['densenet-40-12', 1_019_722, 0.265],
  ['densenet-100-12', 6_979_642, 1.77],
  ['densenet-100-24', 27_249_082, 6.889],
  ['densenet-bc-100-12', 769_162, 0.288],
  ['densenet-bc-250-24', 15_324_406, 5.419],
  ['densenet-bc-190-40', 25_624_430, 9.302],
  ['wide-densenet-bc-40-36', 1_542_682, 0.647],
  ['wide-densenet-bc-40-48', 2_733_130, 1.15],
  ['wide-densenet-bc-40-60', 4_261_690, 1.796],
  ['densenet-121', 7_978_856, 2.834],
  ['densenet-169', 14_149_480, 3.36],
  ['densenet-201', 20_013_928, 4.291],
  ['densenet-161', 28_681_000, 7.728],
  ['densenet-264', 33_337_704, 5.752],
  ['densenet-232', 55_570_984, 10.119],
  ['cosine-densenet-264-32', 33_337_704, 5.752],
  ['cosine-densenet-264-48', 72_686_632, 12.851],
]

describe('published networks', () => {
  test.each(PUBLISHED)('%s', (name, parameters, billions) => {
    const summary = summarise(preset(name))
    expect(summary.parameters).toBe(parameters)
    expect(summary.multiplyAdds / 1e9).toBeCloseTo(billions, 3)
  })

  test('the depth is the one in the name', () => {
    expect(summarise(preset('densenet-bc-100-12')).depth).toBe(100)
    expect(summarise(preset('densenet-40-12')).depth).toBe(40)
    expect(summarise(preset('densenet-121')).depth).toBe(121)
  })
})

test('rows add up, and follow one another', () => {
  for (const name of presetNames) {
    const { rows, parameters } = summarise(preset(name))
    expect(rows.reduce((sum, row) => sum + row.parameters, 0)).toBe(parameters)
    for (const [i, row] of rows.entries())
      if (i > 0 && !row.name.startsWith('transition up')) expect(row.inChannels).toBe(rows[i - 1]!.outChannels)
  }
})

test('a plain network has no bottlenecks to count', () => {
  const rows = summarise(resolveConfig({ blocks: [1], growthRate: 3, initialChannels: 2, height: 4, width: 4 })).rows
  // stem 3x3x3x2 at 16 pixels; dense layer 3x3x2x3 at 16 pixels; head 5x10
  expect(rows.map(({ multiplyAdds }) => multiplyAdds)).toEqual([54 * 16, 54 * 16, 50])
  expect(rows.map(({ parameters }) => parameters)).toEqual([54, 4 + 54, 10 + 60])
})

describe('memory of a training step', () => {
  const config = preset('densenet-bc-100-12')
  const scratchBytes = (): number => 1e6
  const predict = (batchSize: number, memory: MemoryMode): TrainingMemory =>
    predictMemory(config, { batchSize, memory, scratchBytes })
  const choose = (choice: MemoryChoice, free: number, batchSize = 64): MemoryPlan =>
    planMemory(config, choice, { batchSize, scratchBytes }, { ...nodeMachine, free: () => free })

  test('is the sum of its parts', () => {
    const { total, ...parts } = predict(64, 'store')
    expect(Object.values(parts).reduce((sum, bytes) => sum + bytes)).toBe(total)
    // Three programs: gradient, evaluation, update.
    expect(parts.scratch).toBe(3e6)
  })

  test('recomputing takes less than half for activations, and the same for all else', () => {
    const [store, recompute] = [predict(64, 'store'), predict(64, 'recompute')]
    expect(recompute.activations).toBeLessThan(0.5 * store.activations)
    expect({ ...recompute, activations: 0, total: 0 }).toEqual({ ...store, activations: 0, total: 0 })
  })

  test('grows with the batch', () => {
    expect(predict(128, 'store').activations).toBeGreaterThan(1.9 * predict(64, 'store').activations)
  })

  test('auto stores where that leaves a fifth of the free memory, and says why', () => {
    const needed = predict(64, 'store').total
    expect(choose('auto', needed / 0.79)).toMatchObject({
      memory: 'store',
      reason: expect.stringMatching(/^auto: fits/),
    })
    expect(choose('auto', needed / 0.81)).toMatchObject({
      memory: 'recompute',
      reason: expect.stringMatching(/^auto: storing takes 0\.5 GB, 0\.6 GB are free$/),
    })
  })

  test('what is asked for is done, however little is free', () => {
    expect(choose('store', 1)).toMatchObject({ memory: 'store', reason: null, predicted: predict(64, 'store') })
    expect(choose('recompute', 1e15)).toMatchObject({ memory: 'recompute', reason: null })
  })

  test('a step without room for it is refused before anything is allocated', () => {
    const perImage = predict(65, 'store').total - predict(64, 'store').total
    const batchSize = Math.ceil((1.5 * machineBytes()) / perImage)
    const error = (hint: RegExp) =>
      expect.objectContaining({
        code: 'usage',
        message: expect.stringMatching(/this machine has/),
        hint: expect.stringMatching(hint),
      })
    expect(() => choose('store', 1e15, batchSize)).toThrow(error(/recompute/))
    expect(() => choose('auto', 1, 4 * batchSize)).toThrow(error(/smaller batch/))
  })
})
