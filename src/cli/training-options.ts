// How to train: one table of options that reads them, gives them to fit, and prints a recipe as the options it is made of.
import { Option } from 'commander'
import { type Mixing, namesOf, VIEWS } from '../entries/images.js'
import {
  isMeant,
  lossNames,
  NEEDS_BOTH,
  OPTIMIZER_DEFAULTS,
  optimizerNames,
  PAPER_RECIPE,
  RANGES,
  type Recipe,
  scheduleNames,
} from '../entries/training.js'
import { parameterError, usageError } from '../errors.js'
import type { FitOptions } from '../index.js'
import { augmentOptions, choiceOption, numberOption, wholeOption } from './options.js'

const paper = PAPER_RECIPE
const { adamw, rmsprop } = OPTIMIZER_DEFAULTS

/** The options of everything in a recipe but the augmentation, and how images are chosen: in runs of old only. */
const OPTIONS: Readonly<Record<Exclude<keyof Recipe, 'augmentation' | 'limitBy'>, Option>> = {
  epochs: wholeOption('--epochs <n>', `passes over the training images; default: ${paper.epochs}`),
  batchSize: wholeOption('--batch-size <n>', `images of a step; default: ${paper.batchSize}`),
  accumulate: wholeOption('--accumulate <n>', 'batches whose gradients make one update; default: 1'),
  learningRate: numberOption(
    '--lr <rate>',
    `learning rate; default: ${paper.learningRate}, adamw ${adamw.learningRate}, rmsprop ${rmsprop.learningRate}`,
    ...RANGES.learningRate,
  ),
  schedule: choiceOption('--schedule <name>', `how it changes; default: ${paper.schedule}`, scheduleNames),
  warmupEpochs: numberOption(
    '--warmup-epochs <n>',
    'grow it linearly from 0 over the first n; default: 0',
    ...RANGES.warmupEpochs,
  ),
  plateauPatience: wholeOption(
    '--plateau-patience <n>',
    `of the schedule plateau: epochs without a lower loss; default: ${paper.plateauPatience}`,
    0,
  ),
  optimizer: choiceOption('--optimizer <name>', `default: ${paper.optimizer}`, optimizerNames),
  momentum: numberOption('--momentum <m>', `of sgd and rmsprop; default: ${paper.momentum}`, ...RANGES.momentum),
  nesterov: new Option('--no-nesterov', 'plain momentum for sgd; default: Nesterov'),
  beta1: numberOption('--beta1 <b>', `of adamw; default: ${paper.beta1}`, ...RANGES.beta1),
  beta2: numberOption('--beta2 <b>', `of adamw; default: ${paper.beta2}`, ...RANGES.beta2),
  alpha: numberOption('--alpha <a>', `of rmsprop; default: ${paper.alpha}`, ...RANGES.alpha),
  epsilon: numberOption('--epsilon <e>', `of adamw and rmsprop; default: ${paper.epsilon}`, ...RANGES.epsilon),
  weightDecay: numberOption(
    '--weight-decay <d>',
    `default: ${paper.weightDecay}, adamw ${adamw.weightDecay}`,
    ...RANGES.weightDecay,
  ),
  decayNorms: new Option('--no-decay-norms', 'spare batch norms and biases the decay; default: all decay'),
  clipNorm: numberOption('--clip-norm <n>', 'largest norm of all gradients together; default: any', ...RANGES.clipNorm),
  ema: numberOption(
    '--ema <d>',
    'evaluate and save moving averages that keep d, such as 0.999; default: none',
    ...RANGES.ema,
  ),
  loss: choiceOption(
    '--loss <name>',
    `default: ${paper.loss}; where an image may have several labels, binary-cross-entropy`,
    lossNames,
  ),
  labelSmoothing: numberOption(
    '--label-smoothing <s>',
    'share of the target for all classes; default: 0',
    ...RANGES.labelSmoothing,
  ),
  mixup: numberOption(
    '--mixup <alpha>',
    "mix images in pairs; the paper's: 1 for CIFAR, 0.2 for ImageNet",
    ...RANGES.mixup,
  ),
  cutmix: numberOption('--cutmix <alpha>', "put a piece of one image into another; the paper's: 1", ...RANGES.cutmix),
  switchProbability: numberOption(
    '--switch-probability <p>',
    `with both: how likely a batch gets CutMix; default: ${paper.switchProbability}`,
    ...RANGES.switchProbability,
  ),
  classWeights: new Option('--class-weights <w,w,...>', 'one for each class, or "balanced"; default: all 1').argParser(
    weights,
  ),
  freeze: new Option(
    '--freeze <name,...>',
    'parameters that stay, such as "features.denseblock1.*"; default: none',
  ).argParser(patterns),
  featurePasses: wholeOption(
    '--feature-passes <n>',
    'where the classifier alone is trained: keep the features of n passes; 0: of none; default: 1, without augmentation',
    0,
  ),
  patience: wholeOption('--patience <n>', 'end after n epochs without a lower error; default: never'),
  heldOut: wholeOption('--validation <n>', 'hold n training images out and judge by them; default: by the test images'),
  crops: choiceOption(
    '--crops <which>',
    'what is shown of each image that is evaluated; probabilities are averaged; default: single',
    Object.keys(VIEWS),
  ),
  seed: wholeOption('--seed <n>', `of weights, order, augmentation and dropout; default: ${paper.seed}`, 0),
  trainLimit: wholeOption('--train-limit <n>', 'only n training images, of all classes in proportion'),
  testLimit: wholeOption('--test-limit <n>', 'only n test images, of all classes in proportion'),
}

function weights(text: string): 'balanced' | number[] {
  if (text === 'balanced') return text
  const numbers = text.split(',').map(part => (part.trim() === '' ? Number.NaN : Number(part)))
  if (numbers.every(value => Number.isFinite(value) && value >= 0) && numbers.some(value => value > 0)) return numbers
  const expected = 'balanced, or numbers of at least 0, not all of them 0, with commas between them'
  throw parameterError('--class-weights', expected, text)
}

function patterns(text: string): string[] {
  const names = text.split(',').map(name => name.trim())
  if (names.every(name => name !== '')) return names
  throw parameterError('--freeze', 'names of parameters with commas between them', text)
}

/** `--no-x` alone would make the default of x true; with both, it is undefined. */
const opposite = (option: Option): Option[] =>
  option.negate ? [new Option(`--${option.name().replace(/^no-/, '')}`, 'the default').hideHelp()] : []

export const trainingOptions = (): Option[] => [
  ...Object.values(OPTIONS).flatMap(option => [...opposite(option), option]),
  ...augmentOptions(),
]

/** For looking at what they do. */
export const mixingOptions = (): Option[] => [OPTIONS.mixup, OPTIONS.cutmix, OPTIONS.switchProbability]

/** Undefined when images are not to be mixed. */
export function givenMixing({ mixup, cutmix, switchProbability }: Mixing): Mixing | undefined {
  const given = [mixup, cutmix].filter(alpha => alpha !== undefined).length
  if (switchProbability !== undefined && given < 2) throw usageError(NEEDS_BOTH)
  const { switchProbability: usual } = paper
  return given === 0 ? undefined : { mixup, cutmix, switchProbability: switchProbability ?? usual }
}

/** What was given of a recipe, but for the augmentation, which hangs on the images. */
export function givenRecipe(flags: Readonly<Record<string, unknown>>): FitOptions {
  const values = Object.entries(OPTIONS).map(([key, option]) => [key, flags[option.attributeName()]])
  return Object.fromEntries(values.filter(([, value]) => value !== undefined))
}

/** A recipe as the options that make it: "--epochs 300", "--lr 0.1", ... */
export function recipeWords(recipe: Recipe): string[] {
  const words = Object.entries(OPTIONS).flatMap(([key, option]) => {
    const name = key as keyof typeof OPTIONS
    const value = recipe[name]
    if (value === null || (Array.isArray(value) && value.length === 0) || !isMeant(recipe, name)) return []
    const long = option.long!.replace(/^--no-/, '--')
    if (typeof value === 'boolean') return [value ? long : long.replace('--', '--no-')]
    return [`${long} ${value}`]
  })
  const names = namesOf(recipe.augmentation)
  return [...words, names.length === 0 ? '--no-augment' : `--augment ${names}`]
}

/** Those of its options that the header of every run does not show and that are not the paper's. */
export function unusualWords(recipe: Recipe): string[] {
  const usual = new Set(recipeWords({ ...recipe, ...UNSHOWN }))
  return recipeWords(recipe).filter(word => !usual.has(word))
}

const SHOWN: readonly (keyof Recipe)[] = [
  ...(['epochs', 'batchSize', 'learningRate', 'schedule', 'optimizer', 'momentum', 'nesterov', 'weightDecay'] as const),
  ...(['augmentation', 'trainLimit', 'testLimit'] as const),
]
const UNSHOWN: Partial<Recipe> = Object.fromEntries(
  Object.entries(PAPER_RECIPE).filter(([key]) => !SHOWN.includes(key as keyof Recipe)),
)
