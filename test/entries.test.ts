// What each entry of the package loads: its own rooms and the packages that those need, no more.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { readonly types: string; readonly default: string }>
}

/** The packages that are loaded with each (of hono its HTML, which escapes); those that wait until they are needed (sharp, hono, ...) are not. */
const LOADS: Readonly<Record<string, string>> = {
  '.': 'fflate node pbf zod',
  './bench': 'fflate node pbf zod',
  './browser': '',
  './dashboard': 'node',
  './data': 'csv-parse hono/html modern-tar node zod',
  './engine': '',
  './evaluation': 'hono/html node zod',
  './images': '',
  './inference': 'node zod',
  './inspect': 'hono/html node zod',
  './interop': 'fflate pbf zod',
  './model': 'zod',
  './networks': 'fflate node pbf zod',
  './playground': 'node',
  './runs': 'fflate node pbf zod',
  './server': 'node zod',
  './training': 'zod',
}

const entries = Object.entries(exports).flatMap(([name, files]) =>
  typeof files === 'string' ? [] : [[name, files] as const],
)
const besides = entries.filter(([name]) => name !== './browser')

/** Third parties, and "node" for Node's own modules, that a compiled file imports when it is loaded. */
function loadedBy(file: string, seen = new Set<string>(), found = new Set<string>()): Set<string> {
  if (seen.has(file)) return found
  seen.add(file)
  for (const [, name] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export)\s(?:[\w$*{},\s]+\sfrom\s)?['"]([^'"]+)['"];?$/gm,
  )) {
    if (name!.startsWith('.')) loadedBy(join(dirname(file), name!), seen, found)
    else if (name!.startsWith('node:')) found.add('node')
    else found.add(name === 'hono/html' ? name : /^(@[^/]+\/)?[^/]+/.exec(name!)![0])
  }
  return found
}

test.each(entries)('%s loads no more than it needs', (name, files) => {
  expect([...loadedBy(join(root, files.default))].sort().join(' ')).toBe(LOADS[name])
})

/** What a file of types exports: by its lists, and those of whole modules. */
function namesIn(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const matches = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found]) => found!)
  const listed = matches(/^export (?:type )?\{([^}]*)\}/gm).flatMap(list => list.split(','))
  const declared = matches(/^export (?:declare )?(?:const|function|class|interface|type) (\w+)/gm)
  const whole = matches(/^export (?:type )?\* from '([^']+)\.js'/gm).flatMap(path =>
    namesIn(join(dirname(file), `${path}.d.ts`)),
  )
  return [...listed.map(name => name.trim().replace(/^type /, '')), ...declared, ...whole].filter(name => name !== '')
}

// In a browser the first entry is another one, with the same names.
test('each name is in one entry', () => {
  const names = besides.flatMap(([, { types }]) => namesIn(join(root, types)))
  expect(names.length).toBeGreaterThan(300)
  expect(names.filter((name, i) => names.indexOf(name) < i)).toEqual([])
})

test('of the package itself, loaded in Node, no server, browser page or decoder comes along', () => {
  const hook = `export async function resolve(name, context, next) {
    const found = await next(name, context)
    console.log(found.url)
    return found
  }`
  const code = `import { register } from 'node:module'
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}))
    await import('densenet')`
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, encoding: 'utf8' })
  const urls = printed.split('\n')
  expect(urls.filter(url => url.endsWith('/dist/index.js'))).not.toEqual([])
  const html = /node_modules\/hono\/dist\/(helper|utils)\/html/
  const packages = urls.flatMap(url =>
    html.test(url) ? [] : (/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []),
  )
  expect(packages.filter(found => !LOADS['.']!.split(' ').includes(found))).toEqual([])
})
