// Whatever is typed: an exit code of 0, 1 or 2, a sentence when something is wrong, never a stack trace and never a hang.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet, SMALL } from './run.js'

const folder = temporaryFolder()
const run = join(folder, 'run')
/** No cache and no network: nothing is fetched. */
const nowhere = 'http://127.0.0.1:9'
const env = {
  XDG_CACHE_HOME: join(folder, 'cache'),
  npm_config_registry: nowhere,
  https_proxy: nowhere,
  npm_config_cache: folder,
}

beforeAll(async () => {
  expect((await densenet(['train', ...SMALL, '--epochs=1', '--quiet', '--output', run])).code).toBe(0)
  mkdirSync(join(folder, 'empty'))
  writeFileSync(join(folder, 'text.csv'), 'path,label\nnowhere.png,a\nno where.png,b\n')
})

/** What each command is given besides, so that whatever is left of it takes no time. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  train: [...SMALL, '--epochs=1'],
  test: [run, '--backend=reference', '--test-limit=8'],
  summary: [],
  convert: [run, join(folder, 'out.safetensors')],
  preview: ['--dataset=synthetic', '--output', join(folder, 'sheet.png')],
  data: ['synthetic'],
}

/** The options that a command's help lists, with whether they take a value. */
const optionsOf: Record<string, readonly (readonly [flag: string, takesValue: boolean])[]> = {}
beforeAll(async () => {
  for (const command of Object.keys(COMMANDS)) {
    const { out } = await densenet([command, '--help'])
    optionsOf[command] = [...out.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)( [<[])?/gm)].map(
      ([, flag, value]) => [flag!, value !== undefined] as const,
    )
    // That one shows the stack, as it should.
    optionsOf[command] = optionsOf[command]!.filter(([flag]) => flag !== '--debug')
    expect(optionsOf[command]!.length).toBeGreaterThan(3)
  }
})

const odd = fc.constantFrom(
  ...[
    '',
    ' ',
    '0',
    '-1',
    '2',
    '0.5',
    '1e-320',
    '1e400',
    'NaN',
    'Infinity',
    '0x10',
    '1,2',
    ',',
    '3,-1',
    '--',
    '-',
    '\n',
    '💥',
  ],
  ...[
    'a'.repeat(5000),
    '../..',
    '/',
    '/dev/null',
    '/dev/zero',
    '__proto__',
    'constructor',
    '%s%n',
    '*',
    '{}',
    'null',
    'true',
  ],
  ...[
    'synthetic',
    'cifar10',
    'densenet-bc-100-12',
    'native',
    'auto',
    'cosine',
    run,
    join(folder, 'empty'),
    join(folder, 'text.csv'),
  ],
)
/** Sizes that only these are not allowed to have: a million epochs are a wish like any other. */
const huge = fc.constantFrom('1000000007', '9007199254740991', '9007199254740993', '1e300')
const LONG = /epochs|limit|accumulate|patience/

const call = fc
  .record({
    command: fc.constantFrom(...Object.keys(COMMANDS)),
    picks: fc.array(fc.tuple(fc.nat(), odd, huge, fc.nat(9)), { maxLength: 4 }),
    words: fc.array(odd, { maxLength: 1 }),
  })
  .map(({ command, picks, words }) => () => {
    const options = optionsOf[command]!
    const flags = picks.flatMap(([pick, value, size, kind]) => {
      const [flag, takesValue] = options[pick % options.length]!
      if (!takesValue) return [flag]
      if (kind === 0) return [`${flag}x`, value]
      if (kind < 4 && !LONG.test(flag)) return [`${flag}=${size}`]
      return kind === 9 ? [flag] : [`${flag}=${value}`]
    })
    return [command, ...COMMANDS[command]!, ...flags, ...words]
  })

test('any arguments', async () => {
  await fc.assert(
    fc.asyncProperty(call, async makeArgs => {
      const args = makeArgs()
      const { code, signal, err } = await densenet(args, { env, cwd: folder, limit: 60_000 })
      const facts = JSON.stringify({ args, code, signal, err })
      expect([0, 1, 2], facts).toContain(code)
      expect(err, facts).not.toMatch(/^ +at |unexpected: |node:internal|Warning: /m)
      if (code !== 0) expect(err, facts).toMatch(/(^|\n)error: [^\n]+\n( {7}[^\n]+\n)?$/)
    }),
    { numRuns: Number(process.env.DENSENET_RUNS ?? 24) },
  )
}, 3_600_000)
