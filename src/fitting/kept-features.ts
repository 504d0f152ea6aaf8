// Training the classifier alone, in seconds: everything before it is frozen, so an image's pooled features are computed
// once and kept, and each epoch trains on them. Of augmented images the features of so many passes are kept, and taken
// in turn: epoch e trains on pass (e - 1) mod passes, whose images are augmented as those of an ordinary epoch of that
// number. Batches are made of the images that an ordinary run would have taken; the result is the same up to rounding.

import type { Loader } from '../batches/loader.js'
import type { FeatureExtractor } from '../engine/features.js'
import { usageError } from '../errors.js'
import { type Augmentation, noAugmentation, withoutChance } from '../images/augment.js'
import { type Batch, type Dataset, type Rows, takeRows, targetNumbers } from '../images/dataset.js'
import { batchesOf } from '../images/epoch-order.js'
import type { DenseNetConfig } from '../model/config.js'
import { featureCount } from '../model/feature-layers.js'
import type { FeaturesEvent } from '../training/events.js'
import { mixes, type Recipe } from '../training/recipe.js'
import { trainsClassifierAlone } from '../training/session-options.js'
import type { BatchSource, Sources } from '../training/trainer.js'

/** What was asked for, before defaults. */
export interface AskedFeatures {
  readonly passes: number | undefined
  readonly augmentation: Augmentation | undefined
}

/** Decides whether features are kept: where the classifier alone is trained, unless augmentation is asked for and no
 * number of passes. Without a word about augmentation there is none. */
export function withKeptFeatures(recipe: Recipe, config: DenseNetConfig, asked: AskedFeatures): Recipe {
  const without = asked.augmentation === undefined || withoutChance(asked.augmentation)
  const { passes = without && config.family === 'densenet' ? 1 : 0 } = asked
  if (passes === 0) return { ...recipe, featurePasses: 0 }
  const problem =
    config.family !== 'densenet'
      ? 'of networks that classify whole images'
      : !trainsClassifierAlone(config, recipe.freeze)
        ? 'where the classifier alone is trained'
        : config.dropRate > 0
          ? 'of networks without dropout'
          : mixes(recipe)
            ? 'of images that are not mixed'
            : recipe.crops !== 'single'
              ? 'of images that are evaluated by one crop'
              : null
  if (problem !== null) {
    if (asked.passes === undefined) return { ...recipe, featurePasses: 0 }
    throw usageError(`features can be kept only ${problem}`, 'leave out --feature-passes')
  }
  const augmentation = asked.augmentation ?? (passes === 1 ? noAugmentation : recipe.augmentation)
  if (passes > 1 && withoutChance(augmentation)) {
    throw usageError('without augmentation one pass of features is like the other', 'ask for --feature-passes 1')
  }
  return { ...recipe, featurePasses: passes, augmentation }
}

export interface Images {
  readonly dataset: Dataset
  /** Reads them in the data set's own order; disposed of when all features are kept. */
  readonly loader: Loader
}

export interface KeptOptions {
  /** Makes pooled features. */
  readonly extractor: FeatureExtractor
  readonly train: Images
  readonly test: Images | null
  /** What the test images are. */
  readonly on: 'test' | 'validation'
  readonly recipe: Pick<Recipe, 'batchSize' | 'seed' | 'featurePasses'>
  readonly signal: AbortSignal | undefined
  readonly onProgress: (event: FeaturesEvent) => void
}

/** Batches of features for a session `from` pooled features. They are computed when the first epoch is asked for. */
export function keptSources(options: KeptOptions): Sources {
  const { recipe, on } = options
  const test = options.test && new KeptFeatures(options.test, { ...options, passes: 1, shuffle: false, on })
  const own = { ...options, passes: recipe.featurePasses, shuffle: true, on: 'train' } as const
  const train = new KeptFeatures(options.train, own)
  return {
    train: {
      batchesPerEpoch: train.batchesPerEpoch,
      async *epoch(epoch, from) {
        // An evaluation is not to be stopped for want of them.
        await test?.prepare()
        yield* train.epoch(epoch, from)
      },
    },
    test,
  }
}

/** The features of one pass. */
interface Pass {
  /** [length][features] */
  readonly features: Float32Array
  /** [length]: 0 for images whose files cannot be decoded. */
  readonly known: Uint8Array
}

interface PassOptions extends Omit<KeptOptions, 'train' | 'test' | 'on'> {
  readonly passes: number
  readonly shuffle: boolean
  readonly on: FeaturesEvent['on']
}

/** `images` of its batches are [size][features]. */
class KeptFeatures implements BatchSource {
  readonly batchesPerEpoch: number
  private readonly kept: (Pass | undefined)[] = []
  private readonly width: number

  constructor(
    private readonly images: Images,
    private readonly options: PassOptions,
  ) {
    this.batchesPerEpoch = Math.ceil(images.dataset.length / options.recipe.batchSize)
    this.width = featureCount(options.extractor.layer)
  }

  /** No batches when stopped while features are computed. */
  async *epoch(epoch: number, { firstBatch = 0 }: { readonly firstBatch?: number } = {}): AsyncGenerator<Batch> {
    const pass = await this.pass((epoch - 1) % this.options.passes)
    if (pass === null) return
    const { length, labels, targets, classes } = this.images.dataset
    const { recipe, shuffle } = this.options
    const order = { length, imagesPerBatch: recipe.batchSize, shuffle, seed: recipe.seed }
    const imagesOf = batchesOf(order, epoch)
    for (let index = firstBatch; index < this.batchesPerEpoch; index++) {
      const indices = imagesOf(index).filter(image => pass.known[image] === 1)
      if (indices.length === 0) continue
      const size = indices.length
      const rows = (from: Rows, width: number) => takeRows(from, new Float32Array(size * width), indices, width)
      const batch = { index, size, images: rows(pass.features, this.width), labels: rows(labels, 1), indices }
      if (!targets) yield batch
      else {
        const own = takeRows(targets, new Uint8Array(size * classes.length), indices, classes.length)
        yield { ...batch, targets: targetNumbers(own) }
      }
    }
  }

  /** Computes the features of the first pass, so that an epoch need not. */
  async prepare(): Promise<void> {
    await this.pass(0)
  }

  private async pass(number: number): Promise<Pass | null> {
    const kept = this.kept[number]
    if (kept) return kept
    const { length } = this.images.dataset
    const { loader } = this.images
    const { extractor, passes, on, signal, onProgress } = this.options
    const pass = { features: new Float32Array(length * this.width), known: new Uint8Array(length) }
    let imagesDone = 0
    for await (const { images, size, indices } of loader.epoch(number + 1)) {
      if (signal?.aborted) return null
      const features = await extractor.run(images, size)
      for (let i = 0; i < size; i++) {
        pass.features.set(features.subarray(i * this.width, (i + 1) * this.width), indices[i]! * this.width)
        pass.known[indices[i]!] = 1
      }
      imagesDone += size
      onProgress({ type: 'features', on, pass: number + 1, passes, imagesDone, images: length })
    }
    this.kept[number] = pass
    if (this.kept.filter(Boolean).length === passes) await loader.dispose()
    return pass
  }
}
