// The page in a real browser: an image is chosen, dropped, pasted; what is shown; that
// it is accessible in light and dark, on a desk and on a phone; that it asks nobody else for anything.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createServer, type DenseNetServer } from '../../dist/server/server.js'
import { chromiumPath, faults, launch, VIEWS } from '../chromium.js'
import { temporaryFolder } from '../training/fixtures.js'
import { picture, tinyModel } from './fixtures.js'

const folder = temporaryFolder()
const file = join(folder, 'picture.png')
let browser: Browser
let server: DenseNetServer

beforeAll(async () => {
  if (chromiumPath === null) return
  writeFileSync(file, await picture(3, 40))
  writeFileSync(join(folder, 'text.png'), 'no image')
  server = await createServer(tinyModel(), { port: 0, backend: 'reference' })
  browser = await launch()
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})

async function open({
  colorScheme,
  ...viewport
}: (typeof VIEWS)[number]): Promise<{ page: Page; asked: string[]; complaints: string[] }> {
  const page = await browser.newPage({ viewport, colorScheme })
  const asked: string[] = []
  const complaints: string[] = []
  page.on('request', request => asked.push(request.url()))
  page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(error.message))
  await page.goto(server.url)
  return { page, asked, complaints }
}

describe.skipIf(chromiumPath === null)('the page', () => {
  test.each(VIEWS)('$width pixels, $colorScheme', async place => {
    const { page, asked, complaints } = await open(place)
    await page.getByRole('heading', { level: 1, name: 'tiny' }).waitFor()
    await page.getByText('3 classes, 8 x 8 pixels').waitFor()
    expect(await faults(page)).toEqual([])
    await page.getByLabel('Choose images').setInputFiles([file, join(folder, 'text.png')])
    await page.getByText('It is no image of a known format.').waitFor()
    const [bad, good] = await page.getByRole('article').all()
    expect(await bad!.getByRole('listitem').count()).toBe(0)
    const rows = await good!.getByRole('listitem').allTextContents()
    expect(rows).toHaveLength(3)
    const numbers = rows.map(row => Number.parseFloat(/([\d.]+) %$/.exec(row)![1]!))
    expect(numbers.reduce((a, b) => a + b)).toBeCloseTo(100, 0)
    expect(await good!.textContent()).toContain('ms in the server')
    expect(await faults(page)).toEqual([])
    // The browser notes the answer 400 to what is no image.
    expect(complaints.filter(text => !text.includes('400 (Bad Request)'))).toEqual([])
    expect(asked.filter(url => !url.startsWith(server.url) && !/^(blob|data):/.test(url))).toEqual([])
    await page.close()
  })

  test('drop and paste', async () => {
    const { page } = await open(VIEWS[0])
    const bytes = [...(await picture(1))]
    for (const kind of ['drop', 'paste']) {
      const event =
        kind === 'drop'
          ? "new DragEvent('drop', { dataTransfer: data, cancelable: true })"
          : "new ClipboardEvent('paste', { clipboardData: data })"
      await page.evaluate(`{
        const data = new DataTransfer()
        data.items.add(new File([Uint8Array.of(${bytes})], '${kind}.png', { type: 'image/png' }))
        dispatchEvent(${event})
      }`)
      await page
        .getByRole('article')
        .filter({ hasText: `${kind}.png` })
        .getByText('ms in the server')
        .waitFor()
    }
    await page.close()
  })

  test('by keyboard alone: the first stop opens the file picker', async () => {
    const { page } = await open(VIEWS[0])
    page.on('filechooser', chooser => void chooser.setFiles(file))
    await page.getByRole('heading', { level: 1, name: 'tiny' }).waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByText('ms in the server').waitFor()
    expect(await page.getByRole('status').textContent()).toMatch(/^picture.png: (red|green|blue), [\d.]+ %$/)
    await page.close()
  })

  test('names of files are text, whatever they hold', async () => {
    const { page } = await open(VIEWS[0])
    const name = '<img src=x onerror=alert(1)>.png'
    await page.getByLabel('Choose images').setInputFiles({ name, mimeType: 'image/png', buffer: await picture(2) })
    await page.getByText('ms in the server').waitFor()
    expect(await page.getByRole('heading', { level: 2 }).textContent()).toBe(name)
    await page.close()
  })
})
