// Any network with any options on any images: it trains and all weights are numbers, or one sentence says why not.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import { DenseNetError } from '../../dist/errors.js'
import type { ArrayDataset } from '../../dist/images/dataset.js'
import type { DenseNetOptions } from '../../dist/model/config.js'
import { lossNames, optimizerNames } from '../../dist/training/recipe.js'
import { scheduleNames } from '../../dist/training/schedule.js'

const on = createReferenceBackend()

/** Mostly nothing: else some value or other makes all of them impossible. */
const rarely = <T>(values: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: values })
const share = fc.constantFrom(0, 0.1, 0.5, 0.999)
const size = fc.integer({ min: 1, max: 9 }).map(n => Math.max(n, n === 1 ? 1 : 4))

const anyNetwork: fc.Arbitrary<DenseNetOptions> = fc.record({
  blocks: fc.constantFrom([1], [2], [1, 1], [2, 1], [1, 2, 1]),
  growthRate: fc.integer({ min: 1, max: 3 }),
  bottleneck: fc.boolean(),
  bottleneckWidth: fc.integer({ min: 1, max: 2 }),
  reduction: fc.constantFrom(1, 0.5, 0.5, 0.1),
  dropRate: fc.constantFrom(0, 0, 0.3),
  initialChannels: fc.integer({ min: 1, max: 3 }),
  stem: fc.constantFrom('cifar', 'cifar', 'cifar', 'imagenet'),
  classes: fc.integer({ min: 1, max: 4 }),
  inputChannels: fc.integer({ min: 1, max: 3 }),
  height: size,
  width: size,
})

const anyOptions = fc.record({
  epochs: fc.integer({ min: 1, max: 2 }),
  batchSize: fc.integer({ min: 1, max: 9 }),
  learningRate: fc.constantFrom(1e-6, 0.01, 0.05, 0.1, 0.1, 100, 1e30),
  accumulate: rarely(fc.integer({ min: 1, max: 5 })),
  schedule: rarely(fc.constantFrom(...scheduleNames)),
  warmupEpochs: rarely(fc.constantFrom(0, 0.5, 3)),
  plateauPatience: rarely(fc.integer({ min: 0, max: 2 })),
  optimizer: rarely(fc.constantFrom(...optimizerNames)),
  momentum: rarely(share),
  nesterov: rarely(fc.boolean()),
  beta2: rarely(share),
  epsilon: rarely(fc.constantFrom(1e-8, 1)),
  weightDecay: rarely(fc.constantFrom(0, 0.01)),
  decayNorms: rarely(fc.boolean()),
  clipNorm: rarely(fc.constantFrom(1e-3, 1, 1e6)),
  ema: rarely(share),
  loss: rarely(fc.constantFrom(...lossNames)),
  labelSmoothing: rarely(share),
  mixup: rarely(fc.constantFrom(1e-3, 0.2, 1, 1000)),
  cutmix: rarely(fc.constantFrom(0.2, 1, 50)),
  switchProbability: rarely(fc.constantFrom(0, 0.3, 1)),
  classWeights: rarely(
    fc.oneof(fc.constant('balanced' as const), fc.array(fc.constantFrom(0, 0.5, 3), { minLength: 1, maxLength: 4 })),
  ),
  freeze: rarely(
    fc.constantFrom(['features.conv0.*'], ['features.*'], ['*.bias'], ['*'], ['features.denseblock1.*'], ['nothing']),
  ),
  patience: rarely(fc.integer({ min: 1, max: 2 })),
  heldOut: rarely(fc.integer({ min: 1, max: 6 })),
  trainLimit: rarely(fc.integer({ min: 1, max: 12 })),
  augmentation: rarely(fc.constantFrom(false as const, { flip: true, pad: 1 })),
  keepBest: rarely(fc.integer({ min: 1, max: 2 })),
  memory: rarely(fc.constantFrom('store', 'recompute', 'auto')),
  seed: fc.integer({ min: 0, max: 5 }),
}) as fc.Arbitrary<FitOptions>

function images(network: DenseNetOptions, length: number, several: boolean): ArrayDataset {
  const { classes = 1, inputChannels: channels = 1, height = 1, width = 1 } = network
  return {
    name: 'any',
    split: 'train',
    channels,
    height,
    width,
    length,
    classes: Array.from({ length: classes }, (_, c) => `class ${c}`),
    images: Uint8Array.from({ length: length * channels * height * width }, (_, i) => (i * 37) % 256),
    labels: Uint16Array.from({ length }, (_, i) => (several ? 0 : i % classes)),
    ...(several ? { targets: Uint8Array.from({ length: length * classes }, (_, i) => (i * 5 + (i >> 2)) & 1) } : {}),
    normalisation: { mean: Array(channels).fill(128), deviation: Array(channels).fill(64) },
  }
}

const given = fc.record({
  network: anyNetwork,
  options: anyOptions,
  length: fc.integer({ min: 1, max: 12 }),
  several: fc.boolean(),
  judged: fc.constantFrom('same', 'same', 'same', 'same', 'none', 'none', 'other'),
})

test('trains, or says in a sentence why not', async () => {
  let trained = 0
  await fc.assert(
    fc.asyncProperty(given, async ({ network, options, length, several, judged }) => {
      try {
        const model = DenseNet.create(network, { seed: 1 })
        const validation = images(network, 5, judged === 'other' ? !several : several)
        const { final, stopped } = await model.fit(images(network, length, several), {
          on,
          loaderThreads: 0,
          ...(judged === 'none' ? {} : { validation }),
          ...options,
        })
        trained++
        expect(stopped).toBe(false)
        const { parameters, running } = model.state
        expect(parameters.every(Number.isFinite) && running.every(Number.isFinite)).toBe(true)
        if (final) expect(Number.isFinite(final.loss)).toBe(true)
        expect(final !== null).toBe(judged !== 'none' || options.heldOut !== undefined)
      } catch (error) {
        if (!(error instanceof DenseNetError)) throw error
        expect(error.message).toMatch(/^[^\n]+$/)
        expect(error.message).not.toMatch(/undefined|\[object|Cannot read|not a function/)
      }
    }),
    { numRuns: 200 },
  )
  // They must not all be refused.
  expect(trained).toBeGreaterThan(15)
}, 600_000)
