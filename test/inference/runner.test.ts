// A runner against evaluation: same logits up to rounding (its norms are folded), the same bits for any batch size, calls
// queued, memory freed when it is safe.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createSession } from '../../dist/engine/session.js'
import { topClasses } from '../../dist/inference/classify.js'
import { createRunner } from '../../dist/inference/runner.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { parameterTable } from '../../dist/model/parameters.js'

const config = resolveConfig({ depth: 7, growthRate: 2, initialChannels: 3, classes: 4, height: 8, width: 8 })
const table = parameterTable(architecture(config))
const state = { parameters: initialParameters(table, 5), running: initialRunning(table) }
const backend = createReferenceBackend()
const IMAGE = 3 * 8 * 8
const images = Float32Array.from({ length: 5 * IMAGE }, (_, i) => Math.sin(i * 1.7))

/** Of a runner that takes all at once. */
async function expectedLogits(): Promise<number[]> {
  const runner = await createRunner({ config, state, backend, batchSize: 5 })
  const { logits } = await runner.run(images, 5)
  await runner.dispose()
  return [...logits]
}

async function evaluated(): Promise<number[]> {
  const session = await createSession(architecture(config), backend, { batchSize: 5 })
  await session.writeState(state)
  await session.evaluate({ size: 5, images, labels: [0, 1, 2, 3, 0] })
  const logits = [...(await session.logits(5))]
  session.dispose()
  return logits
}

describe('a runner', () => {
  test.each([1, 2, 5, 64])("has evaluation's logits, %i images at a time", async batchSize => {
    const runner = await createRunner({ config, state, backend, batchSize })
    const { logits } = await runner.run(images, 5)
    const expected = await evaluated()
    expect(logits).toHaveLength(expected.length)
    for (const [i, value] of logits.entries()) expect(value).toBeCloseTo(expected[i]!, 4)
    expect([...logits]).toEqual(await expectedLogits())
    runner.dispose()
  })

  test('answers calls that come at once one after the other, each with its own', async () => {
    const runner = await createRunner({ config, state, backend, batchSize: 2 })
    const expected = await expectedLogits()
    const all = await Promise.all(
      [4, 0, 3, 1, 2].map(async i => {
        const { logits } = await runner.run(images.subarray(i * IMAGE, (i + 1) * IMAGE), 1)
        return [i, [...logits]] as const
      }),
    )
    for (const [i, logits] of all) expect(logits).toEqual(expected.slice(4 * i, 4 * i + 4))
    runner.dispose()
  })

  test('answers what was asked for before it was disposed of, and nothing after', async () => {
    const runner = await createRunner({ config, state, backend, batchSize: 2 })
    const asked = runner.run(images, 5)
    runner.dispose()
    runner.dispose()
    expect([...(await asked).logits]).toEqual(await expectedLogits())
    await expect(runner.run(images, 5)).rejects.toThrow('this network was disposed of')
  })

  test('refuses images of another size, and goes on', async () => {
    const runner = await createRunner({ config, state, backend, batchSize: 2 })
    await expect(runner.run(images.subarray(1), 5)).rejects.toThrow('959 numbers are no images of 5 x 3 x 8 x 8')
    expect((await runner.run(images, 5)).logits).toHaveLength(20)
    expect((await runner.run(new Float32Array(0), 0)).logits).toHaveLength(0)
    runner.dispose()
  })
})

describe('the likeliest classes', () => {
  // Probabilities: torch.softmax and torch.sigmoid of [1, 3, -2, 3.5].
  const logits = Float32Array.of(1, 3, -2, 3.5)
  const shown = (options: Parameters<typeof topClasses>[1]) =>
    topClasses(logits, options).map(({ label, index, probability }) => [label, index, Number(probability.toFixed(6))])

  test('softmax, by name, likeliest first', () => {
    expect(shown({ classes: ['a', 'b', 'c', 'd'] })).toEqual([
      ['d', 3, 0.590771],
      ['b', 1, 0.358321],
      ['a', 0, 0.048493],
      ['c', 2, 0.002414],
    ])
  })

  test('sigmoid where an image may have several labels; without names, numbers', () => {
    expect(shown({ top: 2, multiLabel: true })).toEqual([
      ['class 3', 3, 0.970688],
      ['class 1', 1, 0.952574],
    ])
  })

  test('large logits do not overflow; what is no number is refused; of equals the first', () => {
    expect(topClasses([1e4, 0])[0]).toEqual({ label: 'class 0', index: 0, probability: 1 })
    expect(topClasses([-1e4, 1e4], { multiLabel: true }).map(({ probability }) => probability)).toEqual([1, 0])
    expect(topClasses([2, 2, 2], { top: 2 }).map(({ index }) => index)).toEqual([0, 1])
    expect(() => topClasses([Number.NaN, 1])).toThrow('its weights are unusable')
  })
})
