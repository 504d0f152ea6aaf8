// Runs in half and double precision: gone on with to the bit, in another precision aloud, and their weights in any.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import type { Precision } from '../../dist/engine/backend.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const train = tinyDataset('train', 30)
const validation = tinyDataset('test', 10)
const common: FitOptions = { backend: 'reference', validation, loaderThreads: 0 }
let folders = 0

/** The whole run, or as far as a step; and what it warned of. */
async function trained(options: FitOptions, stopAfter = Number.POSITIVE_INFINITY) {
  const output = options.resume === undefined ? join(folder, `run-${++folders}`) : undefined
  const recipe = output ? { epochs: 2, batchSize: 8, learningRate: 0.05, seed: 3 } : {}
  using model = DenseNet.create(TINY, { seed: 3 })
  const controller = new AbortController()
  const warnings: string[] = []
  await model.fit(train, {
    ...common,
    ...recipe,
    output,
    ...options,
    signal: controller.signal,
    onEvent(event) {
      if (event.type === 'step' && event.step === stopAfter) controller.abort()
      if (event.type === 'warning') warnings.push(event.message)
    },
  })
  return { state: model.state, path: output ?? (options.resume as string), warnings }
}

const lastOf = (path: string) => readCheckpoint(join(path, 'last.safetensors'))

describe.each<[Precision, unknown]>([
  ['bfloat16', Float32Array],
  ['float64', Float64Array],
])('%s', (precision, numbers) => {
  test('a run that is stopped goes on in it, with the bits of one that was not', async () => {
    const unbroken = await trained({ precision })
    const { path } = await trained({ precision }, 3)
    const { state, warnings } = await trained({ resume: path })
    expect(warnings).toEqual([])
    expect(state).toEqual(unbroken.state)
    const last = await lastOf(path)
    expect(last.state).toEqual((await lastOf(unbroken.path)).state)
    for (const values of [last.state.parameters, last.state.running, last.state.training.velocity]) {
      expect(values).toBeInstanceOf(numbers)
    }
    expect(last.run?.precision).toBe(precision)
    expect(JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'))).toMatchObject({ precision })
  })

  test('gone on with in another precision it says so', async () => {
    const { path } = await trained({ precision }, 3)
    const { warnings } = await trained({ resume: path, precision: 'float32' })
    expect(warnings).toEqual([`this run was made in ${precision}; it goes on in float32, which gives other numbers`])
    expect((await lastOf(path)).state.parameters).toBeInstanceOf(Float32Array)
  })

  test('its weights are evaluated in any precision', async () => {
    const { path } = await trained({ precision })
    using model = await DenseNet.load(path)
    const losses: number[] = []
    for (const other of ['float32', 'bfloat16', 'float64'] as const) {
      losses.push((await model.evaluate(validation, { ...common, precision: other })).loss)
    }
    const [single, half, double] = losses as [number, number, number]
    expect(Math.abs(single / double - 1)).toBeLessThan(1e-5)
    expect(Math.abs(half / double - 1)).toBeLessThan(0.02)
    expect(half).not.toBe(single)
  })
})
