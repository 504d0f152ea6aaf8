// DenseNet in a page: in a worker, with the events, errors and numbers of Node.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, launch } from '../chromium.js'
import { wasmBuilds } from '../compiled-builds.js'
import { bundlers } from './bundlers.js'
import { makeProject, serveFolder } from './project.js'

const simd = wasmBuilds.find(({ name }) => name === 'wasm simd')!

describe.skipIf(chromiumPath === null || !simd.available)('in chromium', () => {
  let browser: Browser
  let folder: string
  let server: Awaited<ReturnType<typeof serveFolder>>
  beforeAll(async () => {
    folder = await bundlers.vite(makeProject())
    server = await serveFolder(folder)
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    server?.close()
  })
  async function open(path = '/'): Promise<Page> {
    const page = await browser.newPage()
    page.on('console', message => console.log(message.text()))
    page.on('pageerror', error => console.log(String(error)))
    await page.goto(server.address + path)
    return page
  }

  test('trains', async () => {
    const page = await open()
    const t = await page.evaluate(`(async () => {
      const net = await DenseNet.create('densenet-bc-100-12', { depth: 22, seed: 1 })
      const { train } = synthetic()
      const events = []
      const result = await net.fit(train, { epochs: 1, trainLimit: 80, batchSize: 8, onEvent: e => events.push(e), instructionSet: 'simd' })
      return { losses: events.filter(e => e.type === 'step').map(e => e.loss), start: events.find(e => e.type === 'start'), result, warnings: events.filter(e => e.type === 'warning') }
    })()`)
    console.log(JSON.stringify(t))
  })
})
