// Named recipes: the numbers of the paper (sections 4.2 and 4.3) and of the original program.
import { describe, expect, test } from 'vitest'
import { datasetInfo } from '../../dist/images/info.js'
import { preset } from '../../dist/model/presets.js'
import { PAPER_RECIPE, resolveRecipe } from '../../dist/training/recipe.js'
import { namedRecipe, recipeNames } from '../../dist/training/recipes.js'
import { createSchedule } from '../../dist/training/schedule.js'

const none = { flip: false, pad: 0 }
const paper = { learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4, warmupEpochs: 0 }
const cifar = { ...paper, epochs: 300, batchSize: 64, schedule: 'multistep' }
const imagenet = { ...paper, epochs: 90, batchSize: 256 }

test.each([
  ['c10+', 'cifar10', 0, cifar],
  ['c10', 'cifar10', 0.2, { ...cifar, augmentation: none }],
  ['c100+', 'cifar100', 0, cifar],
  ['c100', 'cifar100', 0.2, { ...cifar, augmentation: none }],
  ['svhn', 'svhn', 0.2, { ...cifar, epochs: 40, heldOut: 6000, augmentation: none }],
  ['imagenet', null, 0, { ...imagenet, schedule: 'imagenet' }],
  ['imagenet-cosine', null, 0, { ...imagenet, schedule: 'cosine' }],
])('%s', (name, dataset, dropRate, expected) => {
  const recipe = namedRecipe(name)
  expect([recipe.dataset, recipe.dropRate]).toEqual([dataset, dropRate])
  expect(resolveRecipe(recipe.training)).toMatchObject(expected)
  // What a recipe leaves open is the data set's usual augmentation.
  expect('augmentation' in recipe.training).toBe('augmentation' in expected)
})

describe('rates', () => {
  const rates = (name: string): number[] => {
    const { epochs, schedule, learningRate } = resolveRecipe(namedRecipe(name).training)
    const rate = createSchedule(schedule, learningRate)
    return Array.from({ length: epochs }, (_, i) => rate({ epoch: i + 1, iteration: 1, epochs, batchesPerEpoch: 10 }))
  }
  const drops = (name: string): number[] =>
    rates(name).flatMap((rate, i, all) => (i > 0 && rate < all[i - 1]! ? [i + 1] : []))

  // The original counts epochs from 1 and drops at the start of these; ImageNet's after 30 and 60 whole ones.
  test.each([
    ['c10+', [150, 225]],
    ['svhn', [20, 30]],
    ['imagenet', [31, 61]],
  ])('of %s fall to a tenth at the start of epochs %j', (name, epochs) => expect(drops(name)).toEqual(epochs))
})

test('every recipe is complete, and its data set and network are known', () => {
  for (const name of recipeNames) {
    const { dataset, model, training } = namedRecipe(name)
    expect(resolveRecipe(training)).toEqual({ ...PAPER_RECIPE, ...training })
    if (dataset !== null && dataset !== 'svhn') expect(datasetInfo(dataset).name).toBe(dataset)
    if (model !== null) expect(preset(model).growthRate).toBeGreaterThan(0)
  }
  expect(() => namedRecipe('c11')).toThrow('expected one of c10+, c10, c100+, c100, svhn,')
})
