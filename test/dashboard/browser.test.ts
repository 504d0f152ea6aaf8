// The pages in a real browser: curves that grow, a server that comes and goes, keys, and what a screen reader meets.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningDashboard, serveDashboard } from '../../dist/dashboard/serve.js'
import { makePixelReport } from '../../dist/evaluation/pixel-report.js'
import { makeReport } from '../../dist/evaluation/report.js'
import { scorePredictions } from '../../dist/evaluation/scores.js'
import { thumbnails } from '../../dist/evaluation/thumbnails.js'
import { limitDataset } from '../../dist/images/dataset.js'
import { syntheticDataset } from '../../dist/images/synthetic.js'
import { pixelScores } from '../../dist/training/pixels.js'
import { chromiumPath, faults, launch, VIEWS } from '../chromium.js'
import { appendLog, endLine, epochsOf, makeRun, startLine, stepLine, temporaryFolder, writeLog } from './runs.js'

const PAGES = ['runs', 'curves', 'compare', 'evaluation', 'model']

/** As an evaluation leaves it: two thirds of 60 images right, the others taken for the class after theirs. */
async function writeEvaluation(run: string): Promise<void> {
  const dataset = limitDataset(syntheticDataset('test'), 60)
  const { length: images, labels, classes } = dataset
  const said = (image: number): number => (labels[image]! + (image % 3 === 0 ? 1 : 0)) % classes.length
  const probabilities = Float32Array.from({ length: images * classes.length }, (_, i) =>
    i % classes.length === said(Math.floor(i / classes.length)) ? 0.91 : 0.01,
  )
  const losses = new Float64Array(images).fill(1)
  const indices = Uint32Array.from({ length: images }, (_, i) => i)
  const predictions = {
    images,
    classes: classes.length,
    indices,
    labels: Uint16Array.from(labels),
    scores: probabilities.map(Math.log),
    probabilities,
    losses,
  }
  const facts = { path: run, network: 'tiny', views: 'single', training: null } as const
  const report = makeReport(facts, dataset, predictions, scorePredictions(predictions, classes))
  const pictures = await thumbnails(dataset, report.worst)
  const shown = report.worst.map(({ index }) => pictures.get(index)!)
  const evaluation = { report, thumbnails: shown, epoch: 2, made: Date.now() }
  mkdirSync(join(run, '.dashboard'))
  const cached = { version: 2, bytes: 0, modified: 0, evaluation }
  writeFileSync(join(run, '.dashboard', 'evaluation-last.json'), JSON.stringify(cached))
}

/** Of a network for pixels: 8 images of three classes, some of the pixels of the second taken for the third. */
async function writePixelEvaluation(run: string): Promise<void> {
  const confusion = [400, 0, 0, 20, 300, 80, 0, 4, 200]
  const image = (index: number) => ({ index, pixels: 128, ...pixelScores(confusion), predicted: new Uint16Array(0) })
  const [worst, best] = [[image(3), image(0), image(5)], [image(1)]]
  const predictions = {
    metrics: { loss: 0.5, top1Error: 10.4, top5Error: 0 },
    confusion,
    images: Array.from({ length: 8 }, (_, i) => image(i)),
    worst,
    best,
  }
  const facts = { path: run, network: 'tiny', views: 'single', training: null, statistics: 'own' } as const
  const dataset = { ...syntheticDataset('test'), name: 'streets', classes: ['sky', 'road', 'car'] }
  const report = makePixelReport(facts, dataset, predictions)
  const colours = ['#87a', '#333', '#c60'].map(async background => {
    const png = await sharp({ create: { width: 48, height: 36, channels: 3, background } })
      .png()
      .toBuffer()
    return `data:image/png;base64,${png.toString('base64')}`
  })
  const [shown, truth, predicted] = await Promise.all(colours)
  const pictures = [...worst, ...best].map(() => ({ image: shown, truth, predicted }))
  mkdirSync(join(run, '.dashboard'))
  const evaluation = { report, pictures, epoch: 2, made: Date.now() }
  const cached = { version: 2, bytes: 0, modified: 0, evaluation }
  writeFileSync(join(run, '.dashboard', 'evaluation-last.json'), JSON.stringify(cached))
}

const PATIENCE = { timeout: 60_000 }

describe.skipIf(chromiumPath === null)('in chromium', () => {
  let browser: Browser
  let root: string
  let growing: string
  let server: RunningDashboard
  const closers: (() => unknown)[] = []

  beforeAll(async () => {
    root = temporaryFolder()
    growing = makeRun(root, 'growing')
    writeLog(growing, startLine() + epochsOf(1, 2))
    await writeEvaluation(growing)
    writeLog(makeRun(root, 'other', 0.2), startLine() + epochsOf(1, 5, 300) + endLine())
    const pixels = makeRun(root, 'pixels')
    writeLog(pixels, startLine() + epochsOf(1, 5, 100, { meanIou: 0.625 }) + endLine())
    await writePixelEvaluation(pixels)
    makeRun(root, 'damaged')
    writeLog(join(root, 'damaged'), 'nothing of a log\n')
    server = await serveDashboard(root)
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    for (const close of closers) await close()
  })

  async function open(hash: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE.timeout)
    page.on('pageerror', error => {
      throw error
    })
    await page.goto(server.url + hash)
    return page
  }

  /** What a chart says it shows. */
  const chart = (page: Page, title: string): Locator => page.getByRole('img', { name: `${title}:` })
  const readout = (page: Page, title: string): Locator =>
    page.locator('figure', { has: chart(page, title) }).locator('li')
  const read = async (page: Page, title: string): Promise<string[]> => readout(page, title).allInnerTexts()
  const until = async (probe: () => Promise<unknown>, wanted: unknown): Promise<void> =>
    expect.poll(probe, PATIENCE).toEqual(wanted)

  /** Pixels of a chart that have a run's colour. */
  const drawn = (page: Page, title: string, colour: string): Promise<number> =>
    chart(page, title)
      .locator('canvas')
      .evaluate((canvas: HTMLCanvasElement, name) => {
        const style = getComputedStyle(document.documentElement).getPropertyValue(name).trim()
        const [r, g, b] = [1, 3, 5].map(i => Number.parseInt(style.slice(i, i + 2), 16))
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
        let count = 0
        for (let i = 0; i < data.length; i += 4) if (data[i] === r && data[i + 1] === g && data[i + 2] === b) count++
        return count
      }, `--${colour}`)

  test('curves of a growing log appear and grow, over a restart of the server; nothing is asked of anybody else', async () => {
    const page = await open('#/curves?run=growing')
    const asked: string[] = []
    page.on('request', request => asked.push(request.url()))
    // The last loss is 100 / 20, the last evaluated one 2 / 2.
    await until(() => read(page, 'Loss'), ['train 5.000', 'test 1.000'])
    expect(await drawn(page, 'Loss', 'run-1')).toBeGreaterThan(50)
    await until(() => read(page, 'Throughput'), ['train 16.0'])
    await until(() => read(page, 'Memory'), ['train 200 MB'])
    appendLog(growing, epochsOf(3, 3) + stepLine(31, 8))
    await until(() => read(page, 'Loss'), ['train 8.000', 'test 0.6667'])
    const { port } = new URL(server.url)
    await server.close()
    await page.getByText('connection lost').waitFor()
    appendLog(growing, stepLine(32, 4))
    server = await serveDashboard(root, { port: Number(port) })
    await until(() => read(page, 'Loss'), ['train 4.000', 'test 0.6667'])
    // A run that goes on from its checkpoint: the log is cut, and another curve follows.
    writeLog(growing, startLine() + epochsOf(1, 2) + startLine(5, 20) + stepLine(21, 3))
    await until(() => read(page, 'Loss'), ['train 3.000', 'test 1.000'])
    expect(asked.filter(url => !url.startsWith(server.url))).toEqual([])
    await page.context().close()
  })

  test('two runs over each other, the address keeps them; compared by what differs; as tables', async () => {
    const page = await open('#/curves?run=growing')
    await page.getByRole('checkbox', { name: 'Curves of other' }).click()
    await until(
      async () => (await read(page, 'Error')).map(text => text.replace(/ [\d.]+$/, '')),
      [...['growing train', 'growing test', 'other train', 'other test']],
    )
    for (const colour of ['run-1', 'run-2']) {
      await expect.poll(() => drawn(page, 'Loss', colour), PATIENCE).toBeGreaterThan(20)
    }
    await page.reload()
    await until(async () => (await read(page, 'Error')).length, 4)
    await page.getByRole('button', { name: 'as tables' }).click()
    await until(() => page.getByRole('region', { name: 'Epochs of other' }).locator('tbody tr').count(), 5)
    await page.getByRole('link', { name: 'Compare' }).click()
    const different = page.locator('tr.differs')
    await until(() => different.allInnerTexts(), ['recipe.learningRate\t0.1\t0.2'])
    await page.context().close()
  })

  test('with keys alone: to the page, along a curve, nearer and back, another page', async () => {
    const page = await open('#/curves?run=other')
    await until(async () => (await read(page, 'Loss')).length, 2)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await until(() => page.evaluate(() => document.activeElement?.id), 'main')
    const focused = (): Promise<string | null | undefined> =>
      page.evaluate(() => document.activeElement?.getAttribute('aria-label'))
    for (let i = 0; i < 30 && !(await focused())?.startsWith('Loss:'); i++) await page.keyboard.press('Tab')
    expect(await focused()).toMatch(/^Loss: other train 6\.000, other test 0\.4000$/)
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)
    expect(ring).toBe('solid')
    await page.keyboard.press('Home')
    await until(() => read(page, 'Loss'), ['train 300.0', 'test 2.000'])
    await page.keyboard.press('End')
    await until(() => read(page, 'Loss'), ['train 6.000', 'test 0.4000'])
    const all = page.getByRole('button', { name: 'all', exact: true })
    expect(await all.isDisabled()).toBe(true)
    await page.keyboard.press('+')
    await until(() => all.isDisabled(), false)
    await page.keyboard.press('0')
    await until(() => all.isDisabled(), true)
    await page.getByRole('link', { name: 'Model' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'block 2, layer 1' }).or(page.getByText('dense block 2')).first().waitFor()
    await page.context().close()
  })

  test('drag to zoom, double-click for all', async () => {
    const page = await open('#/curves?run=other')
    await until(async () => (await read(page, 'Loss')).length, 2)
    const box = (await chart(page, 'Loss').locator('.u-over').boundingBox())!
    const at = (share: number): [number, number] => [box.x + share * box.width, box.y + box.height / 2]
    await page.mouse.move(...at(0.3))
    await page.mouse.down()
    await page.mouse.move(...at(0.6), { steps: 4 })
    await page.mouse.up()
    const all = page.getByRole('button', { name: 'all', exact: true })
    await until(() => all.isDisabled(), false)
    await page.mouse.dblclick(...at(0.5))
    await until(() => all.isDisabled(), true)
    await page.context().close()
  })

  test('a network for pixels: its mean IoU, predicted masks beside pictures and labels', async () => {
    const page = await open('#/curves?run=pixels')
    await until(() => read(page, 'Mean IoU'), ['train 62.50', 'test 62.50'])
    await page.getByText('test mean IoU').waitFor()
    await page.locator('.runs li', { hasText: 'pixels' }).getByText('mean IoU 62.50').waitFor()
    await page.goto(`${server.url}#/evaluation?run=pixels`)
    await until(() => page.locator('.masks li').count(), 4)
    await until(() => page.locator('.masks img').count(), 12)
    expect(await page.locator('.matrix .right').allInnerTexts()).toEqual(['100.0\u00a0%', '75.0\u00a0%', '98.0\u00a0%'])
    await page.context().close()
  })

  test.each(VIEWS)(
    'axe finds nothing wrong with any page, nothing overflows: $width pixels, $colorScheme',
    async ({ colorScheme, ...viewport }) => {
      const page = await open('#/curves?run=growing&show=growing&show=other', { colorScheme, viewport })
      for (const name of PAGES) {
        await page.evaluate(hash => {
          location.hash = hash
        }, `#/${name}?run=growing&show=growing&show=other`)
        const content = name === 'evaluation' ? '.matrix' : 'figure, table:not(.matrix), .overview'
        await page.locator('main').locator(content).first().waitFor()
        expect(await faults(page), name).toEqual([])
      }
      await page.goto(`${server.url}#/evaluation?run=pixels`)
      await page.locator('.masks').first().waitFor()
      expect(await faults(page), 'masks').toEqual([])
      await page.context().close()
    },
  )
})
