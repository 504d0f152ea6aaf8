// The rooms that import nothing of Node, all of their files in one bundle for browsers: nothing of it asks for Node, and a
// browser trains and answers with it as Node does.
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Rolldown } from 'vite'
import { beforeAll, describe, expect, test } from 'vitest'
import { encodeWeights } from '../../dist/entries/interop.js'
import { architecture, initialParameters, initialRunning, parameterTable, preset } from '../../dist/entries/model.js'
import { chromiumPath, launch } from '../chromium.js'
import { anywhereFiles } from '../rooms.js'
import { type Answer, stepAndAnswer } from './step.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const STEP = fileURLToPath(new URL('step.ts', import.meta.url))
const files = anywhereFiles.map(path => path.replace(/^src/, 'dist').replace(/ts$/, 'js'))
const imports = files.map(path => `import ${JSON.stringify(join(root, path))}`).join('\n')

async function bundle(): Promise<Rolldown.OutputChunk[]> {
  const made = await build({
    root,
    configFile: false,
    logLevel: 'silent',
    plugins: [{ name: 'all', transform: (code, id) => (id === STEP ? `${imports}\n${code}` : null) }],
    build: {
      write: false,
      minify: false,
      target: 'es2023',
      modulePreload: false,
      lib: { entry: STEP, formats: ['es'], fileName: 'anywhere' },
      // Backends that need Node stay outside, to be loaded when they are asked for.
      rolldownOptions: {
        external: /backends\/(?:native|wasm-node|webgpu-node)\//,
        treeshake: false,
      },
    },
  })
  return (made as Rolldown.RolldownOutput[])[0]!.output.filter(part => part.type === 'chunk')
}

let chunks: Rolldown.OutputChunk[]
beforeAll(async () => {
  chunks = await bundle()
})

test('the bundle holds every file of these rooms and nothing of Node', () => {
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds)
  const own = modules.map(id => relative(root, id)).filter(path => /^dist\/(?!entries\/)/.test(path))
  expect(own.sort()).toEqual(files)
  expect(modules.filter(id => /browser-external|node:/.test(id))).toEqual([])
  const names = new Set(chunks.map(({ fileName }) => fileName))
  const outside = (ids: readonly string[]): string[] => ids.filter(id => !names.has(id))
  expect(chunks.flatMap(({ imports }) => outside(imports))).toEqual([])
  const dynamic = chunks.flatMap(({ dynamicImports }) => outside(dynamicImports))
  expect([...new Set(dynamic.map(id => id.replace(/.*dist/, 'dist')))].sort()).toEqual([
    'dist/backends/native/addon.js',
    'dist/backends/native/backend.js',
    'dist/backends/wasm-node/backend.js',
    'dist/backends/webgpu-node/gpu.js',
  ])
})

describe.skipIf(chromiumPath === null)('in chromium', () => {
  test('a step of training and an answer are those of Node', async () => {
    const config = preset('densenet-40-12', { depth: 10, growthRate: 4 })
    const table = parameterTable(architecture(config))
    const network = { config, parameters: initialParameters(table, 1), running: initialRunning(table) }
    const facts = { classes: [], normalisation: null, preprocessing: null }
    const file = encodeWeights({ ...network, ...facts }, 'safetensors') as Uint8Array
    const expected = await stepAndAnswer(file)
    const browser = await launch()
    try {
      const page = await browser.newPage()
      // An address of its own, for the pieces of the bundle to find each other.
      await page.route('http://bundle.test/**', route => {
        const name = new URL(route.request().url()).pathname.slice(1)
        const chunk = chunks.find(({ fileName }) => fileName === name)
        return chunk
          ? route.fulfill({ contentType: 'text/javascript', body: chunk.code })
          : route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>test</title>' })
      })
      await page.goto('http://bundle.test/')
      const main = chunks.find(({ isEntry }) => isEntry)!.fileName
      const answer = await page.evaluate<Answer>(
        `import('/${main}').then(({ stepAndAnswer }) => stepAndAnswer(Uint8Array.of(${[...file]})))`,
      )
      expect(answer.backend).toBe('reference')
      expect(answer.losses).toHaveLength(2)
      expect(answer.logits).toHaveLength(20)
      for (const key of ['losses', 'logits'] as const) {
        for (const [i, value] of answer[key].entries()) expect(value).toBeCloseTo(expected[key][i]!, 9)
      }
    } finally {
      await browser.close()
    }
  })
})
