// Batches of one image whose maps become 1 x 1: PyTorch refuses to train on them (nn.BatchNorm2d, "Expected more than 1
// value per channel when training"), for the variance of one value is 0 whatever it is.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createLoader } from '../../dist/data/loading/loader.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import { normsOfOneValue } from '../../dist/engine/lone-image.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import type { TrainingEvent } from '../../dist/training/events.js'
import { withoutLoneImages } from '../../dist/training/lone-images.js'
import { constant } from '../../dist/training/schedule.js'
import { TINY, tinyDataset } from './fixtures.js'

const on = createReferenceBackend()
/** 8 x 8 images, three pools: the last block's maps are 1 x 1. */
const SMALL: DenseNetOptions = { ...TINY, blocks: [1, 1, 1, 1], dropRate: 0 }
const common: FitOptions = { on, loaderThreads: 0, batchSize: 4, epochs: 2, learningRate: 0.05, augmentation: false }
const REASON =
  'batch norm has no variance of one image alone whose maps are 1 x 1 pixel, as those that features.norm5 reads'

async function fitted(length: number, options: FitOptions = {}, network: DenseNetOptions = SMALL) {
  const model = DenseNet.create(network, { seed: 3 })
  const events: TrainingEvent[] = []
  await model.fit(tinyDataset('train', length), { ...common, ...options, onEvent: event => events.push(event) })
  const of = <T extends TrainingEvent['type']>(type: T) =>
    events.filter((event): event is Extract<TrainingEvent, { type: T }> => event.type === type)
  return { model, of }
}

describe('norms of one value', () => {
  const norms = (options: DenseNetOptions, ...frozen: string[]) =>
    normsOfOneValue(architecture(resolveConfig(options)), new Set(frozen))
  test('are those of the last block, and what leads there at its size', () => {
    const dense = 'features.denseblock4.denselayer1'
    expect(norms(SMALL)).toEqual([`${dense}.norm1`, `${dense}.norm2`, 'features.norm5'])
    expect(norms({ ...SMALL, width: 16 })).toEqual([])
    expect(norms(TINY)).toEqual([])
    expect(norms({ ...TINY, blocks: [1], bottleneck: false, stem: 'imagenet', height: 2, width: 2 })).toEqual([
      'features.norm0',
      'features.denseblock1.denselayer1.norm1',
      'features.norm5',
    ])
  })
  test('are not those that are frozen with both of their parameters', () => {
    const [one, two] = ['features.norm5.weight', 'features.norm5.bias']
    expect(norms(SMALL, one)).toContain('features.norm5')
    expect(norms(SMALL, one, two)).not.toContain('features.norm5')
  })
})

describe('a last batch of one', () => {
  test('is left out, counted nowhere, and told', async () => {
    const { of, model } = await fitted(9)
    expect(of('warning').map(({ message }) => message)).toEqual([
      `the last image of each epoch is left out, for it is a batch of its own: ${REASON}`,
    ])
    expect(of('start')[0]).toMatchObject({ batchesPerEpoch: 2 })
    expect(of('step').map(({ batch, images, step }) => [batch, images, step])).toEqual([
      ...[
        [1, 4, 1],
        [2, 4, 2],
      ],
      ...[
        [1, 4, 3],
        [2, 4, 4],
      ],
    ])
    // The weights are those of the other batches alone, step by step.
    const network = architecture(model.config)
    const optimizer = { name: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 1e-4 } as const
    const session = await createSession(network, on, { batchSize: 4, optimizer })
    await session.writeState({ ...DenseNet.create(SMALL, { seed: 3 }).state })
    const loader = createLoader(tinyDataset('train', 9), { batchSize: 4, seed: 0, shuffle: true, workers: 0 })
    let step = 0
    for (const epoch of [1, 2]) {
      for await (const batch of loader.epoch(epoch)) {
        // Multistep of two epochs: a tenth, then a hundredth.
        const learningRate = epoch === 1 ? 0.005 : 0.0005
        if (batch.size === 1) await expect(session.trainStep(batch, { learningRate })).rejects.toThrow(REASON)
        else await session.trainStep(batch, { learningRate, step: step++ })
      }
    }
    const { parameters, running } = await session.readState()
    for (const [own, expected] of [
      [model.state.parameters, parameters],
      [model.state.running, running],
    ] as const) {
      expect(Math.max(...own.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-6)
    }
  })

  test('is trained on where the maps are larger, where there are more, and where the norms are frozen', async () => {
    expect((await fitted(9, {}, TINY)).of('step')).toHaveLength(6)
    expect((await fitted(10)).of('step')).toHaveLength(6)
    const frozen = await fitted(9, { freeze: ['features.denseblock4.*norm*', 'features.norm5.*'] })
    expect([frozen.of('step').length, frozen.of('warning')]).toEqual([6, []])
  })

  test('is no step of epochs that were made elsewhere, nor are held-out images', async () => {
    const after = { epochs: 1, velocity: null }
    expect((await fitted(9, { after })).of('start')[0]).toMatchObject({ step: 2 })
    expect((await fitted(14, { after, heldOut: 5 })).of('start')[0]).toMatchObject({ step: 2, batchesPerEpoch: 2 })
  })
})

test('a batch of which one image can be read is left out, and told once', async () => {
  const config = resolveConfig(SMALL)
  const batch = (index: number, size: number) => ({ index, size }) as never
  const source = {
    batchesPerEpoch: 3,
    async *epoch() {
      yield* [batch(0, 1), batch(1, 4), batch(2, 1)]
    },
  }
  const told: string[] = []
  const recipe = { batchSize: 4, freeze: [] }
  const kept = withoutLoneImages(source, config, recipe, 12, message => told.push(message))
  expect(kept.batchesPerEpoch).toBe(3)
  const indices: number[] = []
  for await (const { index } of kept.epoch(1)) indices.push(index)
  expect(indices).toEqual([1])
  expect(told).toEqual([`batch 1 of epoch 1 is left out, for one image of it can be read: ${REASON}`])
})

test('only batches of one are refused before anything is made', async () => {
  const expected = (hint: string) => expect.objectContaining({ code: 'usage', message: REASON, hint })
  await expect(fitted(9, { batchSize: 1 })).rejects.toThrow(
    expected('take batches of at least 2 (--batch-size), or larger images'),
  )
  await expect(fitted(9, { heldOut: 8 })).rejects.toThrow(
    expected('there is one image to train on: add more, or larger images'),
  )
  expect((await fitted(3, { batchSize: 1, schedule: constant(0.01) }, TINY)).of('step')).toHaveLength(6)
})
