// A network with one output says yes or no: a share of one class is always 1, so its probability is a sigmoid, and what
// gives it images of exclusive classes is refused.
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet } from '../../dist/densenet.js'
import { isMultiLabel } from '../../dist/fitting/checkpoint.js'
import type { ArrayDataset } from '../../dist/images/dataset.js'
import { checkFits } from '../../dist/images/fits.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { markedDataset, TINY, temporaryFolder, tinyDataset } from './fixtures.js'

const folder = temporaryFolder()
const on = createReferenceBackend()
const create = () => DenseNet.create({ ...TINY, classes: 1 }, { seed: 3 })

/** Images that are red or not. */
function red(split: 'train' | 'test', length: number): ArrayDataset {
  const { targets, ...marked } = markedDataset(split, length)
  return { ...marked, classes: ['red'], targets: Uint8Array.from({ length }, (_, i) => targets![3 * i]!) }
}
const alone: ArrayDataset = { ...tinyDataset('train', 8), classes: ['red'], labels: new Uint16Array(8) }

test('has a probability of its own, from the beginning and when it is loaded', async () => {
  const file = join(folder, 'one.safetensors')
  const model = create()
  expect(model.multiLabel).toBe(true)
  await model.save(file)
  expect((await DenseNet.load(file)).multiLabel).toBe(true)
  const checkpoint = await readCheckpoint(file)
  // As checkpoints from before say.
  expect(isMultiLabel({ ...checkpoint, multiLabel: false })).toBe(true)
  expect(DenseNet.create(TINY).withNewClassifier(1).multiLabel).toBe(true)
  expect(model.withNewClassifier(3).multiLabel).toBe(false)
})

test('that comes from elsewhere says what was assumed', async () => {
  const file = join(folder, 'weights.safetensors')
  await create().export(file)
  const { imported, multiLabel } = await DenseNet.load(file, { height: 8, width: 8 })
  expect(multiLabel).toBe(true)
  expect(imported!.assumed).toContain(
    'its one output is the score of a class that an image is of or not: its probability is a sigmoid',
  )
})

test('trains, and is tested, where images are of its class or not', async () => {
  const model = create()
  const options = { on, loaderThreads: 0, batchSize: 8, epochs: 2, learningRate: 0.05 }
  const { final } = await model.fit(red('train', 24), { ...options, validation: red('test', 8) })
  expect(final!.meanAveragePrecision).toBeGreaterThan(0)
  const test_ = red('test', 8)
  const { probabilities, scores, losses } = await model.predict(test_, { on, loaderThreads: 0 })
  for (let i = 0; i < 8; i++) {
    const sigmoid = 1 / (1 + Math.exp(-scores[i]!))
    expect(probabilities[i]).toBeCloseTo(sigmoid, 6)
    expect(losses[i]).toBeCloseTo(-Math.log(test_.targets![i] ? sigmoid : 1 - sigmoid), 5)
  }
})

describe('is refused', () => {
  const refused = { code: 'usage', message: 'all images of tiny are of its one class: there is nothing to tell apart' }
  test('images with one label each', async () => {
    await expect(create().fit(alone, { on })).rejects.toMatchObject(refused)
    await expect(create().evaluate(alone, { on })).rejects.toMatchObject(refused)
    await expect(create().predict(alone, { on })).rejects.toMatchObject(refused)
  })
  test('cross entropy', async () => {
    await expect(create().fit(red('train', 8), { on, loss: 'cross-entropy' })).rejects.toThrow(
      'may have several labels',
    )
  })
  test('by transformers.js, which knows no sigmoid', async () => {
    const written = create().export(join(folder, 'js'), { to: 'transformers.js' })
    await expect(written).rejects.toThrow('transformers.js takes a softmax over all classes')
  })
  test('two classes, in a sentence of its own', () => {
    const { config } = create()
    const two = { name: 'pets', channels: 3, height: 8, width: 8, classes: 2 }
    expect(() => checkFits(config, two)).toThrow(
      'the network has one output, a yes or no, and pets has 2 classes: it is for one class that images are of or not',
    )
    expect(() => checkFits(config, { ...two, classes: 3 })).toThrow('the network classifies 1 class, pets has 3')
  })
})
