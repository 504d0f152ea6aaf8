// Batches of one image, where batch norms would have one value a channel of it: they are left out, and the run is told.
import { loneImageProblem, normsOfOneValue } from '../engine/lone-image.js'
import { usageError } from '../errors.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import type { Recipe } from './recipe.js'
import { frozenParameters } from './session-options.js'
import type { BatchSource } from './source.js'

const normsOf = (config: DenseNetConfig, { freeze }: Pick<Recipe, 'freeze'>): string[] =>
  normsOfOneValue(architecture(config), frozenParameters(config, freeze))

/** Images that a run trains on, of so many there are. */
export function trainedImages({ trainLimit, heldOut }: Pick<Recipe, 'trainLimit' | 'heldOut'>, length: number): number {
  return Math.min(length, trainLimit ?? length) - (heldOut ?? 0)
}

/** Batches of an epoch over so many images, those left out not counted. */
export function batchesOfEpoch(
  config: DenseNetConfig,
  recipe: Pick<Recipe, 'batchSize' | 'freeze'>,
  images: number,
): number {
  const { batchSize } = recipe
  const lone = images % batchSize === 1 && normsOf(config, recipe).length > 0
  return Math.ceil(images / batchSize) - (lone ? 1 : 0)
}

/** Refuses a run all of whose batches would be of one image. */
export function checkLoneImages(config: DenseNetConfig, recipe: Recipe, images: number): void {
  if (recipe.batchSize > 1 && images > 1) return
  const norms = normsOf(config, recipe)
  if (norms.length === 0) return
  const hint = `${recipe.batchSize > 1 ? 'there is one image to train on: add more' : 'take batches of at least 2 (--batch-size)'}, or larger images`
  throw usageError(loneImageProblem(norms), hint)
}

/** `source`, over so many images, without batches of one image; each reason for one is told once. */
export function withoutLoneImages(
  source: BatchSource,
  config: DenseNetConfig,
  recipe: Pick<Recipe, 'batchSize' | 'freeze'>,
  images: number,
  tell: (message: string) => void,
): BatchSource {
  const norms = normsOf(config, recipe)
  if (norms.length === 0) return source
  const problem = loneImageProblem(norms)
  const batchesPerEpoch = batchesOfEpoch(config, recipe, images)
  if (batchesPerEpoch < source.batchesPerEpoch) {
    tell(`the last image of each epoch is left out, for it is a batch of its own: ${problem}`)
  }
  let told = false
  return {
    batchesPerEpoch,
    async *epoch(epoch, options) {
      for await (const batch of source.epoch(epoch, options)) {
        if (batch.index >= batchesPerEpoch) continue
        if (batch.size > 1) yield batch
        else if (!told) {
          told = true
          tell(`batch ${batch.index + 1} of epoch ${epoch} is left out, for one image of it can be read: ${problem}`)
        }
      }
    },
  }
}
