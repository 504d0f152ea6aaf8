// The original's own learning rates: learning-rates.json was made by its unmodified train.lua.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  constant,
  cosine,
  createSchedule,
  highestRate,
  imagenetSteps,
  multistep,
  oneCycle,
  type Schedule,
  warmUp,
} from '../../dist/training/schedule.js'
import { readTraining } from '../golden/training.js'

interface Recorded {
  readonly epoch: number
  readonly iter?: number
  readonly lr?: number
  readonly cosine_float64?: number
}
const recorded = JSON.parse(readFileSync(new URL('learning-rates.json', import.meta.url), 'utf8'))
const rows = (name: string): Recorded[] => recorded[name]

function check(schedule: Schedule, name: string, epochs: number, batchesPerEpoch: number): void {
  for (const { epoch, iter = 1, lr, cosine_float64 } of rows(name)) {
    const rate = schedule({ epoch, iteration: iter, epochs, batchesPerEpoch })
    expect(Math.abs(rate - (lr ?? cosine_float64!)), `epoch ${epoch}, iteration ${iter}`).toBeLessThan(1e-7)
  }
}

describe("the original's rates", () => {
  test('multistep on CIFAR, 164, 300 and 5 epochs', () => {
    check(multistep(0.1), 'cifar10_multistep_164', 164, 391)
    check(multistep(0.1), 'cifar10_multistep_300', 300, 782)
    check(multistep(0.1), 'cifar10_multistep_5', 5, 10)
  })

  test('multistep on ImageNet', () => check(imagenetSteps(0.1), 'imagenet_multistep_90', 90, 5000))

  test('cosine, 300 epochs', () => check(cosine(0.1), 'cosine_300_782', 300, 782))

  test('cosine, every step of a short run', () => {
    const seen: number[] = recorded.cosine_seen_by_sgd_2_epochs_3_batches
    for (const [step, rate] of seen.entries()) {
      const moment = { epoch: 1 + Math.floor(step / 3), iteration: 1 + (step % 3), epochs: 2, batchesPerEpoch: 3 }
      expect(Math.abs(cosine(0.1)(moment) - rate)).toBeLessThan(1e-7)
    }
    expect(cosine(0.1)({ epoch: 2, iteration: 3, epochs: 2, batchesPerEpoch: 3 })).toBe(0)
  })
})

test('149 of 300 epochs at the full rate', () => {
  const rates = Array.from({ length: 300 }, (_, i) =>
    multistep(0.1)({ epoch: i + 1, iteration: 1, epochs: 300, batchesPerEpoch: 1 }),
  )
  expect(rates.filter(rate => rate === 0.1)).toHaveLength(149)
  expect(rates.filter(rate => Math.abs(rate - 0.01) < 1e-12)).toHaveLength(75)
})

test("one-cycle has the rates of PyTorch's OneCycleLR", () => {
  for (const { top, epochs, batches, rates } of readTraining().oneCycle) {
    const actual = rates.map((_, step) =>
      oneCycle(top)({
        epoch: 1 + Math.floor(step / batches),
        iteration: 1 + (step % batches),
        epochs,
        batchesPerEpoch: batches,
      }),
    )
    for (const [step, rate] of rates.entries()) expect(actual[step]! / rate).toBeCloseTo(1, 12)
  }
  // Too short for a way up: it begins at the top.
  const short = [1, 2, 3].map(iteration => oneCycle(1)({ epoch: 1, iteration, epochs: 1, batchesPerEpoch: 3 }))
  expect(short.every(rate => rate > 0 && rate <= 1)).toBe(true)
})

test('a warm-up grows linearly to the rate of its schedule, and then is that', () => {
  const rate = (schedule: Schedule, epoch: number, iteration: number): number =>
    schedule({ epoch, iteration, epochs: 10, batchesPerEpoch: 4 })
  const warm = warmUp(constant(0.8), 1.5)
  const rates = [1, 2].flatMap(epoch => [1, 2, 3, 4].map(iteration => rate(warm, epoch, iteration)))
  for (const [i, expected] of [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1, 1].entries()) {
    expect(rates[i]).toBeCloseTo(0.8 * expected, 12)
  }
  expect(rate(warmUp(cosine(0.1), 2), 7, 3)).toBe(rate(cosine(0.1), 7, 3))
  expect(rate(warmUp(constant(0.1), 0), 1, 1)).toBe(0.1)
})

test("FC-DenseNet's falls by half a hundredth after each epoch", () => {
  const schedule = createSchedule('exponential', 1e-3)
  const rates = [1, 2, 101].map(epoch => schedule({ epoch, iteration: 2, epochs: 750, batchesPerEpoch: 3 }))
  expect(rates).toEqual([1e-3, 1e-3 * 0.995, 1e-3 * 0.995 ** 100])
})

test('unknown names and rates are refused', () => {
  expect(() => createSchedule('linear', 0.1)).toThrow(
    'expected one of multistep, cosine, one-cycle, imagenet, plateau, exponential, constant for schedule',
  )
  expect(() => createSchedule('cosine', 0)).toThrow('expected a number above 0 for learning rate, got 0')
})

test('the highest rate of a run', () => {
  const highest = (schedule: Schedule, epochs: number, batchesPerEpoch = 3) =>
    highestRate(schedule, { epochs, batchesPerEpoch })
  // The original's formula: epoch 1 of 1 is past three quarters, epoch 1 of 2 is past a half.
  expect(highest(multistep(0.1), 1)).toBeCloseTo(0.001, 12)
  expect(highest(multistep(0.1), 2)).toBeCloseTo(0.01, 12)
  for (const epochs of [3, 5, 300]) expect(highest(multistep(0.1), epochs)).toBe(0.1)
  expect(highest(cosine(0.1), 1, 1)).toBe(0)
  expect(highest(cosine(0.1), 1, 2)).toBeCloseTo(0.05, 12)
  expect(highest(warmUp(constant(0.1), 8), 2)).toBeCloseTo(0.025, 12)
})
