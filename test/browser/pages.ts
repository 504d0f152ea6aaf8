// A built project, served and open in Chromium for the tests of one file.
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'
import { launch } from '../chromium.js'
import { type Served, serveFolder } from './project.js'

export interface Pages {
  /** Its own page; `plain`: without the headers of isolation. */
  open(path?: '/' | '/plain/', context?: BrowserContext): Promise<Page>
  context(): Promise<BrowserContext>
  /** What was asked for, and its bytes. */
  sent(): ReadonlyMap<string, Uint8Array>
}

/** To be called where tests are described; `build` resolves to the folder of the page, `flags` are Chromium's. */
export function pagesOf(build: () => Promise<string>, flags: readonly string[] = []): Pages {
  let browser: Browser
  let server: Served
  beforeAll(async () => {
    server = await serveFolder(await build())
    browser = await launch(flags)
  })
  afterAll(async () => {
    await browser?.close()
    server?.close()
  })
  return {
    context: () => browser.newContext(),
    sent: () => server.sent,
    async open(path = '/', context) {
      const page = await (context ?? browser).newPage()
      await page.goto(server.address + path)
      await page.waitForFunction('globalThis.DenseNet')
      return page
    },
  }
}
