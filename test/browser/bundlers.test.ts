// The package in projects of vite, webpack and esbuild, as docs/browser.md has them: each trains, with threads where the page
// is isolated, and answers.
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { chromiumPath } from '../chromium.js'
import { wasmBuilds } from '../compiled-builds.js'
import { bundlers } from './bundlers.js'
import { pagesOf } from './pages.js'
import { makeProject } from './project.js'

const simd = wasmBuilds.find(({ name }) => name === 'wasm simd')!

describe.skipIf(chromiumPath === null || !simd.available).each(Object.entries(bundlers))('%s', (name, build) => {
  const pages = pagesOf(() => build(makeProject()))

  test('a page trains in a worker, and answers', async () => {
    const page = await pages.open()
    const errors: string[] = []
    page.on('pageerror', ({ message }) => errors.push(message))
    const [backend, answer] = await page.evaluate<[string, { label: string }[]]>(`(async () => {
      const { wasm } = globalThis
      const net = await DenseNet.create('densenet-bc-100-12', { depth: 10, growthRate: 4 })
      let backend
      const onEvent = event => { if (event.type === 'start') backend = event.compute.backend }
      await net.fit(synthetic().train, { epochs: 1, trainLimit: 16, batchSize: 8, threads: 2, wasm, onEvent })
      const answer = await net.classify({ data: new Uint8Array(3 * 64 * 64), width: 64, height: 64 }, { wasm, top: 1 })
      net.dispose()
      return [backend, answer]
    })()`)
    expect(backend).toBe('wasm: relaxed SIMD, 2 threads')
    expect(answer).toEqual([
      { label: expect.stringMatching(/^[a-z]+$/), index: expect.any(Number), probability: expect.any(Number) },
    ])
    expect(errors).toEqual([])
    const bytesOf = (ending: string): number[] =>
      [...pages.sent()].filter(([file]) => file.endsWith(ending)).map(([, file]) => gzipSync(file, { level: 9 }).length)
    const scripts = bytesOf('.js')
    const sum = scripts.reduce((total, bytes) => total + bytes, 0)
    console.log(`${name}: ${sum} bytes of JavaScript, ${bytesOf('.wasm')} of WebAssembly, gzipped`)
    // The page's, its worker's, and its threads'.
    expect(scripts.length).toBeGreaterThanOrEqual(3)
    expect(sum).toBeLessThan(150_000)
    expect(bytesOf('.wasm')).toEqual([expect.any(Number)])
    expect(bytesOf('.wasm')[0]).toBeLessThan(100_000)
  })
})
