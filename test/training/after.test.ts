// A run that goes on after epochs that were done elsewhere, with their momentum, is the run that did them itself.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { TINY, temporaryFolder, tinyDataset } from './fixtures.js'

const folder = temporaryFolder()
const train = tinyDataset('train', 30)
const common: FitOptions = {
  on: createReferenceBackend(),
  loaderThreads: 0,
  batchSize: 8,
  schedule: () => 0.05,
  seed: 3,
}

test('the same bits', async () => {
  const whole = DenseNet.create(TINY, { seed: 3 })
  await whole.fit(train, { ...common, epochs: 3 })

  const output = join(folder, 'first')
  await DenseNet.create(TINY, { seed: 3 }).fit(train, { ...common, epochs: 1, output })
  const { velocity } = (await readCheckpoint(join(output, 'last.safetensors'))).state.training
  const second = await DenseNet.load(output)
  const after = { epochs: 1, velocity: velocity as Float32Array }
  await second.fit(train, { ...common, epochs: 3, after, output: join(folder, 'second') })
  expect(second.state).toEqual(whole.state)

  const without = await DenseNet.load(output)
  await without.fit(train, { ...common, epochs: 3, after: { epochs: 1, velocity: null } })
  expect(without.state).not.toEqual(whole.state)
})
