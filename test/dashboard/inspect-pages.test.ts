// The pages that look inside a network, in a real browser: what they draw, at a desk and on a phone, light and dark, and
// that axe finds nothing wrong with them. A page is opened once for each view and serves all of its questions.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningDashboard, serveDashboard } from '../../dist/dashboard/serve.js'
import { DenseNet } from '../../dist/index.js'
import { chromiumPath, faults, launch, VIEWS } from '../chromium.js'
import { picture } from '../server/fixtures.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const photo = join(folder, 'photo.png')
const PATIENCE = { timeout: 60_000 }

describe.skipIf(chromiumPath === null)('in chromium', () => {
  let dashboard: RunningDashboard
  let browser: Browser

  beforeAll(async () => {
    const model = DenseNet.create(TINY, { seed: 3 })
    const options = { backend: 'reference', epochs: 2, batchSize: 8, loaderThreads: 0, layerStatistics: true } as const
    await model.fit(tinyDataset('train', 16), { ...options, output: join(folder, 'run') })
    model.dispose()
    writeFileSync(photo, await picture(0, 30))
    dashboard = await serveDashboard(folder)
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    await dashboard?.close()
  })

  async function open(name: string, { colorScheme, ...viewport }: (typeof VIEWS)[number]): Promise<Page> {
    const page = await browser.newPage({ viewport, colorScheme })
    page.setDefaultTimeout(PATIENCE.timeout)
    await page.goto(`${dashboard.url}#/${name}`)
    return page
  }
  const choose = (page: Page, name: string): Locator => page.getByRole('combobox', { name, exact: true })
  /** What is shown sooner or later. */
  const until = (probe: () => Promise<unknown>, wanted: unknown): Promise<void> =>
    expect.poll(probe, PATIENCE).toEqual(wanted)
  const images =
    (page: Page): (() => Promise<number>) =>
    () =>
      page.locator('.cams img').count()

  describe.each(VIEWS)('at $width pixels, $colorScheme', view => {
    test('feature reuse', async () => {
      const page = await open('reuse', view)
      await page.locator('.picture svg').waitFor()
      expect(await page.locator('.picture svg text', { hasText: 'Dense block' }).count()).toBe(2)
      await choose(page, 'scale').selectOption('raw')
      await page.locator('.picture', { hasNotText: 'each column' }).waitFor()
      await page.getByText('As tables').click()
      expect(await page.locator('caption').allTextContents()).toEqual(['Dense block 1', 'Dense block 2'])
      expect(await faults(page)).toEqual([])
      await page.close()
    })

    test('weights: filters, histograms, layers over epochs', async () => {
      const page = await open('weights', view)
      await until(() => page.locator('.picture svg').count(), 3)
      expect(await page.locator('.failure').count()).toBe(0)
      await page.getByText('Statistics as a table').click()
      expect(await page.locator('table tbody td').first().textContent()).toBe('features.conv0.weight')
      expect(await faults(page)).toEqual([])
      await page.close()
    })

    test('an image: where the network sees a class, and feature maps', async () => {
      const page = await open('image', view)
      await page.locator('.well').waitFor()
      expect(await faults(page)).toEqual([])
      await page.setInputFiles('input[type=file]', photo)
      await until(images(page), 4)
      await choose(page, 'class').selectOption({ label: 'blue' })
      await until(images(page), 2)
      expect(await page.locator('.cams strong').allTextContents()).toEqual(['blue'])
      await choose(page, 'feature maps of').selectOption('features.denseblock1')
      await page.getByText('Grad-CAM, maps of 8 × 8').waitFor()
      await page.locator('.picture svg').waitFor()
      expect(await page.locator('.failure').count()).toBe(0)
      expect(await faults(page)).toEqual([])
      await page.close()
    })
  })

  test('every layer of the model tells of itself when it is clicked', async () => {
    const page = await open('model', VIEWS[0])
    await page.getByText('All layers as a table').click()
    const rows = page.locator('details tbody th button')
    const title = page.getByRole('region', { name: 'The chosen layer' }).getByRole('heading')
    const titles = await rows.allTextContents()
    expect(titles).toHaveLength(5)
    for (const [i, layer] of titles.entries()) {
      await rows.nth(i).click()
      await until(() => title.textContent(), layer)
    }
    await page.locator('.overview').getByRole('button', { name: 'dense block 2' }).click()
    await until(() => title.textContent(), 'block 2, layer 1')
    await page.close()
  })

  test('an image is dropped; another file is said to be none', async () => {
    const page = await open('image', VIEWS[0])
    await page.locator('.well').waitFor()
    const drop = (name: string, content: string, type: string): Promise<void> =>
      page.evaluate(`{
        const data = new DataTransfer()
        const bytes = Uint8Array.from(atob('${content}'), byte => byte.charCodeAt(0))
        data.items.add(new File([bytes], '${name}', { type: '${type}' }))
        dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }))
      }`)
    await drop('photo.png', readFileSync(photo).toString('base64'), 'image/png')
    await until(images(page), 4)
    await drop('notes.txt', Buffer.from('no image').toString('base64'), 'text/plain')
    const failure = page.locator('.failure').first()
    await failure.waitFor()
    expect(await failure.textContent()).toContain('it is no image of a known format')
    await page.close()
  })

  test('with keys alone', async () => {
    const page = await open('image', VIEWS[0])
    // Asked for before there is a button to press: the browser needs a moment to hand its choosers over.
    page.on('filechooser', chooser => void chooser.setFiles(photo))
    await page.getByRole('button', { name: 'Choose an image' }).press('Enter')
    await until(images(page), 4)
    await choose(page, 'class').focus()
    await page.keyboard.press('ArrowDown')
    await until(images(page), 2)
    await page.close()
  })
})
