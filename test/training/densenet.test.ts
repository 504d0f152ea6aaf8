// The public class, as the README uses it.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet, type TrainingEvent } from '../../dist/index.js'
import { TINY, temporaryFolder, tinyDataset } from './fixtures.js'

const folder = temporaryFolder()
const on = createReferenceBackend()
const train = tinyDataset('train', 60)
const validation = tinyDataset('test', 21)

test('learns, is saved, and is the same when loaded', async () => {
  using model = DenseNet.create({ ...TINY, dropRate: 0 }, { seed: 1 })
  const events: TrainingEvent[] = []
  const { final } = await model.fit(train, {
    on,
    validation,
    epochs: 6,
    batchSize: 10,
    schedule: 'cosine',
    augmentation: false,
    loaderThreads: 0,
    onEvent: event => events.push(event),
  })
  expect(final?.top1Error).toBeLessThan(10)
  expect(final?.top5Error).toBe(0)
  expect(events[0]).toMatchObject({ type: 'start', dataset: 'tiny', trainImages: 60, batchesPerEpoch: 6 })
  expect(events.at(-1)).toMatchObject({ type: 'end', final })

  const { epoch: _, ...metrics } = final!
  expect(await model.evaluate(validation, { on, batchSize: 10, loaderThreads: 0 })).toEqual(metrics)
  const path = join(folder, 'model.safetensors')
  await model.save(path)
  const again = await DenseNet.load(path)
  expect(again.state).toEqual(model.state)
  expect(again.classes).toEqual(['red', 'green', 'blue'])
  expect(again.normalisation).toEqual(train.normalisation)
  expect(await again.evaluate(validation, { on, batchSize: 7, loaderThreads: 0 })).toEqual({
    ...metrics,
    loss: expect.closeTo(metrics.loss, 6),
  })
})

test('a preset with changes', () => {
  const model = DenseNet.create('densenet-bc-100-12', { classes: 100 })
  expect(model.summary({ batchSize: 64 })).toMatchObject({ parameters: 800_032, batchSize: 64 })
  expect(model.name).toBe('densenet-bc-100-12')
})

test('the seed decides the weights', () => {
  const weights = (seed: number) => DenseNet.create(TINY, { seed }).state.parameters
  expect(weights(1)).toEqual(weights(1))
  expect(weights(1)).not.toEqual(weights(2))
})

test('a run that diverges leaves the checkpoint before it alone', async () => {
  const output = join(folder, 'diverges')
  const model = DenseNet.create(TINY)
  const fit = model.fit(train, {
    on,
    schedule: () => 1e30,
    batchSize: 10,
    epochs: 2,
    loaderThreads: 0,
    output,
    checkpointSeconds: 0,
  })
  await expect(fit).rejects.toThrow(/the (loss is|weights are) .* at epoch 1/)
  expect((await DenseNet.load(output)).state.parameters.every(Number.isFinite)).toBe(true)
})

test('stopping an evaluation is an error with the code of Ctrl-C', async () => {
  const signal = AbortSignal.abort()
  await expect(DenseNet.create(TINY).evaluate(validation, { on, signal, loaderThreads: 0 })).rejects.toThrow(
    expect.objectContaining({ code: 'aborted' }),
  )
})
