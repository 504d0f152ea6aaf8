// What the documentation says of the code: kept up to date by scripts, complete where it claims to be.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const load = (path: string) => import(join(root, path))
const { captionOf, tableOf, textOf } = await load('bench/results.mjs')
const pages: string[] = (await load('scripts/docs/blocks.mjs')).pages()
const script = (name: string, ...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'scripts/docs', name), ...args], { encoding: 'utf8' })

test('docs/cli.md is what the commands say: npm run docs:cli', () => {
  expect(script('cli-reference.mjs', '--check')).toMatchObject({ status: 0, stderr: '' })
  const page = read('docs/cli.md')
  const help = execFileSync(process.execPath, [join(root, 'dist/cli/main.js'), '--help'], { encoding: 'utf8' })
  const commands = [...help.matchAll(/^ {2}([a-z-]+) (?:\[|<)/gm)]
    .map(([, name]) => name!)
    .filter(name => name !== 'help')
  expect(commands.length).toBeGreaterThan(8)
  for (const name of commands) expect(page).toContain(`\n## densenet ${name}\n`)
})

test('links to code are to the lines they name: npm run docs:links', () => {
  expect(script('code-links.mjs', '--check')).toMatchObject({ status: 0, stderr: '' })
  const lines = read('src/training/schedule.ts').split('\n')
  const [, first] = /\[`multistep`\]\(\.\.\/src\/training\/schedule\.ts#L(\d+)/.exec(read('docs/paper.md'))!
  expect(lines[Number(first) - 1]).toMatch(/^export function multistep\(/)
})

test('every option of the original is in the table of those who come from it', () => {
  const [, table] = /const ORIGINAL = table\(\{([\s\S]*?)\n\}\)/.exec(read('src/cli/original-options.ts'))!
  const options = [...table!.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name!)
  expect(options.length).toBeGreaterThan(30)
  const page = read('docs/coming-from.md')
  const covered = page.includes('`-d1` to `-d4`') ? ['d2', 'd3'] : []
  const missing = options.filter(name => !covered.includes(name) && !new RegExp(`-${name}\\b`).test(page))
  expect(missing).toEqual([])
})

test('links between pages lead to files', () => {
  const broken = pages.flatMap(page =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)]
      .map(([, target]) => join(root, dirname(page), target!))
      .filter(path => !existsSync(path)),
  )
  expect(broken).toEqual([])
})

test('measured tables are what bench/results holds: npm run docs:tables', () => {
  expect(script('measured-tables.mjs', '--check')).toMatchObject({ status: 0, stderr: '' })
  const files = readdirSync(join(root, 'bench/results'), { recursive: true, encoding: 'utf8' })
  const used = pages.map(read).join('')
  for (const file of files.filter(name => name.endsWith('.json'))) {
    const { command, commit, processor, date, rows } = JSON.parse(read(join('bench/results', file)))
    expect(rows.length).toBeGreaterThan(0)
    expect([command, commit, processor, date]).toEqual(Array(4).fill(expect.stringMatching(/./)))
    expect(used).toContain(`<!-- table ${file.replace('.json', '')}`)
  }
})

test('a table has the figures that a command wrote, of the rows that are asked for, without columns nobody measured', () => {
  const what = {
    table: 'batch',
    processor: 'a processor',
    date: '2026-01-02',
    commit: 'abc',
    command: 'node bench/x.mjs',
  }
  const rows = [
    { batchSize: 1, seconds: 0.0175, imageSeconds: 0.01754 },
    { batchSize: 64, seconds: 0.78, imageSeconds: 0.01219 },
  ]
  expect(tableOf({ ...what, rows }, [2]).split('\n')).toEqual([
    '| batch | median of a step | an image |',
    '| ----- | ---------------- | -------- |',
    '| 64    | 0.78 s           | 12.19 ms |',
  ])
  expect(captionOf(what)).toBe('a processor; 2026-01-02; commit abc; `node bench/x.mjs`')
  expect(JSON.parse(textOf({ ...what, rows }))).toEqual({ ...what, rows })
})

test('README and the page of figures stay short', () => {
  const prose = (page: string): string =>
    read(page)
      .replace(/```[\s\S]*?```/g, '')
      .replace(/<!-- table[\s\S]*?<!-- \/table -->/g, '')
  const sentences = prose('README.md').split(/[.!?]\s|\n\n|\n- /)
  expect(sentences.filter(sentence => sentence.split(/\s+/).length >= 40)).toEqual([])
  const [table, ...others] = read('README.md').match(/(^\|.*\n)+/gm)!
  expect(others).toEqual([])
  expect(table!.trim().split('\n')).toHaveLength(2 + 4)
  expect(read('README.md').match(/^- /gm)).toHaveLength(6)
  expect(prose('docs/performance.md').split(/\s+/).length).toBeLessThan(800)
  expect(prose('docs/performance.md')).not.toMatch(/\b\d\d:\d\d\b/)
})

test('columns of exported tables are those in docs/logs.md', async () => {
  const { EPOCH_COLUMNS, STEP_COLUMNS } = await import('../../dist/runs/export-log.js')
  const page = read('docs/logs.md')
  const told = [...page.matchAll(/`([a-z][a-z0-9_]*)`/g)].map(([, name]) => name!)
  for (const name of [...Object.keys(EPOCH_COLUMNS), ...Object.keys(STEP_COLUMNS)]) expect(told).toContain(name)
})
