// The house rules that can be read from the sources: which way imports go, how long files are, what kernels may know.
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ANYWHERE, anywhereFiles, filesIn, read, roomOf, sources } from './rooms.js'

/** Project files that a source imports, types included. */
function importsOf(path: string): string[] {
  const text = read(path)
  const found = [...text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'(\.{1,2}\/[^']+\.js)'/g)]
  return found.map(([, target]) => normalize(join(dirname(path), target!.replace(/\.js$/, '.ts'))))
}
const imports = new Map(sources.map(path => [path, importsOf(path)]))

/** What the API is made of. */
const PARTS = [
  'evaluation',
  'networks',
  'inference',
  'runs',
  'data/sets',
  'data/loading',
  'data/bringing',
  'backends/native',
  'backends/wasm-node',
  'mpi',
  'backends/webgpu-node',
  'node',
  ...ANYWHERE,
] as const

/** What each room may import besides itself. Data flows one way: config, architecture, program, backend. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  util: ['errors.ts'],
  model: ['util', 'errors.ts'],
  engine: ['model', 'util', 'errors.ts'],
  backends: ['backends/native', 'backends/wasm-node', 'backends/webgpu-node', 'engine', 'util', 'errors.ts'],
  'backends/native': ['backends', 'engine', 'errors.ts'],
  'backends/wasm-node': ['backends', 'errors.ts'],
  'backends/webgpu-node': ['backends', 'node', 'errors.ts'],
  images: ['model', 'util', 'errors.ts'],
  batches: ['images', 'util', 'errors.ts'],
  interop: ['model', 'util', 'errors.ts'],
  ranks: ['util', 'errors.ts'],
  training: ['ranks', 'images', 'engine', 'model', 'util', 'errors.ts'],
  fitting: ['backends', 'training', 'ranks', 'batches', 'interop', 'images', 'engine', 'model', 'util', 'errors.ts'],
  node: ['util', 'errors.ts'],
  mpi: ['ranks', 'errors.ts'],
  'data/loading': ['node', 'batches', 'images', 'util', 'errors.ts'],
  'data/bringing': ['data/loading', 'node', 'images', 'util', 'errors.ts'],
  'data/sets': ['data/bringing', 'data/loading', 'node', 'images', 'model', 'util', 'errors.ts'],
  inference: [
    'backends',
    'data/loading',
    'batches',
    'node',
    'interop',
    'images',
    'engine',
    'model',
    'util',
    'errors.ts',
  ],
  runs: [
    'ranks',
    'data/sets',
    'data/loading',
    'node',
    'fitting',
    'training',
    'interop',
    'images',
    'engine',
    'model',
    'util',
    'errors.ts',
  ],
  networks: ['runs', 'fitting', 'data/bringing', 'node', 'interop', 'images', 'engine', 'model', 'util', 'errors.ts'],
  evaluation: [
    'backends',
    'ranks',
    'data/sets',
    'training',
    'data/loading',
    'node',
    'batches',
    'images',
    'engine',
    'model',
    'util',
    'errors.ts',
  ],
  'densenet.ts': PARTS,
  bench: ['densenet.ts', ...PARTS],
  inspect: ['inference', 'runs', 'data/loading', 'node', ...ANYWHERE],
  dashboard: ['densenet.ts', 'inspect', ...PARTS],
  server: ['densenet.ts', 'inference', 'data/loading', 'node', ...ANYWHERE],
  playground: ['networks', 'backends', 'data/bringing', 'node', 'errors.ts'],
  // Of the rooms that need Node it takes what does not.
  browser: ['evaluation', 'inference', 'inspect', 'networks', ...ANYWHERE],
  'index.ts': ['densenet.ts', ...PARTS],
  entries: ['browser', 'dashboard', 'inspect', 'playground', 'server', 'bench', ...PARTS],
  // A stranger with our tools.
  cli: ['index.ts', 'entries', 'node', 'util', 'errors.ts'],
}

describe('imports', () => {
  test('are found, and lead to files that exist', () => {
    const all = [...imports.values()].flat()
    expect(all.length).toBeGreaterThan(100)
    expect(all.filter(path => !imports.has(path))).toEqual([])
    expect([...new Set(sources.map(roomOf))].sort()).toEqual(Object.keys(ALLOWED).sort())
  })

  test('go only towards simpler rooms', () => {
    const wrong = [...imports].flatMap(([from, targets]) => {
      const allowed = [roomOf(from), ...ALLOWED[roomOf(from)]!]
      return targets.filter(to => !allowed.includes(roomOf(to))).map(to => `${from} imports ${to}`)
    })
    expect(wrong).toEqual([])
  })

  test('of the rooms that load anywhere are of ours and five packages; nothing of Node is used', () => {
    // By these words a bundler finds what goes with a module.
    const beside = /new URL\('[^']+', import\.meta\.url\)/g
    const code = (path: string): string =>
      read(path)
        .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
        .replace(beside, '')
    const nodes = /\bprocess\.|\bBuffer\b|\bNodeJS\b|\bsetImmediate\b|\b__(?:dir|file)name\b|\brequire\(|import\.meta/g
    const wrong = anywhereFiles.flatMap(path => {
      const packages = [...code(path).matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'([^.'][^']*)'/g)].map(
        ([, name]) => name!,
      )
      const foreign = packages.filter(name => !['zod', 'fflate', 'pbf', 'jsfive', 'hono/html'].includes(name))
      return [...foreign, ...(code(path).match(nodes) ?? [])].map(what => `${path}: ${what}`)
    })
    expect(wrong).toEqual([])
  })

  test('of a browser lead to nothing of Node', () => {
    const reached = new Set<string>()
    const walk = (path: string): void => {
      if (reached.has(path)) return
      reached.add(path)
      // Types vanish.
      const code = read(path).replace(/^(?:import|export) type [\s\S]*? from .*$/gm, '')
      for (const target of imports.get(path)!) {
        const name = target.split('/').at(-1)!.replace(/ts$/, 'js')
        if (code.includes(`/${name}'`)) walk(target)
      }
    }
    for (const path of sources) if (/^src\/(?:browser\/|entries\/browser\.ts)/.test(path)) walk(path)
    expect(reached.size).toBeGreaterThan(100)
    const nodes = /from 'node:|\bprocess\.|\bBuffer\b/
    expect([...reached].filter(path => nodes.test(read(path).replace(/\/\/.*$/gm, '')))).toEqual([])
  })

  test('of backends that need Node, there, wait until they are asked for', () => {
    const early = anywhereFiles.filter(path => /\bfrom '[^']*\/(?:native|wasm-node|webgpu-node)\//.test(read(path)))
    expect(early).toEqual([])
  })

  test('of one backend never lead to another; only the registry and the list of devices know them all', () => {
    // What they have in common is nobody's.
    const backendOf = (path: string): string =>
      /^src\/backends\/(?!compiled\/)/.test(path) ? path.split('/')[2]!.replace('-node', '') : ''
    const wrong = [...imports].flatMap(([from, targets]) => {
      const own = backendOf(from)
      if (own === '' || own === 'registry.ts' || own === 'devices.ts') return []
      return targets.filter(to => backendOf(to) !== '' && backendOf(to) !== own).map(to => `${from} imports ${to}`)
    })
    expect(wrong).toEqual([])
  })

  /** Both ways are types of messages, and vanish when compiled. */
  const KNOWN_CIRCLES = [
    'src/data/loading/loader-pool.ts -> src/data/loading/loader-worker.ts -> src/data/loading/loader-pool.ts',
  ]

  test('make no circles', () => {
    const circles: string[] = []
    const done = new Set<string>()
    const walk = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      if (done.has(path) || trail.includes(path)) return
      for (const target of imports.get(path)!) walk(target, [...trail, path])
      done.add(path)
    }
    for (const path of sources) walk(path, [])
    expect(circles).toEqual(KNOWN_CIRCLES)
  })
})

test('what kind a layer is, the planner alone asks', () => {
  const kinds = '(stem|dense|transition|head)'
  const asks = new RegExp(`\\blayer\\.kind\\b|\\bkind [!=]== '${kinds}'|\\bcase '${kinds}'`)
  const knows = /^src\/(model\/architecture|engine\/planner[\w-]*)\.ts$/
  const asking = [...sources, ...filesIn('web', /\.tsx?$/)].filter(path => asks.test(read(path)))
  expect(asking.filter(path => !knows.test(path))).toEqual([])
  expect(asking).toContain('src/engine/planner.ts')
})

describe('length of files', () => {
  const WARN = 300
  const FAIL = 500
  /** Tables of data; everything else is to be split before it grows so long. */
  const EXEMPT: Readonly<Record<string, string>> = { 'test/conformance/cases.ts': 'a table of shapes' }

  test(`none is longer than ${FAIL} lines`, () => {
    const folders = ['src', 'web', 'native', 'test', 'bench', 'scripts']
    const all = folders
      .flatMap(folder => filesIn(folder, /\.(tsx?|mjs|cc|h|py)$/))
      .filter(path => !/\/build/.test(path))
    const lengths = all.map(path => ({ path, lines: read(path).split('\n').length - 1 }))
    const long = lengths.filter(({ path, lines }) => lines > WARN && !(path in EXEMPT))
    for (const { path, lines } of long) console.log(`long: ${path} has ${lines} lines`)
    expect(long.filter(({ lines }) => lines > FAIL)).toEqual([])
  })
})

describe('kernels and the program runner', () => {
  const own = ['program.h', 'program.cc', 'decode.h', 'vocabulary.h'].map(name => `native/${name}`)
  const files = [...filesIn('native/kernels', /\.(cc|h)$/), ...own]

  // So that the same source can become WebAssembly: see native/program.h.
  test('include themselves and three headers of C, nothing else', () => {
    const wrong = files.flatMap(path => {
      const included = [...read(path).matchAll(/^\s*#\s*include\s+(\S+)/gm)].map(([, name]) => name!)
      const foreign = included.filter(name => name.startsWith('<') && !/^<(cstddef|cstdint|cstring)>$/.test(name))
      const outside = included.filter(name => name.startsWith('"') && !isOwn(path, name.slice(1, -1)))
      return [...foreign, ...outside].map(name => `${path} includes ${name}`)
    })
    expect(wrong).toEqual([])
  })
  const isOwn = (path: string, name: string): boolean => files.includes(normalize(join(dirname(path), name)))

  test('use no std, no Node-API, no allocation and no exceptions', () => {
    const code = (path: string): string => read(path).replace(/\/\/.*$/gm, '')
    const wrong = files.flatMap(path =>
      [
        ...code(path).matchAll(/\bstd::\w*|\b[Nn]api\w*|\bnew\s+\w+|\b(?:malloc|calloc|realloc|free)\s*\(|\bthrow\b/g),
      ].map(([word]) => `${path}: ${word}`),
    )
    expect(wrong).toEqual([])
  })

  // The linker may keep any instruction set's copy of a function that several of them share. Tiles have a namespace by the name of theirs.
  test('have nothing but the entry point and tiles outside anonymous namespaces', () => {
    const shared = files.filter(
      path =>
        path.endsWith('.h') &&
        path.startsWith('native/kernels') &&
        !/^namespace (DENSENET_TILES )?\{$/m.test(read(path)),
    )
    expect(shared).toEqual([])
  })
})
