// What fit is asked for -> the recipe of a run, new or gone on with.
import { usageError } from '../errors.js'
import { type Augmentation, noAugmentation } from '../images/augment.js'
import type { Dataset } from '../images/dataset.js'
import type { DatasetIdentity } from '../images/identity.js'
import { standardAugmentation } from '../images/named-augmentation.js'
import type { DenseNetConfig } from '../model/config.js'
import { describe } from '../model/describe.js'
import { batchesOfEpoch, trainedImages } from '../training/lone-images.js'
import { BEGINNING, type Progress } from '../training/progress.js'
import { type Recipe, recipeKeys, resolveRecipe, spelled } from '../training/recipe.js'
import type { Schedule, ScheduleName } from '../training/schedule.js'
import { withKeptFeatures } from './kept-features.js'
import type { OpenRun, Standing } from './place.js'

/** A recipe as fit takes it: what is left out has its default. */
export interface AskedRecipe extends Partial<Omit<Recipe, 'schedule' | 'augmentation' | 'limitBy'>> {
  readonly schedule?: ScheduleName | Schedule
  /** false: none. Default: the data set's usual one; none where the classifier alone is trained (see featurePasses). */
  readonly augmentation?: Augmentation | false
  /** Epochs that were done elsewhere, and the momentum they left, in parameter order: the new run goes on from there. */
  readonly after?: { readonly epochs: number; readonly velocity: Float32Array | null }
}

/** Of a new run. */
export function newRecipe(train: Dataset, config: DenseNetConfig, options: AskedRecipe): Recipe {
  const { schedule, augmentation: given } = options
  const asked = given === false ? noAugmentation : given
  const recipe = resolveRecipe({
    ...Object.fromEntries(recipeKeys.map(key => [key, options[key as keyof AskedRecipe]])),
    loss: options.loss ?? (train.targets ? 'binary-cross-entropy' : undefined),
    schedule: typeof schedule === 'function' ? 'custom' : schedule,
    augmentation: asked ?? standardAugmentation(train),
  })
  return withKeptFeatures(recipe, config, { passes: options.featurePasses, augmentation: asked })
}

/** Of a run that goes on: it keeps its recipe, but may become longer. */
export function resumedRecipe({ recipe }: Standing, options: AskedRecipe): Recipe {
  for (const name of recipeKeys) {
    if (name === 'epochs' || name === 'augmentation' || name === 'limitBy') continue
    const [now, asked] = [recipe[name], options[name]]
    if (asked !== undefined && typeof asked !== 'function' && !isSame({ asked }, { asked: now })) {
      throw usageError(`${spelled(name)} is ${now} in this run and cannot become ${asked} in the middle of it`)
    }
  }
  const asked = options.augmentation
  if (asked !== undefined && !isSame(asked === false ? noAugmentation : asked, recipe.augmentation)) {
    throw usageError('the augmentation of a run cannot change in the middle of it')
  }
  return resolveRecipe({ ...recipe, ...(options.epochs === undefined ? {} : { epochs: options.epochs }) })
}

/** The beginning of the epoch after those that were done elsewhere. */
export function startAfter(
  after: AskedRecipe['after'],
  train: Dataset,
  config: DenseNetConfig,
  recipe: Recipe,
): Progress | null {
  const { epochs, accumulate } = recipe
  if (!after || after.epochs === 0) return null
  if (after.epochs >= epochs) {
    throw usageError(`to begin with epoch ${after.epochs + 1} leaves nothing to do of ${epochs} epochs`)
  }
  const batches = batchesOfEpoch(config, recipe, trainedImages(recipe, train.length))
  const updates = after.epochs * Math.ceil(batches / accumulate)
  return { ...BEGINNING, epoch: after.epochs + 1, step: after.epochs * batches, updates }
}

/** Refuses to go on with a run of another network, or on other images. */
export function checkSameRun(own: DenseNetConfig, { path: folder, checkpoint }: OpenRun, now: DatasetIdentity): void {
  const { config, dataset } = checkpoint
  if (!isSame(config, own)) {
    throw usageError(`the run in ${folder} trains ${describe(config)}, not ${describe(own)}`)
  }
  if (!dataset) return
  // A folder may have moved.
  const place = ({ name, trainImages, testImages }: DatasetIdentity): object => {
    return { name: name.split(/[\\/]/).findLast(part => part !== ''), trainImages, testImages }
  }
  if (!isSame(place(dataset), place(now))) {
    const text = ({ name, trainImages, testImages }: DatasetIdentity): string =>
      `${name} (${trainImages} training, ${testImages} test images)`
    throw usageError(`the run in ${folder} is on ${text(dataset)}, not on ${text(now)}`)
  }
  if (dataset.fingerprint !== undefined && dataset.fingerprint !== now.fingerprint) {
    const hint = 'put the images back as they were, or begin a new run with the weights: --pretrained'
    throw usageError(`the images of ${now.name} have changed since the run in ${folder} began`, hint)
  }
}

/** Equal, whatever the order of their keys. */
function isSame(a: object, b: object): boolean {
  const text = (value: object): string => JSON.stringify(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)))
  return text(a) === text(b)
}
