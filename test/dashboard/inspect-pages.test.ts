// The pages that look inside a network, in a real browser: what they draw, at a desk and on a phone, light and dark; axe
// finds nothing. Skipped where there is no chromium (the variable CHROMIUM names one).
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningDashboard, serveDashboard } from '../../dist/dashboard/serve.js'
import { loadSharp } from '../../dist/data/decode.js'
import { DenseNet } from '../../dist/index.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const executablePath = process.env.CHROMIUM ?? spawnSync('which', ['chromium'], { encoding: 'utf8' }).stdout.trim()
if (executablePath === '') console.log('skipped: there is no chromium to look at the pages with')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const folder = temporaryFolder()
const photo = join(folder, 'photo.png')
const PATIENCE = { timeout: 60_000 }
let dashboard: RunningDashboard
let browser: Browser

describe.skipIf(executablePath === '')('in chromium', () => {
  beforeAll(async () => {
    const model = DenseNet.create(TINY, { seed: 3 })
    const options = { backend: 'reference', epochs: 2, batchSize: 8, loaderThreads: 0, layerStatistics: true } as const
    await model.fit(tinyDataset('train', 16), { ...options, output: join(folder, 'run') })
    model.dispose()
    const sharp = await loadSharp()
    const background = { r: 200, g: 40, b: 40 }
    await sharp({ create: { width: 30, height: 20, channels: 3, background } })
      .png()
      .toFile(photo)
    dashboard = await serveDashboard(folder)
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  })
  afterAll(async () => {
    await browser?.close()
    await dashboard?.close()
  })

  async function opened(page: string, width: number, colorScheme: 'light' | 'dark'): Promise<Page> {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme })
    const opened = await context.newPage()
    await opened.goto(`${dashboard.url}#/${page}`)
    return opened
  }
  /** As many elements as `selector` fits, sooner or later. */
  const showing = (page: Page, selector: string, count: number): Promise<void> =>
    expect.poll(() => page.locator(selector).count(), PATIENCE).toBe(count)
  const violations = async (page: Page): Promise<string[]> => {
    await page.evaluate(axe)
    return page.evaluate('axe.run().then(({ violations }) => violations.map(({ id }) => id))')
  }
  const scrollsSideways = (page: Page): Promise<boolean> =>
    page.evaluate('document.documentElement.scrollWidth > innerWidth')

  const views = [
    [1440, 'light'],
    [1440, 'dark'],
    [390, 'light'],
    [390, 'dark'],
  ] as const

  test.each(views)('feature reuse at %i pixels, %s', async (width, scheme) => {
    const page = await opened('reuse', width, scheme)
    await page.waitForSelector('.picture svg')
    expect(await page.locator('.picture svg text', { hasText: 'Dense block' }).count()).toBe(2)
    await page.getByLabel('scale').selectOption('raw')
    await expect.poll(() => page.locator('.picture').textContent(), PATIENCE).not.toContain('each column')
    await page.getByText('As tables').click()
    expect(await page.locator('caption').allTextContents()).toEqual(['Dense block 1', 'Dense block 2'])
    expect(await violations(page)).toEqual([])
    expect(await scrollsSideways(page)).toBe(false)
    await page.context().close()
  })

  test.each(views)('weights at %i pixels, %s', async (width, scheme) => {
    const page = await opened('weights', width, scheme)
    await showing(page, '.picture svg', 3)
    expect(await page.locator('.failure').count()).toBe(0)
    await page.getByText('Statistics as a table').click()
    expect(await page.locator('table tbody td').first().textContent()).toBe('features.conv0.weight')
    expect(await violations(page)).toEqual([])
    expect(await scrollsSideways(page)).toBe(false)
    await page.context().close()
  })

  test.each(views)('an image at %i pixels, %s', async (width, scheme) => {
    const page = await opened('image', width, scheme)
    await page.setInputFiles('input[type=file]', photo)
    await showing(page, '.cams img', 4)
    await page.getByLabel('class', { exact: true }).selectOption({ label: 'blue' })
    await showing(page, '.cams img', 2)
    expect(await page.locator('.cams strong').allTextContents()).toEqual(['blue'])
    await page.getByLabel('feature maps of').selectOption('features.denseblock1')
    await page.waitForSelector('.picture svg')
    expect(await violations(page)).toEqual([])
    expect(await scrollsSideways(page)).toBe(false)
    await page.context().close()
  })

  test('an image is dropped; another file is said to be none', async () => {
    const page = await opened('image', 1440, 'light')
    await page.waitForSelector('.well')
    const drop = (name: string, content: string, type: string): Promise<void> =>
      page.evaluate(
        `{ const data = new DataTransfer()
        data.items.add(new File([Uint8Array.from(atob('${content}'), c => c.charCodeAt(0))], '${name}', { type: '${type}' }))
        dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true })) }`,
      )
    await drop('photo.png', readFileSync(photo).toString('base64'), 'image/png')
    await showing(page, '.cams img', 4)
    await drop('notes.txt', Buffer.from('no image').toString('base64'), 'text/plain')
    await page.waitForSelector('.failure')
    expect(await page.locator('.failure').first().textContent()).toContain('it is no image of a known format')
    await page.context().close()
  })

  test('with the keyboard alone', async () => {
    const page = await opened('image', 1440, 'light')
    await page.waitForSelector('.well button')
    await page.locator('.well button').focus()
    const chooser = page.waitForEvent('filechooser')
    await page.keyboard.press('Enter')
    await (await chooser).setFiles(photo)
    await showing(page, '.cams img', 4)
    await page.getByLabel('class', { exact: true }).focus()
    await page.keyboard.press('ArrowDown')
    await showing(page, '.cams img', 2)
    await page.context().close()
  })
})
