// How to train: one table of options that reads them, gives them to fit, and prints a recipe as the options it is made of.
import { Option } from 'commander'
import type { Augmentation } from '../data/augment.js'
import type { FitOptions } from '../densenet.js'
import { PAPER_RECIPE, type Recipe } from '../training/recipe.js'
import { scheduleNames } from '../training/schedule.js'
import { choiceOption, numberOption, wholeOption } from './options.js'

const { epochs, batchSize, learningRate, schedule, momentum, weightDecay, seed } = PAPER_RECIPE

const atLeast0 = ['a number of at least 0', (value: number): boolean => value >= 0] as const
const share = ['a number from 0 up to, but not including, 1', (value: number) => value >= 0 && value < 1] as const

/** The options of everything in a recipe but the augmentation. */
const OPTIONS: Readonly<Record<Exclude<keyof Recipe, 'augmentation'>, Option>> = {
  epochs: wholeOption('--epochs <n>', `passes over the training images; default: ${epochs}`),
  batchSize: wholeOption('--batch-size <n>', `images of a step; default: ${batchSize}`),
  learningRate: numberOption(
    '--lr <rate>',
    `learning rate; default: ${learningRate}`,
    'a number above 0',
    value => value > 0,
  ),
  schedule: choiceOption('--schedule <name>', `how it changes; default: ${schedule}`, scheduleNames),
  warmupEpochs: numberOption(
    '--warmup-epochs <n>',
    'grow it linearly from 0 over the first n; default: 0',
    ...atLeast0,
  ),
  momentum: numberOption('--momentum <m>', `default: ${momentum}`, ...share),
  nesterov: new Option('--no-nesterov', 'plain momentum; default: Nesterov'),
  weightDecay: numberOption('--weight-decay <d>', `default: ${weightDecay}`, ...atLeast0),
  seed: wholeOption('--seed <n>', `of weights, order, augmentation and dropout; default: ${seed}`, 0),
  trainLimit: wholeOption('--train-limit <n>', 'only the first n training images'),
  testLimit: wholeOption('--test-limit <n>', 'only the first n test images'),
}

/** `--no-x` alone would make the default of x true; with both, it is undefined. */
const opposite = (option: Option): Option[] =>
  option.negate ? [new Option(`--${option.name().replace(/^no-/, '')}`, 'the default').hideHelp()] : []

export const trainingOptions = (): Option[] => [
  ...Object.values(OPTIONS).flatMap(option => [...opposite(option), option]),
  new Option('--augment', "flip, pad and crop as is usual for the data set; default, but for some recipes'"),
  new Option('--no-augment', 'only normalise'),
]

/** What was given of a recipe. */
export function givenRecipe(flags: Readonly<Record<string, unknown>>): FitOptions {
  const values = Object.entries(OPTIONS).map(([key, option]) => [key, flags[option.attributeName()]])
  const given = Object.fromEntries(values.filter(([, value]) => value !== undefined))
  return flags.augment === false ? { ...given, augmentation: false } : given
}

/** A recipe as the options that make it: "--epochs 300", "--lr 0.1", ... */
export function recipeWords(recipe: Recipe): string[] {
  const words = Object.entries(OPTIONS).flatMap(([key, option]) => {
    const value = recipe[key as keyof typeof OPTIONS]
    if (value === null) return []
    const long = option.long!.replace(/^--no-/, '--')
    if (typeof value === 'boolean') return [value ? long : long.replace('--', '--no-')]
    return [`${long} ${value}`]
  })
  return [...words, isNone(recipe.augmentation) ? '--no-augment' : '--augment']
}

const isNone = ({ flip, pad }: Augmentation): boolean => !flip && pad === 0
