// How a network is trained: everything that decides the resulting numbers, and nothing else (no threads, no folders).
import { z } from 'zod'
import type { Augmentation } from '../data/augment.js'
import { transformSchema } from '../data/transforms/transform.js'
import { parameterError, usageError } from '../errors.js'
import { scheduleNames } from './schedule.js'

export interface Recipe {
  readonly epochs: number
  readonly batchSize: number
  readonly learningRate: number
  /** A name of `scheduleNames`, or `custom` for a function. */
  readonly schedule: string
  readonly momentum: number
  readonly nesterov: boolean
  readonly weightDecay: number
  /** `flip`: mirror half of the images; `pad`: zeros on each side before a random crop. Or a list of transforms. */
  readonly augmentation: Augmentation
  readonly seed: number
  /** Only the first so many training images; null: all. */
  readonly trainLimit: number | null
  readonly testLimit: number | null
}

/** The paper's recipe for CIFAR (section 4.2). */
export const PAPER_RECIPE: Recipe = {
  epochs: 300,
  batchSize: 64,
  learningRate: 0.1,
  schedule: 'multistep',
  momentum: 0.9,
  nesterov: true,
  weightDecay: 1e-4,
  augmentation: { flip: true, pad: 4 },
  seed: 0,
  trainLimit: null,
  testLimit: null,
}

const whole = z
  .int()
  .min(1)
  .max(2 ** 31)
export const recipeSchema = z.strictObject({
  epochs: whole,
  batchSize: whole,
  learningRate: z.number().gt(0),
  schedule: z.enum([...scheduleNames, 'custom']),
  momentum: z.number().min(0).lt(1),
  nesterov: z.boolean(),
  weightDecay: z.number().min(0),
  augmentation: z.union([
    z.strictObject({ flip: z.boolean(), pad: z.int().min(0).max(1000) }),
    z.array(transformSchema),
  ]),
  seed: z.int().min(0),
  trainLimit: whole.nullable(),
  testLimit: whole.nullable(),
})

const EXPECTED: Record<keyof Recipe, string> = {
  epochs: 'a whole number of at least 1',
  batchSize: 'a whole number of at least 1',
  learningRate: 'a number above 0',
  schedule: `one of ${scheduleNames.join(', ')}`,
  momentum: 'a number from 0 up to, but not including, 1',
  nesterov: 'true or false',
  weightDecay: 'a number of at least 0',
  augmentation: '{ flip: true or false, pad: a whole number of pixels } or a list of transforms',
  seed: 'a whole number of at least 0',
  trainLimit: 'a whole number of at least 1',
  testLimit: 'a whole number of at least 1',
}

/** Completes and checks a recipe; what is not given is the paper's. */
export function resolveRecipe(options: Partial<Recipe>): Recipe {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const recipe = { ...PAPER_RECIPE, ...given }
  const parsed = recipeSchema.safeParse(recipe)
  if (parsed.success) {
    if (recipe.nesterov && recipe.momentum === 0) return { ...recipe, nesterov: false }
    return recipe
  }
  const issue = parsed.error.issues[0]!
  const name = issue.code === 'unrecognized_keys' ? issue.keys[0]! : String(issue.path[0])
  if (!(name in EXPECTED)) throw usageError(`a recipe has no "${name}"; it has ${Object.keys(EXPECTED).join(', ')}`)
  throw parameterError(spelled(name), EXPECTED[name as keyof Recipe], recipe[name as keyof Recipe])
}

/** learningRate -> learning rate */
export const spelled = (name: string): string => name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
