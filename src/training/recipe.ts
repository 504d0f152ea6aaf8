// How a network is trained: everything that decides the resulting numbers, and nothing else (no threads, no folders).
import { z } from 'zod'
import { usageError } from '../errors.js'
import type { Augmentation } from '../images/augment.js'
import { MOST_ALPHA } from '../images/mixing.js'
import { VIEWS, type ViewName } from '../images/transforms/preprocess.js'
import { transformSchema } from '../images/transforms/schema.js'
import {
  above0,
  atLeast0,
  below1,
  checkSettings,
  oneOf,
  type Setting,
  share,
  upTo,
  type ValuesOf,
  wholeAtLeast0,
  yesOrNo,
} from '../util/settings.js'
import { scheduleNames } from './schedule.js'

/** All optimisers. */
export const optimizerNames = ['sgd', 'adamw', 'rmsprop'] as const
/** How weights are updated; each as PyTorch's of that name. */
export type OptimizerName = (typeof optimizerNames)[number]

/** All losses. */
export const lossNames = ['cross-entropy', 'binary-cross-entropy'] as const
/** What can be minimised. */
export type LossName = (typeof lossNames)[number]

/** The schema is for what is asked for: beyond it nothing is meant, and a training ends in silence with weights that have
 * learned nothing, for batch norm keeps every loss finite. */
interface RecipeSetting<T> extends Setting<T> {
  /** The paper's. */
  readonly default: NoInfer<T>
  /** Where an optimiser has another one that suits it. */
  readonly by?: Partial<Record<OptimizerName, NoInfer<T>>>
  /** The optimisers that have it; absent: all. */
  readonly of?: readonly OptimizerName[]
  /** What checkpoints may say, where that is more: they are from before there was this setting, or its limit. */
  readonly stored?: z.ZodType<T>
}

const count = z
  .int()
  .min(1)
  .max(2 ** 31)
  .describe('a whole number of at least 1')
const alpha = upTo(MOST_ALPHA).nullable()
const views = oneOf(Object.keys(VIEWS) as ViewName[])
const limiting = z.enum(['classes', 'order']).describe('classes or order')
const table = <V>(rows: { readonly [K in keyof V]: RecipeSetting<V[K]> }) => rows

/** Each setting of a recipe. Its meaning is its help; above a row stands what else there is to say. */
export const RECIPE = table({
  epochs: { schema: count, default: 300, option: '--epochs <n>', help: 'passes over the training images' },
  batchSize: { schema: count, default: 64, option: '--batch-size <n>', help: 'images of a step' },
  /** Batches whose gradients make one update, as one batch of so many times the images would, but that batch norms take
   * each batch's own statistics. An epoch's last update may be of fewer. */
  accumulate: {
    schema: count,
    default: 1,
    option: '--accumulate <n>',
    help: 'batches whose gradients make one update',
  },
  learningRate: {
    schema: upTo(100),
    stored: above0,
    default: 0.1,
    by: { adamw: 1e-3, rmsprop: 1e-3 },
    option: '--lr <rate>',
    help: 'learning rate',
  },
  /** A name of `scheduleNames`, or `custom` for a function. */
  schedule: {
    schema: z.enum([...scheduleNames, 'custom']).describe(`one of ${scheduleNames.join(', ')}`),
    default: 'multistep',
    option: '--schedule <name>',
    choices: scheduleNames,
    help: 'how it changes',
  },
  /** The rate grows linearly over so many epochs first; 0: from the start in full. */
  warmupEpochs: {
    schema: atLeast0,
    default: 0,
    option: '--warmup-epochs <n>',
    help: 'grow it linearly from 0 over the first n',
  },
  /** Of the schedule `plateau`: so many epochs without a lower loss are borne with, the next one makes the rate a tenth. */
  plateauPatience: {
    schema: wholeAtLeast0,
    default: 10,
    option: '--plateau-patience <n>',
    help: 'of the schedule plateau: epochs without a lower loss',
  },
  optimizer: { schema: oneOf(optimizerNames), default: 'sgd', option: '--optimizer <name>' },
  /** Of sgd and rmsprop. */
  momentum: { schema: below1, default: 0.9, of: ['sgd', 'rmsprop'], option: '--momentum <m>' },
  /** Of sgd. */
  nesterov: {
    schema: yesOrNo,
    default: true,
    of: ['sgd'],
    option: '--no-nesterov',
    help: 'plain momentum for sgd',
    usual: 'Nesterov',
  },
  /** Of adamw: what its mean of gradients keeps. */
  beta1: { schema: below1, default: 0.9, of: ['adamw'], option: '--beta1 <b>' },
  /** Of adamw: what its mean of their squares keeps. */
  beta2: { schema: below1, default: 0.999, of: ['adamw'], option: '--beta2 <b>' },
  /** Of rmsprop: what its mean of squares keeps. */
  alpha: { schema: below1, default: 0.99, of: ['rmsprop'], option: '--alpha <a>' },
  /** Of adamw and rmsprop: added to the root. */
  epsilon: { schema: upTo(1), stored: above0, default: 1e-8, of: ['adamw', 'rmsprop'], option: '--epsilon <e>' },
  weightDecay: { schema: share, stored: atLeast0, default: 1e-4, by: { adamw: 1e-2 }, option: '--weight-decay <d>' },
  /** Whether batch norms and biases decay as well. */
  decayNorms: {
    schema: yesOrNo,
    default: true,
    option: '--no-decay-norms',
    help: 'spare batch norms and biases the decay',
    usual: 'all decay',
  },
  /** Largest Euclidean norm of all gradients together; null: any. */
  clipNorm: {
    schema: above0.nullable(),
    default: null,
    option: '--clip-norm <n>',
    help: 'largest norm of all gradients together',
    usual: 'any',
  },
  /** Decay of a moving average of weights and running statistics, which is then evaluated and saved; null: none. At
   * update u it is min(ema, (1 + u) / (10 + u)), so that the first weights are soon forgotten. */
  ema: {
    schema: below1.nullable(),
    default: null,
    option: '--ema <d>',
    help: 'evaluate and save moving averages that keep d, such as 0.999',
    usual: 'none',
  },
  /** Where images may have several labels, fit takes binary-cross-entropy by default. */
  loss: {
    schema: oneOf(lossNames),
    default: 'cross-entropy',
    option: '--loss <name>',
    usual: 'cross-entropy; where an image may have several labels, binary-cross-entropy',
  },
  labelSmoothing: {
    schema: below1,
    default: 0,
    option: '--label-smoothing <s>',
    help: 'share of the target for all classes',
  },
  /** Alpha of mixup (src/images/mixing.ts); null: images are not mixed so. */
  mixup: {
    schema: alpha,
    stored: alpha.default(null),
    default: null,
    option: '--mixup <alpha>',
    help: "mix images in pairs; the paper's: 1 for CIFAR, 0.2 for ImageNet",
  },
  /** Alpha of CutMix; null: images are not mixed so. */
  cutmix: {
    schema: alpha,
    stored: alpha.default(null),
    default: null,
    option: '--cutmix <alpha>',
    help: "put a piece of one image into another; the paper's: 1",
  },
  /** Where both are given: how likely a batch is mixed by CutMix. */
  switchProbability: {
    schema: share,
    stored: share.default(0.5),
    default: 0.5,
    option: '--switch-probability <p>',
    help: 'with both: how likely a batch gets CutMix',
  },
  /** A weight for every class, or `balanced`: labels / (classes * labels of the class). The loss is still divided by the
   * number of images. Null: all 1. */
  classWeights: {
    schema: z
      .union([
        z.literal('balanced'),
        z
          .array(z.number().min(0))
          .refine(weights => weights.some(weight => weight > 0))
          .readonly(),
      ])
      .describe('"balanced", or a number of at least 0 for each class, not all of them 0')
      .nullable(),
    default: null,
    option: '--class-weights <w,w,...>',
    list: 'balanced, or numbers of at least 0, not all of them 0, with commas between them',
    help: 'one for each class, or "balanced"',
    usual: 'all 1',
  },
  /** Patterns of names of parameters that keep their bits; `*` stands for anything. A batch norm with both of its
   * parameters among them normalises with its running statistics and keeps those, too. */
  freeze: {
    schema: z.array(z.string().min(1)).readonly().describe('patterns of parameter names'),
    default: [],
    option: '--freeze <name,...>',
    list: 'names of parameters with commas between them',
    help: 'parameters that stay, such as "features.denseblock1.*"',
    usual: 'none',
  },
  /** Where the classifier alone is trained: so many passes over the training images are made, their pooled features kept
   * and trained on in turn; 0: features are computed anew in every epoch. */
  featurePasses: {
    schema: wholeAtLeast0,
    stored: wholeAtLeast0.default(0),
    default: 0,
    option: '--feature-passes <n>',
    help: 'where the classifier alone is trained: keep the features of n passes; 0: of none',
    usual: '1, without augmentation',
  },
  /** Ends after so many epochs without a better one: of a lower error, or, where images may have several labels, of a higher
   * mean average precision; null: never. */
  patience: {
    schema: count.nullable(),
    default: null,
    option: '--patience <n>',
    help: 'end after n epochs without a lower error',
    usual: 'never',
  },
  /** So many training images are held out, and evaluated after each epoch instead of the test images; null: none. Those that
   * the data set holds out by convention, if they are so many; else the seed chooses them. */
  heldOut: {
    schema: count.nullable(),
    default: null,
    option: '--validation <n>',
    help: 'hold n training images out and judge by them',
    usual: 'by the test images',
  },
  /** What is shown of each image that is evaluated: `single`, `flip` (also mirrored) or `ten` (crops, of images of files);
   * probabilities are averaged. */
  crops: {
    schema: views,
    stored: views.default('single'),
    default: 'single',
    option: '--crops <which>',
    help: 'what is shown of each image that is evaluated; probabilities are averaged',
  },
  /** `flip`: mirror half of the images; `pad`: zeros on each side before a random crop. Or a list of transforms. The command
   * line has names for them (images/named-augmentation.ts). */
  augmentation: {
    schema: z
      .union([z.strictObject({ flip: z.boolean(), pad: z.int().min(0).max(1000) }), z.array(transformSchema)])
      .describe(
        '{ flip: true or false, pad: a whole number of pixels } or a list of transforms',
      ) as z.ZodType<Augmentation>,
    default: { flip: true, pad: 4 },
  },
  seed: {
    schema: wholeAtLeast0,
    default: 0,
    option: '--seed <n>',
    help: 'of weights, order, augmentation and dropout',
  },
  /** Only so many training images; null: all. */
  trainLimit: {
    schema: count.nullable(),
    default: null,
    option: '--train-limit <n>',
    help: 'only n training images, of all classes in proportion',
  },
  /** Only so many test images; null: all. */
  testLimit: {
    schema: count.nullable(),
    default: null,
    option: '--test-limit <n>',
    help: 'only n test images, of all classes in proportion',
  },
  /** How these are chosen: of all `classes` in proportion, or the first in `order`, as runs of old did. */
  limitBy: { schema: limiting, stored: limiting.default('order'), default: 'classes' },
})

/** How a network is trained: everything that decides its bits but the network and the images.
 * @interface */
export type Recipe = ValuesOf<typeof RECIPE>

/** Names and rows. */
export const recipeSettings = Object.entries(RECIPE) as readonly [keyof Recipe, RecipeSetting<unknown>][]
export const recipeKeys = recipeSettings.map(([name]) => name)

/** A recipe of what each row says. */
const recipeOf = (value: (row: RecipeSetting<unknown>) => unknown): Recipe =>
  Object.fromEntries(recipeSettings.map(([name, row]) => [name, value(row)])) as unknown as Recipe

/** The paper's recipe for CIFAR with augmentation (section 4.2); recipes.ts names the others. */
export const PAPER_RECIPE: Recipe = recipeOf(row => row.default)

/** A recipe in a checkpoint. */
export const recipeSchema = z.strictObject(
  Object.fromEntries(recipeSettings.map(([name, { stored, schema }]) => [name, stored ?? schema])),
) as unknown as z.ZodType<Recipe>

/** Whether a value means something beside the others. */
export function isMeant(recipe: Recipe, name: keyof Recipe): boolean {
  const { of }: RecipeSetting<unknown> = RECIPE[name]
  if (of) return of.includes(recipe.optimizer)
  if (name === 'featurePasses') return recipe.featurePasses > 0
  if (name === 'switchProbability') return recipe.mixup !== null && recipe.cutmix !== null
  return name !== 'plateauPatience' || recipe.schedule === 'plateau'
}

/** Whether the images of a batch are mixed in pairs. */
export const mixes = ({ mixup, cutmix }: Pick<Recipe, 'mixup' | 'cutmix'>): boolean => mixup !== null || cutmix !== null

export const NEEDS_BOTH = 'a switch probability needs both mixup and cutmix'

/** Whether each class gets a probability of its own (a sigmoid), not a share of one (a softmax). */
export const hasOwnProbabilities = ({ loss }: Pick<Recipe, 'loss'>): boolean => loss === 'binary-cross-entropy'

/** Completes and checks a recipe; what is not given is the paper's, or the optimiser's. */
export function resolveRecipe(options: Partial<Recipe>): Recipe {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const unknown = Object.keys(given).find(name => !(name in RECIPE))
  if (unknown !== undefined) throw usageError(`a recipe has no "${unknown}"; it has ${recipeKeys.join(', ')}`)
  const { optimizer = 'sgd' } = options
  const recipe: Recipe = { ...recipeOf(row => row.by?.[optimizer] ?? row.default), ...given }
  checkSettings(RECIPE, recipe, spelled)
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
