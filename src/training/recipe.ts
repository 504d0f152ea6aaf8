// How a network is trained: everything that decides the resulting numbers, and nothing else (no threads, no folders).
import { z } from 'zod'
import { parameterError, usageError } from '../errors.js'
import type { Augmentation } from '../images/augment.js'
import type { LimitBy } from '../images/dataset.js'
import { MOST_ALPHA } from '../images/mixing.js'
import { VIEWS, type ViewName } from '../images/transforms/preprocess.js'
import { transformSchema } from '../images/transforms/schema.js'
import { scheduleNames } from './schedule.js'

/** All optimisers. */
export const optimizerNames = ['sgd', 'adamw', 'rmsprop'] as const
/** How weights are updated; each as PyTorch's of that name. */
export type OptimizerName = (typeof optimizerNames)[number]

/** All losses. */
export const lossNames = ['cross-entropy', 'binary-cross-entropy'] as const
/** What can be minimised. */
export type LossName = (typeof lossNames)[number]

/** How a network is trained: everything that decides its bits but the network and the images. */
export interface Recipe {
  readonly epochs: number
  readonly batchSize: number
  /** Batches whose gradients make one update, as one batch of so many times the images would, but that batch norms take
   * each batch's own statistics. An epoch's last update may be of fewer. */
  readonly accumulate: number
  readonly learningRate: number
  /** A name of `scheduleNames`, or `custom` for a function. */
  readonly schedule: string
  /** The rate grows linearly over so many epochs first; 0: from the start in full. */
  readonly warmupEpochs: number
  /** Of the schedule `plateau`: so many epochs without a lower loss are borne with, the next one makes the rate a tenth. */
  readonly plateauPatience: number
  readonly optimizer: OptimizerName
  /** Of sgd and rmsprop. */
  readonly momentum: number
  /** Of sgd. */
  readonly nesterov: boolean
  /** Of adamw: what its means of gradients and of their squares keep. */
  readonly beta1: number
  readonly beta2: number
  /** Of rmsprop: what its mean of squares keeps. */
  readonly alpha: number
  /** Of adamw and rmsprop: added to the root. */
  readonly epsilon: number
  readonly weightDecay: number
  /** Whether batch norms and biases decay as well. */
  readonly decayNorms: boolean
  /** Largest Euclidean norm of all gradients together; null: any. */
  readonly clipNorm: number | null
  /** Decay of a moving average of weights and running statistics, which is then evaluated and saved; null: none. At
   * update u it is min(ema, (1 + u) / (10 + u)), so that the first weights are soon forgotten. */
  readonly ema: number | null
  /** Where images may have several labels, fit takes binary-cross-entropy by default. */
  readonly loss: LossName
  readonly labelSmoothing: number
  /** Alpha of mixup and of CutMix (src/images/mixing.ts); null: images are not mixed so. */
  readonly mixup: number | null
  readonly cutmix: number | null
  /** Where both are given: how likely a batch is mixed by CutMix. */
  readonly switchProbability: number
  /** A weight for every class, or `balanced`: labels / (classes * labels of the class). The loss is still divided by the
   * number of images. Null: all 1. */
  readonly classWeights: 'balanced' | readonly number[] | null
  /** Patterns of names of parameters that keep their bits; `*` stands for anything. A batch norm with both of its
   * parameters among them normalises with its running statistics and keeps those, too. */
  readonly freeze: readonly string[]
  /** Where the classifier alone is trained: so many passes over the training images are made, their pooled features kept
   * and trained on in turn; 0: features are computed anew in every epoch. */
  readonly featurePasses: number
  /** Ends after so many epochs without a better one: of a lower error, or, where images may have several labels, of a higher
   * mean average precision; null: never. */
  readonly patience: number | null
  /** So many training images are held out, and evaluated after each epoch instead of the test images; null: none. Those that
   * the data set holds out by convention, if they are so many; else the seed chooses them. */
  readonly heldOut: number | null
  /** What is shown of each image that is evaluated: `single`, `flip` (also mirrored) or `ten` (crops, of images of files);
   * probabilities are averaged. */
  readonly crops: ViewName
  /** `flip`: mirror half of the images; `pad`: zeros on each side before a random crop. Or a list of transforms. */
  readonly augmentation: Augmentation
  readonly seed: number
  /** Only so many training images; null: all. */
  readonly trainLimit: number | null
  readonly testLimit: number | null
  /** How these are chosen: of all `classes` in proportion, or the first in `order`. */
  readonly limitBy: LimitBy
}

/** The paper's recipe for CIFAR with augmentation (section 4.2); recipes.ts names the others. */
export const PAPER_RECIPE: Recipe = {
  epochs: 300,
  batchSize: 64,
  accumulate: 1,
  learningRate: 0.1,
  schedule: 'multistep',
  warmupEpochs: 0,
  plateauPatience: 10,
  optimizer: 'sgd',
  momentum: 0.9,
  nesterov: true,
  beta1: 0.9,
  beta2: 0.999,
  alpha: 0.99,
  epsilon: 1e-8,
  weightDecay: 1e-4,
  decayNorms: true,
  clipNorm: null,
  ema: null,
  loss: 'cross-entropy',
  labelSmoothing: 0,
  mixup: null,
  cutmix: null,
  switchProbability: 0.5,
  classWeights: null,
  freeze: [],
  featurePasses: 0,
  patience: null,
  heldOut: null,
  crops: 'single',
  augmentation: { flip: true, pad: 4 },
  seed: 0,
  trainLimit: null,
  testLimit: null,
  limitBy: 'classes',
}

/** What an optimiser takes when nothing else is asked for: rates that suit it, PyTorch's decay for AdamW. */
export const OPTIMIZER_DEFAULTS: Readonly<Record<OptimizerName, Partial<Recipe>>> = {
  sgd: {},
  adamw: { learningRate: 1e-3, weightDecay: 1e-2 },
  rmsprop: { learningRate: 1e-3 },
}

/** Values that only some optimisers have. */
const OPTIMIZER_VALUES = {
  sgd: ['momentum', 'nesterov'],
  adamw: ['beta1', 'beta2', 'epsilon'],
  rmsprop: ['momentum', 'alpha', 'epsilon'],
} as const satisfies Record<OptimizerName, readonly (keyof Recipe)[]>

/** Whether a value means something beside the others. */
export function isMeant(recipe: Recipe, name: keyof Recipe): boolean {
  const { optimizer, schedule } = recipe
  const special = Object.values(OPTIMIZER_VALUES).flat() as readonly (keyof Recipe)[]
  if (special.includes(name)) return (OPTIMIZER_VALUES[optimizer] as readonly (keyof Recipe)[]).includes(name)
  if (name === 'featurePasses') return recipe.featurePasses > 0
  if (name === 'switchProbability') return recipe.mixup !== null && recipe.cutmix !== null
  return name !== 'plateauPatience' || schedule === 'plateau'
}

/** Whether the images of a batch are mixed in pairs. */
export const mixes = ({ mixup, cutmix }: Pick<Recipe, 'mixup' | 'cutmix'>): boolean => mixup !== null || cutmix !== null

const viewNames = Object.keys(VIEWS) as ViewName[]
const whole = z
  .int()
  .min(1)
  .max(2 ** 31)
const share = z.number().min(0).lt(1)
const alpha = z.number().gt(0).max(MOST_ALPHA).nullable()
export const recipeSchema = z.strictObject({
  epochs: whole,
  batchSize: whole,
  accumulate: whole,
  learningRate: z.number().gt(0),
  schedule: z.enum([...scheduleNames, 'custom']),
  warmupEpochs: z.number().min(0),
  plateauPatience: z.int().min(0),
  optimizer: z.enum(optimizerNames),
  momentum: share,
  nesterov: z.boolean(),
  beta1: share,
  beta2: share,
  alpha: share,
  epsilon: z.number().gt(0),
  weightDecay: z.number().min(0),
  decayNorms: z.boolean(),
  clipNorm: z.number().gt(0).nullable(),
  ema: share.nullable(),
  loss: z.enum(lossNames),
  labelSmoothing: share,
  // What came later has a default, for checkpoints from before.
  mixup: alpha.default(null),
  cutmix: alpha.default(null),
  switchProbability: z.number().min(0).max(1).default(0.5),
  classWeights: z.union([z.literal('balanced'), z.array(z.number().min(0)).min(1)]).nullable(),
  freeze: z.array(z.string().min(1)),
  /** Absent in checkpoints from before there was any. */
  featurePasses: z.int().min(0).default(0),
  patience: whole.nullable(),
  heldOut: whole.nullable(),
  /** Absent in checkpoints from before there was any. */
  crops: z.enum(viewNames).default('single'),
  augmentation: z.union([
    z.strictObject({ flip: z.boolean(), pad: z.int().min(0).max(1000) }),
    z.array(transformSchema),
  ]),
  seed: z.int().min(0),
  trainLimit: whole.nullable(),
  testLimit: whole.nullable(),
  /** Absent in checkpoints from before there was any: they took the first images. */
  limitBy: z.enum(['classes', 'order']).default('order'),
})

/** What a number may be: in words, and whether one fits. */
export type Range = readonly [expected: string, fits: (value: number) => boolean]
const above0: Range = ['a number above 0', value => value > 0]
const atLeast0: Range = ['a number of at least 0', value => value >= 0]
const alphas: Range = [`a number above 0 and up to ${MOST_ALPHA}`, value => value > 0 && value <= MOST_ALPHA]
const part: Range = ['a number from 0 to 1', value => value >= 0 && value <= 1]
const below1: Range = ['a number from 0 up to, but not including, 1', value => value >= 0 && value < 1]
const upTo = (most: number): Range => [`a number above 0 and up to ${most}`, value => value > 0 && value <= most]

/** Of the numbers of a recipe that need not be whole. Beyond them nothing is meant, and a training ends in silence with
 * weights that have learned nothing, for batch norm keeps every loss finite. Checkpoints are held to recipeSchema alone. */
export const RANGES = {
  learningRate: upTo(100),
  warmupEpochs: atLeast0,
  momentum: below1,
  beta1: below1,
  beta2: below1,
  alpha: below1,
  epsilon: upTo(1),
  weightDecay: part,
  clipNorm: above0,
  ema: below1,
  labelSmoothing: below1,
  mixup: alphas,
  cutmix: alphas,
  switchProbability: part,
} as const satisfies Partial<Record<keyof Recipe, Range>>

const COUNT = 'a whole number of at least 1'
const EXPECTED: Record<keyof Recipe, string> = {
  ...(Object.fromEntries(Object.entries(RANGES).map(([name, [expected]]) => [name, expected])) as Record<
    keyof typeof RANGES,
    string
  >),
  epochs: COUNT,
  batchSize: COUNT,
  accumulate: COUNT,
  schedule: `one of ${scheduleNames.join(', ')}`,
  plateauPatience: 'a whole number of at least 0',
  optimizer: `one of ${optimizerNames.join(', ')}`,
  nesterov: 'true or false',
  decayNorms: 'true or false',
  loss: `one of ${lossNames.join(', ')}`,
  classWeights: '"balanced", or a number of at least 0 for each class, not all of them 0',
  freeze: 'patterns of parameter names',
  featurePasses: 'a whole number of at least 0',
  patience: COUNT,
  heldOut: COUNT,
  crops: `one of ${viewNames.join(', ')}`,
  augmentation: '{ flip: true or false, pad: a whole number of pixels } or a list of transforms',
  seed: 'a whole number of at least 0',
  trainLimit: COUNT,
  testLimit: COUNT,
  limitBy: 'classes or order',
}

/** Its names. */
export const recipeKeys = Object.keys(EXPECTED) as readonly (keyof Recipe)[]

/** The sentence for a switchProbability without both kinds of mixing. */
export const NEEDS_BOTH = 'a switch probability needs both mixup and cutmix'

/** Whether each class gets a probability of its own (a sigmoid), not a share of one (a softmax). */
export const hasOwnProbabilities = ({ loss }: Pick<Recipe, 'loss'>): boolean => loss === 'binary-cross-entropy'

/** Completes and checks a recipe; what is not given is the paper's, or the optimiser's. */
export function resolveRecipe(options: Partial<Recipe>): Recipe {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const recipe: Recipe = { ...PAPER_RECIPE, ...OPTIMIZER_DEFAULTS[options.optimizer ?? 'sgd'], ...given }
  const parsed = recipeSchema.safeParse(recipe)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const name = issue.code === 'unrecognized_keys' ? issue.keys[0]! : String(issue.path[0])
    if (!(name in EXPECTED)) throw usageError(`a recipe has no "${name}"; it has ${Object.keys(EXPECTED).join(', ')}`)
    throw parameterError(spelled(name), EXPECTED[name as keyof Recipe], recipe[name as keyof Recipe])
  }
  for (const [name, [expected, fits]] of Object.entries(RANGES)) {
    const value = recipe[name as keyof typeof RANGES]
    if (value !== null && !fits(value)) throw parameterError(spelled(name), expected, value)
  }
  const { classWeights } = recipe
  if (Array.isArray(classWeights) && classWeights.every(weight => weight === 0)) {
    throw parameterError(spelled('classWeights'), EXPECTED.classWeights, classWeights)
  }
  for (const name of recipeKeys) {
    if (isMeant(recipe, name) || recipe[name] === PAPER_RECIPE[name]) continue
    if (name === 'switchProbability') throw usageError(NEEDS_BOTH)
    const what = name === 'plateauPatience' ? `the schedule ${recipe.schedule}` : recipe.optimizer
    throw usageError(`${what} has no ${spelled(name)}`)
  }
  if (recipe.nesterov && recipe.momentum === 0) return { ...recipe, nesterov: false }
  return recipe
}

/** learningRate -> learning rate */
export const spelled = (name: string): string => name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
