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
import { gather } from '../ranks/message.js'
import type { Ranks } from '../ranks/ranks.js'
import type { FeaturesEvent } from '../training/events.js'
import { mixes, type Recipe } from '../training/recipe.js'
import { trainsClassifierAlone } from '../training/session-options.js'
import type { BatchSource, EpochPart } from '../training/source.js'
import type { Sources } from '../training/trainer.js'

/** What was asked for, before defaults. */
export interface AskedFeatures {
  readonly passes: number | undefined
  readonly augmentation: Augmentation | undefined
}

/** Pooled features that are known already: [images][features], in the order of the data sets, of images as they are. */
export interface KnownFeatures {
  readonly train: Float32Array
  readonly validation?: Float32Array | undefined
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
  readonly known: KnownFeatures | undefined
  readonly signal: AbortSignal | undefined
  /** Each makes the features of its share of the images. */
  readonly ranks: Ranks
  readonly onProgress: (event: FeaturesEvent) => void
}

/** Batches of features for a session `from` pooled features. They are computed when the first epoch is prepared. */
export function keptSources(options: KeptOptions): Sources {
  const { recipe, on, known } = options
  const judging = { ...options, passes: 1, shuffle: false, on, known: known?.validation }
  const test = options.test && new KeptFeatures(options.test, judging)
  const own = { ...options, passes: recipe.featurePasses, shuffle: true, on: 'train', known: known?.train } as const
  const train = new KeptFeatures(options.train, own)
  return {
    train: {
      batchesPerEpoch: train.batchesPerEpoch,
      async prepare(epoch) {
        // An evaluation is not to be stopped for want of them.
        await test?.prepare(1)
        await train.prepare(epoch)
      },
      epoch: (epoch, from) => train.epoch(epoch, from),
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

interface PassOptions extends Omit<KeptOptions, 'train' | 'test' | 'on' | 'known'> {
  readonly passes: number
  readonly shuffle: boolean
  readonly on: FeaturesEvent['on']
  /** Of the one pass. */
  readonly known: Float32Array | undefined
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
    const { known: features, passes } = options
    if (!features) return
    const { name, length } = images.dataset
    if (passes !== 1 || features.length !== length * this.width) {
      const [expected, given] = [`${length} x ${this.width}`, features.length]
      throw usageError(`known features of ${name} are ${expected} numbers, of one pass; there are ${given}`)
    }
    this.kept[0] = { features, known: new Uint8Array(length).fill(1) }
  }

  /** No batches when stopped while features are computed. */
  async *epoch(epoch: number, { firstBatch = 0, wanted = () => true }: EpochPart = {}): AsyncGenerator<Batch> {
    const pass = this.kept[(epoch - 1) % this.options.passes]
    if (!pass) return
    const { length, labels, targets, classes } = this.images.dataset
    const { recipe, shuffle } = this.options
    const order = { length, imagesPerBatch: recipe.batchSize, shuffle, seed: recipe.seed }
    const imagesOf = batchesOf(order, epoch)
    for (let index = firstBatch; index < this.batchesPerEpoch; index++) {
      if (!wanted(index)) continue
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

  /** Computes the features of an epoch, so that it need not. */
  async prepare(epoch: number): Promise<void> {
    await this.pass((epoch - 1) % this.options.passes)
  }

  private async pass(number: number): Promise<void> {
    if (this.kept[number]) return
    const { length } = this.images.dataset
    const { loader } = this.images
    const { extractor, passes, on, signal, ranks, onProgress } = this.options
    const pass = { features: new Float32Array(length * this.width), known: new Uint8Array(length) }
    let imagesDone = 0
    let stopped = false
    const wanted = (batch: number): boolean => batch % ranks.size === ranks.rank
    for await (const { images, size, indices } of loader.epoch(number + 1, { wanted })) {
      stopped = signal?.aborted ?? false
      if (stopped) break
      const features = await extractor.run(images, size)
      for (let i = 0; i < size; i++) {
        pass.features.set(features.subarray(i * this.width, (i + 1) * this.width), indices[i]! * this.width)
        pass.known[indices[i]!] = 1
      }
      imagesDone += size
      onProgress({ type: 'features', on, pass: number + 1, passes, imagesDone, images: length })
    }
    if (!(await this.complete(pass, stopped))) return
    this.kept[number] = pass
    if (this.kept.filter(Boolean).length === passes) await loader.dispose()
  }

  /** Adds the other ranks' features; false when one of them was stopped. */
  private async complete({ features, known }: Pass, stopped: boolean): Promise<boolean> {
    const { ranks } = this.options
    if (ranks.size === 1) return !stopped
    const own = Float64Array.from([...known.keys()].filter(image => known[image] === 1))
    const rows = takeRows(features, new Float32Array(own.length * this.width), Uint32Array.from(own), this.width)
    const all = await gather(ranks, { stopped }, [own, rows])
    for (const { numbers } of all) {
      const [images, rows] = numbers
      images!.forEach((image, i) => {
        features.set(rows!.subarray(i * this.width, (i + 1) * this.width), image * this.width)
        known[image] = 1
      })
    }
    return !all.some(({ facts }) => facts.stopped)
  }
}
