// The wasm backend in a page, as a bundler makes it: threads where the page may have them, and the bits of Node.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build, type Rolldown } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, launch } from '../chromium.js'
import { wasmBuilds } from '../compiled-builds.js'
import { firstLosses } from './losses.js'
import type { PageResult } from './wasm-page.js'

const simd = wasmBuilds.find(({ name }) => name === 'wasm simd')!
const STEPS = 10
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', wasm: 'application/wasm' }

async function bundle(): Promise<Map<string, string | Uint8Array>> {
  const made = await build({
    root: fileURLToPath(new URL('.', import.meta.url)),
    configFile: false,
    logLevel: 'silent',
    base: './',
    worker: { format: 'es' },
    build: {
      write: false,
      minify: false,
      target: 'es2023',
      modulePreload: false,
      rolldownOptions: {
        input: { page: fileURLToPath(new URL('wasm-page.ts', import.meta.url)) },
        preserveEntrySignatures: 'strict',
        output: { entryFileNames: '[name].js' },
      },
    },
  })
  const { output } = made as Rolldown.RolldownOutput
  return new Map(output.map(part => [part.fileName, part.type === 'chunk' ? part.code : part.source]))
}

/** Serves the bundle, with the headers of isolation below /isolated/. */
async function serve(files: Map<string, string | Uint8Array>): Promise<Server> {
  const server = createServer(({ url = '' }, response) => {
    const [, isolated, name = ''] = /^(\/isolated)?\/(.*)$/.exec(url)!
    const file = files.get(name)
    const type = file === undefined ? 'text/html' : (TYPES[name.split('.').at(-1)!] ?? 'text/plain')
    response.writeHead(200, { 'Content-Type': type, ...(isolated ? ISOLATED : {}) })
    response.end(file ?? '<!doctype html><title>test</title>')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}

describe.skipIf(chromiumPath === null || !simd.available)('in chromium', () => {
  let server: Server
  let expected: number[]
  beforeAll(async () => {
    server = await serve(await bundle())
    const backend = await simd.open(2)
    expected = await firstLosses(backend, STEPS)
    backend.dispose()
  })
  afterAll(() => server.close())

  async function inPage(path: string): Promise<PageResult> {
    const browser = await launch()
    try {
      const page = await browser.newPage()
      await page.goto(`http://localhost:${(server.address() as AddressInfo).port}${path}`)
      return await page.evaluate<PageResult>(`import('${path}page.js').then(({ train }) => train(${STEPS}))`)
    } finally {
      await browser.close()
    }
  }

  test('an isolated page has threads, its losses are those of Node bit for bit, and it is never blocked', async () => {
    const { description, warnings, losses, turns } = await inPage('/isolated/')
    expect(description).toBe('wasm: SIMD, the same bits everywhere, 2 threads')
    expect(warnings).toEqual([])
    expect(losses).toEqual(expected)
    expect(turns).toBeGreaterThan(2 * STEPS)
  })

  test('another page has one thread, says which headers bring more, and computes the same', async () => {
    const { description, warnings, losses } = await inPage('/')
    expect(description).toBe('wasm: SIMD, the same bits everywhere, 1 thread')
    expect(warnings).toEqual([
      'the wasm backend runs on one thread: this page is not cross-origin isolated; served with the headers ' +
        'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp it has a thread for each core',
    ])
    expect(losses).toEqual(expected)
  })
})
