// The playground in a real browser with a camera that is not real: from pictures to a network that answers, the project away
// and back, without a network, with keys alone, and what a screen reader meets.
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPlayground, servePlayground, writePlayground } from '../../dist/entries/playground.js'
import { DenseNet } from '../../dist/index.js'
import { decodeWeights } from '../../dist/interop/decode-weights.js'
import { chromiumPath, faults, launch, VIEWS } from '../chromium.js'
import { densenet } from '../cli/run.js'
import { wasmBuilds } from '../compiled-builds.js'

const CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
const PAGES = ['pictures', 'train', 'check', 'try', 'keep', 'cifar10']
const PATIENCE = { timeout: 60_000 }

/** Pictures that anybody could tell apart: one colour or another, a little different each. */
async function writePictures(folder: string): Promise<Record<'red' | 'blue', string[]>> {
  const files: Record<'red' | 'blue', string[]> = { red: [], blue: [] }
  for (const [label, place] of [
    ['red', 0],
    ['blue', 2],
  ] as const) {
    for (let n = 0; n < 6; n++) {
      const data = Uint8Array.from(
        { length: 3 * 40 * 40 },
        (_, i) => (i % 3 === place ? 200 : 30) + ((i * (n + 3)) % 40),
      )
      const file = join(folder, `${label} ${n}.png`)
      await sharp(data, { raw: { width: 40, height: 40, channels: 3 } }).toFile(file)
      files[label].push(file)
    }
  }
  return files
}

const simd = wasmBuilds.find(({ name }) => name === 'wasm simd')!

describe.skipIf(chromiumPath === null || !simd.available)('in chromium', () => {
  let browser: Browser
  let server: RunningPlayground
  let folder: string
  let pictures: Awaited<ReturnType<typeof writePictures>>
  /** A project with a network that was taught, kept in its browser; and the same as a zip. */
  let taught: BrowserContext
  let zip: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'densenet-playground-'))
    pictures = await writePictures(folder)
    server = await servePlayground({ port: 0 })
    browser = await launch(CAMERA)
    taught = await browser.newContext()
    zip = join(folder, 'colours.zip')
    const page = await open(taught)
    await page.getByLabel('Name of the project').fill('colours')
    for (const [label, files] of Object.entries(pictures)) {
      await page.getByLabel('Name of a new class').fill(label)
      await page.getByRole('button', { name: 'Add class' }).click()
      await choose(page, `Files for ${label}`, files)
    }
    await go(page, 'train')
    await page.getByRole('button', { name: 'Train a new classifier' }).click()
    await page.getByText('held-out pictures right').waitFor()
    await go(page, 'keep')
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save the project' }).click(),
    ])
    expect(download.suggestedFilename()).toBe('colours.zip')
    await download.saveAs(zip)
    await page.close()
  })
  // A project is open in one page at a time.
  afterEach(async () => {
    for (const page of taught.pages()) await page.close()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  async function open(context: BrowserContext, hash = '', url = server.url): Promise<Page> {
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE.timeout)
    page.on('pageerror', error => {
      throw error
    })
    page.on('dialog', dialog => void dialog.accept())
    await page.goto(url + hash)
    await page.locator('#main > :not(.empty), #main > .empty h1').first().waitFor()
    return page
  }

  const go = (page: Page, id: string): Promise<void> =>
    page.evaluate(hash => {
      location.hash = hash
    }, `#/${id}`)

  async function choose(page: Page, button: string, files: readonly string[]): Promise<void> {
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      page.getByRole('button', { name: button }).click(),
    ])
    await chooser.setFiles([...files])
  }

  const countOf = (page: Page, label: string): Promise<number> =>
    page.getByRole('region', { name: label, exact: true }).locator('.thumbs li').count()

  test('what was taught answers before the camera, is checked on pictures it was not shown, and is there on the next visit', async () => {
    const page = await open(taught)
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    expect(await countOf(page, 'red')).toBe(6)
    await go(page, 'check')
    await page.getByText('2 pictures were held out').waitFor()
    // One of each class; colours are easy.
    expect(await page.locator('.matrix tbody').textContent()).toBe('blue1red1')
    await go(page, 'try')
    await page.locator('.shares button').first().waitFor()
    expect(await page.locator('.shares .label').allInnerTexts()).toEqual(['blue', 'red'])
    // The map lies over the camera, and is that of the class that is asked for.
    const heat = page.locator('.lens .heat')
    await page.getByRole('button', { name: /^red/ }).click()
    await page.getByText('Marked is what speaks for red').waitFor()
    expect(await heat.evaluate((canvas: HTMLCanvasElement) => [canvas.width, canvas.height])).toEqual([8, 8])
    await choose(page, 'A picture …', [pictures.blue[3]!])
    await expect.poll(() => page.locator('.best b').textContent(), PATIENCE).toBe('blue')
  })

  test('once loaded it works without a server', async () => {
    const own = await servePlayground({ port: 0 })
    const context = await browser.newContext()
    const page = await open(context, '', own.url)
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready
    })
    await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null), PATIENCE).toBe(true)
    await own.close()
    await page.reload()
    await page.getByRole('heading', { name: /Teach a network/ }).waitFor()
    await choose(page, 'Project …', [zip])
    await page.getByText('colours: 12 pictures').waitFor()
    await go(page, 'check')
    await page.locator('.matrix').waitFor()
    await context.close()
  })

  test('the zip is gone on with by the command line, is a network, and comes back with pictures that are added', async () => {
    const asked = ['classify', '--model', zip, pictures.red[0]!, '--top', '1', '--json']
    const { out } = await densenet(asked)
    expect(JSON.parse(out.split('\n')[0]!).predictions[0].label).toBe('red')
    const resumed = await densenet(['train', '--resume', zip, '--epochs', '12', '--backend', 'wasm'])
    expect(resumed.err).not.toMatch(/error/)
    expect(resumed.out).toMatch(/going on from epoch 11, step 0[\s\S]*epoch 12\/12/)
    const again = await densenet(['train', '--resume', zip])
    expect([again.code, again.err]).toEqual([2, expect.stringContaining('colours is there already')])

    const context = await browser.newContext()
    const page = await open(context)
    await choose(page, 'Project …', [zip])
    await page.getByText('colours: 12 pictures').waitFor()
    expect(await page.getByLabel('Name of the project').inputValue()).toBe('colours')
    await page.getByRole('button', { name: 'Camera for red' }).click()
    await page.getByRole('button', { name: 'Take a picture' }).click()
    await page.getByText('1 taken').waitFor()
    await expect.poll(() => countOf(page, 'red'), PATIENCE).toBe(7)
    await go(page, 'train')
    await page.getByText('The pictures have changed since: train again.').waitFor()
    await context.close()
  })

  test('weights go out as safetensors and ONNX, and any file of weights is a beginning', async () => {
    const page = await open(taught, '#/keep')
    const files: string[] = []
    for (const format of ['safetensors', 'ONNX']) {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: format }).click(),
      ])
      const file = join(folder, download.suggestedFilename())
      await download.saveAs(file)
      files.push(file)
    }
    expect(files.map(file => file.slice(folder.length + 1))).toEqual(['colours.safetensors', 'colours.onnx'])
    const { tensors } = await decodeWeights(readFileSync(files[0]!), files[0]!)
    expect(tensors.get('classifier.weight')?.shape).toEqual([2, 132])
    expect(readFileSync(files[1]!).toString('latin1')).toContain('classifier')
    await go(page, 'train')
    await choose(page, 'Other weights …', [files[0]!])
    await page.getByText('colours.safetensors: the next classifier').waitFor()
    await page.getByText('sees 32 x 32 pixels').waitFor()
    writeFileSync(join(folder, 'none.pth'), 'nothing')
    await choose(page, 'Other weights …', [join(folder, 'none.pth')])
    await page.getByRole('alert').getByText('none.pth is no file of weights that is known').waitFor()
    const pixels = join(folder, 'pixels.safetensors')
    await DenseNet.create('fc-densenet-56', { blocks: [1, 1, 1], initialChannels: 4, growthRate: 2 }).save(pixels)
    await choose(page, 'Other weights …', [pixels])
    await page.getByRole('alert').getByText('this one says those of pixels').waitFor()
    await page.getByRole('button', { name: 'The one of the page' }).click()
    await page.getByText('comes with the page').waitFor()
  })

  test('pictures are moved, held out, removed; dropped and pasted; what is no picture is said so', async () => {
    const context = await browser.newContext()
    const page = await open(context)
    const bytes = readFileSync(pictures.red[0]!).toString('base64')
    const give = (kind: 'drop' | 'paste', name: string): Promise<void> =>
      page.evaluate(
        ([kind, name, bytes]) => {
          const file = new File([Uint8Array.from(atob(bytes!), c => c.charCodeAt(0))], name!, { type: 'image/png' })
          const data = new DataTransfer()
          data.items.add(file)
          const init = { bubbles: true, cancelable: true }
          const event =
            kind === 'drop'
              ? new DragEvent('drop', { ...init, dataTransfer: data })
              : new ClipboardEvent('paste', { ...init, clipboardData: data })
          const target = document.querySelector('[data-class]') ?? document.querySelector('.everything')!
          target.dispatchEvent(event)
        },
        [kind, name, bytes],
      )
    for (const label of ['one', 'two/three']) {
      await page.getByLabel('Name of a new class').fill(label)
      await page.keyboard.press('Enter')
    }
    await page.getByRole('textbox', { name: 'Name of the class two-three' }).waitFor()
    await give('drop', 'a.png')
    await expect.poll(() => countOf(page, 'one'), PATIENCE).toBe(1)
    await give('paste', 'a.png')
    await expect.poll(() => countOf(page, 'one'), PATIENCE).toBe(2)
    await page.getByRole('button', { name: 'a-2.png of one, held out' }).click()
    await page.getByRole('button', { name: 'Train on them' }).click()
    await page.getByRole('button', { name: 'a-2.png of one', exact: true }).click()
    await page.getByLabel('Move them to another class').selectOption('two-three')
    await expect.poll(() => countOf(page, 'two-three'), PATIENCE).toBe(1)
    await page.getByText('At least one picture must be held out').waitFor()
    await page.getByRole('textbox', { name: 'Name of the class one' }).fill('uno')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'a.png of uno' }).click()
    await page.getByRole('button', { name: 'Remove', exact: true }).click()
    await expect.poll(() => countOf(page, 'uno'), PATIENCE).toBe(0)
    writeFileSync(join(folder, 'no.png'), 'no picture')
    await choose(page, 'Files for uno', [join(folder, 'no.png')])
    await page.getByRole('alert').getByText('no.png is no picture that this browser can read').waitFor()
    const other = await context.newPage()
    await other.goto(server.url)
    await other.getByText('open in another tab or window already').waitFor()
    await context.close()
  })

  test('a training that is stopped is gone on with', async () => {
    const context = await browser.newContext()
    const page = await open(context)
    await choose(page, 'Project …', [zip])
    await page.getByText('colours: 12 pictures').waitFor()
    await go(page, 'train')
    const tuning = page.getByRole('region', { name: 'Fine-tuning' })
    await tuning.getByText('Settings').click()
    await tuning.getByLabel('Epochs').fill('12')
    await tuning.getByRole('button', { name: 'Fine-tune the whole network' }).click()
    // Long enough that it is not over before it is stopped.
    await page.getByText(/Epoch [2-9] of 12/).waitFor()
    await tuning.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('button', { name: 'Go on with it' }).waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Go on with it' }).click()
    await page.locator('tbody tr', { hasText: /^whole network.*%$/ }).waitFor()
    await context.close()
  })

  test('CIFAR-10 from an archive: learnt in the tab, with curves', async () => {
    const record = (n: number): Uint8Array =>
      Uint8Array.from({ length: 3073 }, (_, i) => (i === 0 ? n % 10 : (i * n) % 256))
    const file = Buffer.concat(Array.from({ length: 30 }, (_, n) => record(n)))
    const entry = (name: string): Buffer => {
      const header = Buffer.alloc(512)
      header.write(`cifar-10-batches-bin/${name}`)
      header.write(file.length.toString(8).padStart(11, '0'), 124)
      return Buffer.concat([header, file, Buffer.alloc((512 - (file.length % 512)) % 512)])
    }
    const names = ['data_batch_1.bin', 'data_batch_2.bin', 'data_batch_3.bin', 'data_batch_4.bin', 'data_batch_5.bin']
    const archive = join(folder, 'cifar-10-binary.tar.gz')
    writeFileSync(archive, gzipSync(Buffer.concat([...names, 'test_batch.bin'].map(entry))))
    const context = await browser.newContext()
    const page = await open(context, '#/cifar10')
    await choose(page, 'Choose the archive …', pictures.red)
    await page.getByRole('alert').getByText('data_batch_1.bin').waitFor()
    await choose(page, 'Choose the archive …', [archive])
    await page.getByLabel('Epochs').fill('2')
    await page.getByRole('button', { name: 'Train', exact: true }).click()
    await page.getByRole('img', { name: /^Loss:.* test \d/ }).waitFor()
    await page.getByText('Error on test images').waitFor()
    await page.getByRole('button', { name: 'Train', exact: true }).waitFor()
    await context.close()
  })

  test('with keys alone: a class, a page, a training', async () => {
    const page = await open(taught)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.evaluate(() => document.activeElement?.id), PATIENCE).toBe('main')
    const until = async (name: string): Promise<void> => {
      const focused = () =>
        page.evaluate(() => {
          const { ariaLabel, textContent } = document.activeElement!
          return ariaLabel ?? textContent
        })
      for (let i = 0; i < 60 && (await focused()) !== name; i++) await page.keyboard.press('Tab')
      expect(await focused()).toBe(name)
      expect(await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)).toBe('solid')
    }
    await until('Name of a new class')
    await page.keyboard.type('green')
    await page.keyboard.press('Enter')
    await page.getByText('green has no pictures to train on').waitFor()
    await until('red 1.png of red, held out')
    await page.keyboard.press('Space')
    await page.getByRole('toolbar', { name: 'Chosen pictures of red' }).waitFor()
    await until('Remove the class green')
    await page.keyboard.press('Enter')
    await until('Train')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Train a new classifier' }).waitFor()
  })

  test('--out: on a host that sends no headers it becomes isolated by itself', async () => {
    const site = join(folder, 'site')
    const bytes = await writePlayground(site)
    expect(bytes).toBeLessThan(3e6)
    await expect(writePlayground(site)).rejects.toThrow(`${site} is not empty`)
    const types: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css' }
    const host = createServer(({ url = '' }, response) => {
      const path = join(site, url.replace(/^\/sub\//, '').replace(/[?#].*$/, '') || 'index.html')
      const found = url.startsWith('/sub/') && statSync(path, { throwIfNoEntry: false })?.isFile()
      if (!found) response.writeHead(404).end()
      else response.writeHead(200, { 'Content-Type': types[path.split('.').at(-1)!] ?? '' }).end(readFileSync(path))
    })
    await new Promise<void>(resolve => host.listen(0, '127.0.0.1', resolve))
    const context = await browser.newContext()
    const page = await open(context, '', `http://127.0.0.1:${(host.address() as AddressInfo).port}/sub/`)
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    await context.close()
    host.closeAllConnections()
    host.close()
    expect(readdirSync(site)).toContain('service-worker.js')
  })

  test('it answers to the names of this machine only', async () => {
    const status = await new Promise(resolve => {
      get(server.url, { headers: { Host: 'evil.example' } }, ({ statusCode }) => resolve(statusCode))
    })
    expect(status).toBe(403)
  })

  test.each(VIEWS)(
    'axe finds nothing wrong with any page, nothing overflows: $width pixels, $colorScheme',
    async ({ colorScheme, ...viewport }) => {
      const page = await open(taught)
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme })
      for (const id of PAGES) {
        await go(page, id)
        if (id === 'check') await page.locator('.matrix').waitFor()
        if (id === 'try') await page.locator('.shares').waitFor()
        if (id === 'pictures') {
          await page.getByRole('button', { name: 'Camera for red' }).click()
          await page.getByRole('button', { name: 'red 2.png of red' }).click()
        }
        expect(await faults(page), id).toEqual([])
      }
      await page.close()
    },
  )
})
