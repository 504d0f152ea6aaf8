// The settings behind published numbers, by name. A recipe is a data set, what it asks of the network, and the values of
// training that differ from PAPER_RECIPE; each can be given anew.

import { parameterError } from '../errors.js'
import { noAugmentation } from '../images/augment.js'
import type { Recipe } from './recipe.js'

/** All of them; docs/training.md says what each is. */
export const recipeNames = [
  'c10+',
  'c10',
  'c100+',
  'c100',
  'svhn',
  'imagenet',
  'imagenet-cosine',
  'quick',
  'camvid',
  'camvid-frames',
] as const
/** A recipe that has a name. */
export type RecipeName = (typeof recipeNames)[number]

/** A published setting: network, data set and recipe. */
export interface NamedRecipe {
  /** Where it comes from. */
  readonly title: string
  /** Null: the images are always somewhere else, and must be named. */
  readonly dataset: string | null
  /** Null: it trains any network. */
  readonly model: string | null
  readonly dropRate: number
  /** What differs from PAPER_RECIPE; without `augmentation` it is the data set's usual one. */
  readonly training: Partial<Recipe>
}

/** Without augmentation the paper holds overfitting back with dropout. */
const PLAIN = { dropRate: 0.2, training: { augmentation: noAugmentation } } as const
const AUGMENTED = { dropRate: 0, training: {} } as const
const IMAGENET = { epochs: 90, batchSize: 256, learningRate: 0.1, weightDecay: 1e-4 } as const

/** Lasagne's RMSprop; its penalty 1e-4 of the sum of squares has the gradient 2e-4 w, and leaves biases and shifts alone. */
const CAMVID = {
  batchSize: 3,
  learningRate: 1e-3,
  schedule: 'exponential',
  optimizer: 'rmsprop',
  momentum: 0,
  alpha: 0.9,
  epsilon: 1e-6,
  rooted: true,
  weightDecay: 2e-4,
  decayShifts: false,
  ownStatistics: true,
  epochs: 750,
  patience: 150,
} as const

const RECIPES: Record<RecipeName, NamedRecipe> = {
  'c10+': { title: "the paper's, CIFAR-10 with augmentation", dataset: 'cifar10', model: null, ...AUGMENTED },
  c10: { title: "the paper's, CIFAR-10 without augmentation", dataset: 'cifar10', model: null, ...PLAIN },
  'c100+': { title: "the paper's, CIFAR-100 with augmentation", dataset: 'cifar100', model: null, ...AUGMENTED },
  c100: { title: "the paper's, CIFAR-100 without augmentation", dataset: 'cifar100', model: null, ...PLAIN },
  // Multistep over 40 epochs drops at 20 and 30; the epoch is chosen by 6,000 training images.
  svhn: {
    title: "the paper's, SVHN",
    dataset: 'svhn',
    model: null,
    dropRate: 0.2,
    training: { ...PLAIN.training, epochs: 40, heldOut: 6000 },
  },
  imagenet: {
    title: "the paper's, ImageNet",
    dataset: null,
    model: null,
    dropRate: 0,
    training: { ...IMAGENET, schedule: 'imagenet' },
  },
  'imagenet-cosine': {
    title: "the technical report's, ImageNet with a cosine",
    dataset: null,
    model: null,
    dropRate: 0,
    training: { ...IMAGENET, schedule: 'cosine' },
  },
  // An epoch and its evaluation take 90 to 105 s on two cores: 36 of them make an hour. A small network underfits
  // rather than overfits in so short a time: no dropout, no smoothing, and the rate falls to 0.
  quick: {
    title: 'CIFAR-10 in about an hour on two cores',
    dataset: 'cifar10',
    model: 'densenet-bc-40-12',
    dropRate: 0,
    training: { epochs: 36, schedule: 'cosine', warmupEpochs: 2, weightDecay: 2e-4 },
  },
  camvid: {
    title: "FC-DenseNet's, on crops of images with masks",
    dataset: null,
    model: 'fc-densenet-103',
    dropRate: 0.2,
    training: CAMVID,
  },
  'camvid-frames': {
    title: "FC-DenseNet's second phase: --pretrained weights of the first, --frames",
    dataset: null,
    model: null,
    dropRate: 0.2,
    training: { ...CAMVID, batchSize: 1, learningRate: 1e-4 },
  },
}

/** The recipe of that name. A usage error when there is none. */
export function namedRecipe(name: string): NamedRecipe {
  if (!recipeNames.includes(name as RecipeName))
    throw parameterError('recipe', `one of ${recipeNames.join(', ')}`, name)
  return RECIPES[name as RecipeName]
}
