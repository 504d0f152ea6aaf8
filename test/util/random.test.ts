import { expect, test } from 'vitest'
import { randomStream } from '../../dist/util/random.js'

test('many numbers at once are those that come one by one, and the stream goes on behind them', () => {
  const [one, many] = [randomStream(7, 'split', 3), randomStream(7, 'split', 3)]
  expect(many.uint32()).toBe(one.uint32())
  for (const count of [1, 0, 1000]) {
    const filled = new Float64Array(count)
    many.fillUniform(filled)
    expect(filled).toEqual(Float64Array.from({ length: count }, () => one.uniform()))
  }
  expect(many.uint32()).toBe(one.uint32())
})
