// A setting is one row: its option, help, docs and type follow, and nothing of it is written elsewhere.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { serveCommand } from '../../dist/cli/commands/serve.js'
import { summaryCommand } from '../../dist/cli/commands/summary.js'
import { trainCommand } from '../../dist/cli/commands/train.js'
import { CONFIG, resolveConfig } from '../../dist/model/config.js'
import { resolveLimits, SERVER } from '../../dist/server/options.js'
import { optimizerNames, RECIPE, type Recipe, recipeSchema, resolveRecipe } from '../../dist/training/recipe.js'
import { expected, type Setting } from '../../dist/util/settings.js'

const cli = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
const nothing = (): void => {}
/** What docs/cli.md says of a command, as it is printed. */
const section = (command: Command): string =>
  cli
    .split(/^## /m)
    .find(text => text.startsWith(`densenet ${command.name()}\n`))!
    .replaceAll('&lt;', '<')

/** Without an option, and why. */
const WITHOUT = {
  recipe: ['augmentation', 'limitBy'],
  network: ['family', 'bottleneckWidth', 'classes', 'inputChannels', 'height', 'width', 'stem', 'ceilPools'],
  server: [],
}

describe.each([
  ['recipe', RECIPE, trainCommand(nothing)],
  ['network', CONFIG, trainCommand(nothing)],
  ['network', (({ bnEpsilon: _, ...rest }) => rest)(CONFIG), summaryCommand(nothing)],
  ['server', SERVER, serveCommand(nothing)],
] as const)('%s, on the command line', (kind, settings, command) => {
  const rows = Object.entries<Setting>(settings)

  test('every setting has an option, or is known to have none', () => {
    expect(rows.filter(([, { option }]) => option === '').map(([name]) => name)).toEqual(WITHOUT[kind])
  })

  test.each(rows.filter(([, { option }]) => option !== ''))(
    '%s: its help and its docs',
    (_, { option, help, usual }) => {
      const found = command.options.filter(({ flags }) => flags === option)
      expect(found).toHaveLength(1)
      for (const words of [help, usual ?? '']) {
        expect(found[0]!.description).toContain(words)
        expect(section(command)).toContain(words)
      }
      expect(section(command)).toContain(`\`${option}\``)
    },
  )

  test.each(rows)('%s: a sentence for what it may be', (_, setting) => expect(expected(setting)).toMatch(/^["{a-z].+/))
})

describe('defaults', () => {
  test('are what their rows allow, and what checkpoints may hold', () => {
    const recipe = resolveRecipe({})
    expect(Object.keys(recipe)).toEqual(Object.keys(RECIPE))
    expect(recipeSchema.parse(recipe)).toEqual(recipe)
    expect(Object.keys(resolveConfig({ depth: 40 }))).toEqual(Object.keys(CONFIG))
    expect(Object.keys(resolveLimits({}))).toEqual(Object.keys(SERVER))
  })

  test('of another optimiser, too', () => {
    for (const optimizer of optimizerNames) {
      const recipe = resolveRecipe({ optimizer })
      for (const [name, { by, default: usual }] of Object.entries<Setting & { by?: Record<string, unknown> }>(RECIPE)) {
        if (name !== 'optimizer') expect(recipe[name as keyof Recipe]).toEqual(by?.[optimizer] ?? usual)
      }
    }
  })
})

test('a checkpoint from before a setting, or its limit, is read', () => {
  const { mixup, cutmix, switchProbability, featurePasses, crops, limitBy, ...old } = resolveRecipe({})
  const added = { mixup, cutmix, switchProbability, featurePasses, crops }
  expect(recipeSchema.parse({ ...old, learningRate: 1000, weightDecay: 5, epsilon: 10 })).toEqual({
    ...old,
    ...added,
    learningRate: 1000,
    weightDecay: 5,
    epsilon: 10,
    limitBy: 'order',
  })
  expect(limitBy).toBe('classes')
  expect(() => recipeSchema.parse({ ...old, other: 1 })).toThrow()
})

test('types are the rows', () => {
  // Checked by tsc: what a row says is what a recipe has.
  const recipe: Recipe = { ...resolveRecipe({}), optimizer: 'adamw', clipNorm: null, freeze: ['features.*'] }
  // @ts-expect-error
  const none: Recipe = { ...recipe, optimizer: 'adam' }
  // @ts-expect-error
  recipe.epochs = 3
  expect(none.optimizer).toBe('adam')
})
