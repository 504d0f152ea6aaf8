// Images that a browser decodes, beside Node's: the same pixels where a format leaves no choice. Where it does, decoders may
// differ by a unit; those of Chromium and of sharp do so for four inks only, when this was written.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import sharp, { type Sharp } from 'sharp'
import { build } from 'vite'
import { beforeAll, describe, expect, test } from 'vitest'
import { decodeImage } from '../../dist/data/loading/decode.js'
import { writeInput } from '../../dist/images/network-input.js'
import { chromiumPath } from '../chromium.js'
import { NETWORK, type Seen } from './images-page.js'
import { pagesOf } from './pages.js'

const [WIDTH, HEIGHT] = [90, 70]

/** Smooth colours with edges, as photographs have them. */
function picture(channels: 3 | 4): Sharp {
  const data = new Uint8Array(WIDTH * HEIGHT * channels)
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const at = (y * WIDTH + x) * channels
      const inside = (x - 40) ** 2 + (y - 30) ** 2 < 400
      data.set([2.8 * x, 3.6 * y, inside ? 230 : 1.5 * (x + y)], at)
      if (channels === 4) data[at + 3] = (x * 7 + y) % 256
    }
  }
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels } })
}

const inNode = async (bytes: Uint8Array): Promise<Seen> => {
  const image = await decodeImage(bytes)
  const tensor = new Float32Array(3 * 48 * 48)
  writeInput(image, NETWORK, tensor)
  return { pixels: [...image.data], tensor: [...tensor] }
}

const furthest = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)

describe.skipIf(chromiumPath === null)('in chromium', () => {
  const pages = pagesOf(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'densenet-images-'))
    await build({
      configFile: false,
      logLevel: 'error',
      build: {
        outDir: folder,
        lib: {
          entry: fileURLToPath(new URL('images-page.ts', import.meta.url)),
          formats: ['es'],
          fileName: 'page',
        },
      },
    })
    const script = "import * as page from './page.js'; Object.assign(globalThis, { ...page, DenseNet: true })"
    writeFileSync(
      join(folder, 'index.html'),
      `<!doctype html><title>images</title><script type="module">${script}</script>`,
    )
    return folder
  })
  let page: Page
  beforeAll(async () => {
    page = await pages.open()
  })
  const see = (bytes: Uint8Array): Promise<Seen | string> =>
    page.evaluate(`see('${Buffer.from(bytes).toString('base64')}')`)

  test.each<[string, () => Promise<Buffer>]>([
    ['PNG', () => picture(3).png().toBuffer()],
    ['PNG with a palette', () => picture(3).png({ palette: true, colours: 64 }).toBuffer()],
    ['grey PNG', () => picture(3).greyscale().png().toBuffer()],
    ['PNG with transparency', () => picture(4).png().toBuffer()],
    ['PNG with a colour profile', () => picture(3).withIccProfile('p3').png().toBuffer()],
    ['WebP without loss', () => picture(3).webp({ lossless: true }).toBuffer()],
    ['PNG of 16 bits', () => picture(3).toColourspace('rgb16').png().toBuffer()],
    ['grey PNG with transparency', () => picture(4).greyscale().png().toBuffer()],
    ['WebP with transparency', () => picture(4).webp({ lossless: true, exact: true }).toBuffer()],
    ['GIF with transparency', () => picture(4).gif().toBuffer()],
    ['GIF', () => picture(3).gif().toBuffer()],
  ])('%s: pixels and tensor bit for bit', async (_, make) => {
    const bytes = await make()
    expect(await see(bytes)).toEqual(await inNode(bytes))
  })

  test.each<[string, number, () => Promise<Buffer>]>([
    ['JPEG', 1, () => picture(3).jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer()],
    ['JPEG with halved colours', 1, () => picture(3).jpeg({ quality: 90 }).toBuffer()],
    [
      'JPEG on its side',
      1,
      () => picture(3).withMetadata({ orientation: 6 }).jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer(),
    ],
    ['JPEG of four inks', 1, () => picture(3).toColourspace('cmyk').jpeg().toBuffer()],
    ['grey JPEG', 1, () => picture(3).greyscale().jpeg({ quality: 90 }).toBuffer()],
    ['WebP', 1, () => picture(3).webp({ quality: 90 }).toBuffer()],
  ])('%s: within %i of 255', async (_, most, make) => {
    const bytes = await make()
    const [seen, expected] = [(await see(bytes)) as Seen, await inNode(bytes)]
    expect(seen.pixels).toHaveLength(expected.pixels.length)
    expect(furthest(seen.pixels, expected.pixels)).toBeLessThanOrEqual(most)
    expect(62 * furthest(seen.tensor, expected.tensor)).toBeLessThanOrEqual(most + 1)
  })

  test('what cannot be read is said in a sentence', async () => {
    expect(await see(new Uint8Array(0))).toBe('it is empty')
    expect(await see(Uint8Array.of(1, 2, 3))).toBe('it is no image of a known format')
    expect(await see(await picture(3).tiff().toBuffer())).toBe('it is a TIFF image, which cannot be read here')
    const png = await picture(3).png().toBuffer()
    const jpeg = await picture(3).jpeg().toBuffer()
    for (const cut of [png.subarray(0, 60), jpeg.subarray(0, jpeg.length - 20)]) {
      expect(await see(cut)).toMatch(/^it cannot be decoded: /)
    }
  })
})
