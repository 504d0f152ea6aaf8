// Fresh weights have the original program's distributions: models/densenet.lua, checked on its own network of fixture
// train_a (depth 22, growth rate 12, bottleneck, reduction 0.5).
import { describe, expect, test } from 'vitest'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { parameterTable } from '../../dist/model/parameters.js'

const table = parameterTable(architecture(resolveConfig({ depth: 22, growthRate: 12, bottleneck: true })))
const values = initialParameters(table, 5)

const moments = (numbers: ArrayLike<number>): { mean: number; deviation: number } => {
  const list = Array.from(numbers)
  const mean = list.reduce((a, b) => a + b, 0) / list.length
  return { mean, deviation: Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length) }
}

describe('each tensor', () => {
  for (const { name, role, shape, offset, count } of table.parameters) {
    test(name, () => {
      const tensor = values.subarray(offset, offset + count)
      if (role === 'gamma') expect(tensor.every(x => x === 1)).toBe(true)
      else if (role === 'beta' || role === 'bias') expect(tensor.every(x => x === 0)).toBe(true)
      else {
        const [out, fanIn, height = 1, width = 1] = shape as [number, number, number?, number?]
        const bound = 1 / Math.sqrt(fanIn)
        const expected = role === 'weight' ? bound / Math.sqrt(3) : Math.sqrt(2 / (out * height * width))
        const { mean, deviation } = moments(tensor)
        // Four standard errors of a sample of this size.
        expect(Math.abs(mean)).toBeLessThan((4 * expected) / Math.sqrt(count))
        expect(Math.abs(deviation / expected - 1)).toBeLessThan(4 / Math.sqrt(2 * count))
        if (role === 'weight') expect(tensor.every(x => Math.abs(x) <= bound)).toBe(true)
      }
    })
  }
})

test('the same seed gives the same weights, another seed others', () => {
  expect(initialParameters(table, 5)).toEqual(values)
  const other = initialParameters(table, 6)
  const first = table.parameters[0]!
  expect(other.subarray(0, first.count)).not.toEqual(values.subarray(0, first.count))
})

test('tensors do not repeat one another', () => {
  const of = (name: string): Float32Array => {
    const { offset } = table.parameters.find(entry => entry.name === name)!
    return values.subarray(offset, offset + 100)
  }
  const layer = (n: number): Float32Array => of(`features.denseblock1.denselayer${n}.conv2.weight`)
  expect(layer(1)).not.toEqual(layer(2))
})

test('running statistics start at mean 0 and variance 1', () => {
  const running = initialRunning(table)
  for (const { name, offset, count } of table.running) {
    const value = name.endsWith('running_var') ? 1 : 0
    expect(running.subarray(offset, offset + count).every(x => x === value)).toBe(true)
  }
})
