// How a network is trained: everything that decides the resulting numbers, and nothing else (no threads, no folders).
import * as z from 'zod'
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
const row = <T>(
  schema: z.ZodType<T>,
  usual: NoInfer<T>,
  option = '',
  help = '',
  more: Partial<RecipeSetting<T>> = {},
): RecipeSetting<T> => ({ schema, default: usual, option, help, ...more })

/** Each setting of a recipe. Its meaning is its help; above a row stands what else there is to say. */
export const RECIPE = {
  epochs: row(count, 300, '--epochs <n>', 'passes over the training images'),
  batchSize: row(count, 64, '--batch-size <n>', 'images of a step'),
  /** Batches whose gradients make one update, as one batch of so many times the images would, but that batch norms take
   * each batch's own statistics. An epoch's last update may be of fewer. */
  accumulate: row(count, 1, '--accumulate <n>', 'batches whose gradients make one update'),
  learningRate: row(upTo(100), 0.1, '--lr <rate>', 'learning rate', {
    stored: above0,
    by: { adamw: 1e-3, rmsprop: 1e-3 },
  }),
  /** A name of `scheduleNames`, or `custom` for a function. */
  schedule: row(
    z.enum([...scheduleNames, 'custom']).describe(`one of ${scheduleNames.join(', ')}`),
    'multistep',
    '--schedule <name>',
    'how it changes',
    { choices: scheduleNames },
  ),
  /** The rate grows linearly over so many epochs first; 0: from the start in full. */
  warmupEpochs: row(atLeast0, 0, '--warmup-epochs <n>', 'grow it linearly from 0 over the first n'),
  /** Of the schedule `plateau`: so many epochs without a lower loss are borne with, the next one makes the rate a tenth. */
  plateauPatience: row(
    wholeAtLeast0,
    10,
    '--plateau-patience <n>',
    'of the schedule plateau: epochs without a lower loss',
  ),
  optimizer: row(oneOf(optimizerNames), 'sgd', '--optimizer <name>'),
  /** Of sgd and rmsprop. */
  momentum: row(below1, 0.9, '--momentum <m>', '', { of: ['sgd', 'rmsprop'] }),
  /** Of sgd. */
  nesterov: row(yesOrNo, true, '--no-nesterov', 'plain momentum for sgd', { of: ['sgd'], usual: 'Nesterov' }),
  /** Of adamw: what its mean of gradients keeps. */
  beta1: row(below1, 0.9, '--beta1 <b>', '', { of: ['adamw'] }),
  /** Of adamw: what its mean of their squares keeps. */
  beta2: row(below1, 0.999, '--beta2 <b>', '', { of: ['adamw'] }),
  /** Of rmsprop: what its mean of squares keeps. */
  alpha: row(below1, 0.99, '--alpha <a>', '', { of: ['rmsprop'] }),
  /** Of adamw and rmsprop: added to the root. */
  epsilon: row(upTo(1), 1e-8, '--epsilon <e>', '', { stored: above0, of: ['adamw', 'rmsprop'] }),
  /** Of rmsprop: whether epsilon is inside the root, as Lasagne has it. */
  rooted: row(yesOrNo, false, '--rooted', 'of rmsprop: epsilon inside the root', {
    stored: yesOrNo.default(false),
    of: ['rmsprop'],
    usual: 'beside it',
  }),
  weightDecay: row(share, 1e-4, '--weight-decay <d>', '', { stored: atLeast0, by: { adamw: 1e-2 } }),
  /** Whether batch norms and biases decay as well. */
  decayNorms: row(yesOrNo, true, '--no-decay-norms', 'spare batch norms and biases the decay', { usual: 'all decay' }),
  /** Of those, whether biases and the shifts of batch norms do; their scales do in any case. */
  decayShifts: row(yesOrNo, true, '--no-decay-shifts', 'spare biases and shifts of batch norms alone the decay', {
    stored: yesOrNo.default(true),
    usual: 'all decay',
  }),
  /** Largest Euclidean norm of all gradients together; null: any. */
  clipNorm: row(above0.nullable(), null, '--clip-norm <n>', 'largest norm of all gradients together', { usual: 'any' }),
  /** Decay of a moving average of weights and running statistics, which is then evaluated and saved; null: none. At
   * update u it is min(ema, (1 + u) / (10 + u)), so that the first weights are soon forgotten. */
  ema: row(below1.nullable(), null, '--ema <d>', 'evaluate and save moving averages that keep d, such as 0.999', {
    usual: 'none',
  }),
  /** Where images may have several labels, fit takes binary-cross-entropy by default. */
  loss: row(oneOf(lossNames), 'cross-entropy', '--loss <name>', '', {
    usual: 'cross-entropy; where an image may have several labels, binary-cross-entropy',
  }),
  labelSmoothing: row(below1, 0, '--label-smoothing <s>', 'share of the target for all classes'),
  /** Alpha of mixup (src/images/mixing.ts); null: images are not mixed so. */
  mixup: row(alpha, null, '--mixup <alpha>', "mix images in pairs; the paper's: 1 for CIFAR, 0.2 for ImageNet", {
    stored: alpha.default(null),
  }),
  /** Alpha of CutMix; null: images are not mixed so. */
  cutmix: row(alpha, null, '--cutmix <alpha>', "put a piece of one image into another; the paper's: 1", {
    stored: alpha.default(null),
  }),
  /** Where both are given: how likely a batch is mixed by CutMix. */
  switchProbability: row(share, 0.5, '--switch-probability <p>', 'with both: how likely a batch gets CutMix', {
    stored: share.default(0.5),
  }),
  /** A weight for every class, or `balanced`: labels / (classes * labels of the class), of pixels by median frequencies
   * (fitting/mask-balance.ts). The loss is still divided by the number of images, of pixels by their weights. Null: all 1. */
  classWeights: row(
    z
      .union([
        z.literal('balanced'),
        z
          .array(z.number().min(0))
          .refine(weights => weights.some(weight => weight > 0))
          .readonly(),
      ])
      .describe('"balanced", or a number of at least 0 for each class, not all of them 0')
      .nullable(),
    null,
    '--class-weights <w,w,...>',
    'one for each class, or "balanced"',
    { list: 'balanced, or numbers of at least 0, not all of them 0, with commas between them', usual: 'all 1' },
  ),
  /** Patterns of names of parameters that keep their bits; `*` stands for anything. A batch norm with both of its
   * parameters among them normalises with its running statistics and keeps those, too. */
  freeze: row(
    z.array(z.string().min(1)).readonly().describe('patterns of parameter names'),
    [],
    '--freeze <name,...>',
    'parameters that stay, such as "features.denseblock1.*"',
    { list: 'names of parameters with commas between them', usual: 'none' },
  ),
  /** Where the classifier alone is trained: so many passes over the training images are made, their pooled features kept
   * and trained on in turn; 0: features are computed anew in every epoch. */
  featurePasses: row(
    wholeAtLeast0,
    0,
    '--feature-passes <n>',
    'where the classifier alone is trained: keep the features of n passes; 0: of none',
    { stored: wholeAtLeast0.default(0), usual: '1, without augmentation' },
  ),
  /** Ends after so many epochs without a better one, by what `judgedBy` says; null: never. */
  patience: row(count.nullable(), null, '--patience <n>', 'end after n epochs without a better one', {
    usual: 'never',
  }),
  /** So many training images are held out, and evaluated after each epoch instead of the test images; null: none. Those that
   * the data set holds out by convention, if they are so many; else the seed chooses them. */
  heldOut: row(count.nullable(), null, '--validation <n>', 'hold n training images out and judge by them', {
    usual: 'by the test images',
  }),
  /** What is shown of each image that is evaluated: `single`, `flip` (also mirrored) or `ten` (crops, of images of files);
   * probabilities are averaged. */
  crops: row(
    views,
    'single',
    '--crops <which>',
    'what is shown of each image that is evaluated; probabilities are averaged',
    { stored: views.default('single') },
  ),
  /** Of networks that classify pixels: batch norms take the statistics of each image that is evaluated, not the running ones. */
  ownStatistics: row(yesOrNo, false, '--own-statistics', 'of pixels: evaluate by the statistics of each image', {
    stored: yesOrNo.default(false),
    usual: 'running ones',
  }),
  /** `flip`: mirror half of the images; `pad`: zeros on each side before a random crop. Or a list of transforms. The command
   * line has names for them (images/named-augmentation.ts). */
  augmentation: row(
    z
      .union([z.strictObject({ flip: z.boolean(), pad: z.int().min(0).max(1000) }), z.array(transformSchema)])
      .describe(
        '{ flip: true or false, pad: a whole number of pixels } or a list of transforms',
      ) as z.ZodType<Augmentation>,
    { flip: true, pad: 4 },
  ),
  seed: row(wholeAtLeast0, 0, '--seed <n>', 'of weights, order, augmentation and dropout'),
  /** Only so many training images; null: all. */
  trainLimit: row(count.nullable(), null, '--train-limit <n>', 'only n training images, of all classes in proportion'),
  /** Only so many test images; null: all. */
  testLimit: row(count.nullable(), null, '--test-limit <n>', 'only n test images, of all classes in proportion'),
  /** How these are chosen: of all `classes` in proportion, or the first in `order`, as runs of old did. */
  limitBy: row(limiting, 'classes', '', '', { stored: limiting.default('order') }),
}

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

/** The sentence for a switchProbability without both kinds of mixing. */
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
  if (recipe.nesterov && isMeant(recipe, 'nesterov') && recipe.momentum === 0) return { ...recipe, nesterov: false }
  return recipe
}

/** learningRate -> learning rate */
export const spelled = (name: string): string => name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
