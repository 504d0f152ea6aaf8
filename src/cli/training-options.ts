// How to train: one table of options that reads them, gives them to fit, and prints a recipe as the options it is made of.
import { Option } from 'commander'
import { type Mixing, namesOf } from '../entries/images.js'
import { isMeant, NEEDS_BOTH, PAPER_RECIPE, type Recipe, recipeSettings } from '../entries/training.js'
import { usageError } from '../errors.js'
import type { FitOptions } from '../index.js'
import type { Setting } from '../util/settings.js'
import { augmentOptions, givenSettings, settingOptions } from './options.js'

/** Of every setting but the augmentation, whose names hang on the images, and how images are chosen: in runs of old only. */
const OPTIONS = settingOptions(Object.fromEntries(recipeSettings.map(([name, row]) => [name, withWords(row)])))

/** Which optimisers have it, and what suits each. */
function withWords({ help, of, by = {}, usual, ...row }: (typeof recipeSettings)[number][1]): Setting {
  const rates = Object.entries(by).map(([optimizer, value]) => `${optimizer} ${value}`)
  return {
    ...row,
    help: help || (of ? `of ${of.join(' and ')}` : ''),
    usual: rates.length > 0 ? [row.default, ...rates].join(', ') : usual,
  }
}

/** `--no-x` alone would make the default of x true; with both, it is undefined. */
const opposite = (option: Option): Option[] =>
  option.negate ? [new Option(`--${option.name().replace(/^no-/, '')}`, 'the default').hideHelp()] : []

export const trainingOptions = (): Option[] => [
  ...[...OPTIONS.values()].flatMap(option => [...opposite(option), option]),
  ...augmentOptions(),
]

/** For looking at what they do. */
export const mixingOptions = (): Option[] =>
  (['mixup', 'cutmix', 'switchProbability'] as const).map(name => OPTIONS.get(name)!)

/** Undefined when images are not to be mixed. */
export function givenMixing({ mixup, cutmix, switchProbability }: Mixing): Mixing | undefined {
  const given = [mixup, cutmix].filter(alpha => alpha !== undefined).length
  if (switchProbability !== undefined && given < 2) throw usageError(NEEDS_BOTH)
  const { switchProbability: usual } = PAPER_RECIPE
  return given === 0 ? undefined : { mixup, cutmix, switchProbability: switchProbability ?? usual }
}

/** What was given of a recipe, but for the augmentation, which hangs on the images. */
export const givenRecipe = (flags: object): FitOptions => givenSettings(OPTIONS, flags)

/** A recipe as the options that make it: "--epochs 300", "--lr 0.1", ... */
export function recipeWords(recipe: Recipe): string[] {
  const words = [...OPTIONS].flatMap(([key, option]) => {
    const name = key as keyof Recipe
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
  'epochs',
  'batchSize',
  'learningRate',
  'schedule',
  'optimizer',
  'momentum',
  'nesterov',
  'weightDecay',
  'augmentation',
  'trainLimit',
  'testLimit',
]
const UNSHOWN: Partial<Recipe> = Object.fromEntries(
  Object.entries(PAPER_RECIPE).filter(([key]) => !SHOWN.includes(key as keyof Recipe)),
)
