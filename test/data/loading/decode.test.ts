import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { decodeImage, decodeImageFile } from '../../../dist/data/loading/decode.js'
import type { Image } from '../../../dist/images/image.js'
import { imageFormat } from '../../../dist/images/image-file.js'
import { halves, put } from '../pictures.js'
import { temporaryFolder } from '../tiny.js'

/** The pixel at (x, y). */
const pixel = ({ data, height, width }: Image, x: number, y: number): number[] =>
  [0, 1, 2].map(channel => data[(channel * height + y) * width + x]!)

describe('what becomes three channels of 8 bits', () => {
  test.each(['png', 'webp', 'gif', 'tiff', 'jpeg'] as const)('%s', async format => {
    const bytes = await halves(16, 8)
      .toFormat(format, format === 'webp' ? { lossless: true } : {})
      .toBuffer()
    const image = await decodeImage(bytes)
    expect(image).toMatchObject({ channels: 3, height: 8, width: 16 })
    const near = format === 'jpeg' ? 3 : 0
    const off = (found: number[], colour: number[]) =>
      Math.max(...found.map((value, i) => Math.abs(value - colour[i]!)))
    expect(off(pixel(image, 1, 1), [200, 40, 40])).toBeLessThanOrEqual(near)
    expect(off(pixel(image, 14, 6), [40, 40, 200])).toBeLessThanOrEqual(near)
  })

  test('grey, with one channel', async () => {
    const grey = sharp(Buffer.from([0, 100, 200, 255]), { raw: { width: 2, height: 2, channels: 1 } })
    const image = await decodeImage(await grey.png().toBuffer())
    expect([pixel(image, 0, 0), pixel(image, 1, 0), pixel(image, 1, 1)]).toEqual([
      [0, 0, 0],
      [100, 100, 100],
      [255, 255, 255],
    ])
  })

  test('16 bits: the upper eight', async () => {
    const raw = { width: 2, height: 1, channels: 3 } as const
    const wide = sharp(Uint16Array.from([0x1234, 0x80ff, 0xffff, 0, 0x0100, 0xab00]), { raw })
    const png = await wide.toColourspace('rgb16').png().toBuffer()
    expect((await sharp(png).metadata()).depth).toBe('ushort')
    const image = await decodeImage(png)
    expect([pixel(image, 0, 0), pixel(image, 1, 0)]).toEqual([
      [0x12, 0x80, 0xff],
      [0, 1, 0xab],
    ])
  })

  test('16 bits and grey', async () => {
    const raw = { width: 2, height: 1, channels: 1 } as const
    const png = await sharp(Uint16Array.from([0x1234, 0xfe00]), { raw })
      .toColourspace('grey16')
      .png()
      .toBuffer()
    const image = await decodeImage(png)
    expect(pixel(image, 0, 0)[0]).toBe(0x12)
    expect(pixel(image, 1, 0)).toEqual([0xfe, 0xfe, 0xfe])
  })

  test('CMYK', async () => {
    const jpeg = await halves(16, 16, [255, 255, 255], [255, 255, 255]).toColourspace('cmyk').jpeg().toBuffer()
    expect((await sharp(jpeg).metadata()).space).toBe('cmyk')
    expect(Math.min(...(await decodeImage(jpeg)).data)).toBeGreaterThan(235)
  })

  test('transparency is dropped, whatever the colour below it', async () => {
    const raw = { width: 1, height: 1, channels: 4 } as const
    const image = await decodeImage(
      await sharp(Buffer.from([10, 20, 30, 0]), { raw })
        .png()
        .toBuffer(),
    )
    expect([...image.data]).toEqual([10, 20, 30])
  })

  test('palettes, and the first picture of an animation', async () => {
    expect(pixel(await decodeImage(await halves(8, 8).png({ palette: true }).toBuffer()), 0, 0)).toEqual([200, 40, 40])
    const frames = await sharp([await halves(8, 8).png().toBuffer(), await halves(8, 8, [0, 0, 0]).png().toBuffer()], {
      join: { animated: true },
    })
      .gif()
      .toBuffer()
    expect((await sharp(frames).metadata()).pages).toBe(2)
    expect(await decodeImage(frames)).toMatchObject({ height: 8, width: 8 })
  })

  test("the camera's orientation is applied", async () => {
    // 6: the camera was turned; shown upright, the left half is on top.
    const bytes = await halves(16, 8).withMetadata({ orientation: 6 }).png().toBuffer()
    const image = await decodeImage(bytes)
    expect(image).toMatchObject({ height: 16, width: 8 })
    expect([pixel(image, 3, 0), pixel(image, 3, 15)]).toEqual([
      [200, 40, 40],
      [40, 40, 200],
    ])
  })

  test('a colour profile is not applied: pixels are as they are stored', async () => {
    // sRGB (200, 40, 40) is (184, 56, 49) in Display P3.
    const bytes = await halves(8, 8).withIccProfile('p3').png().toBuffer()
    expect((await sharp(bytes).metadata()).icc).toBeDefined()
    const found = pixel(await decodeImage(bytes), 0, 0)
    expect(Math.max(...found.map((value, i) => Math.abs(value - [184, 56, 49][i]!)))).toBeLessThanOrEqual(2)
  })

  test('a wrong extension', async () => {
    const path = put(await temporaryFolder(), 'picture.jpg', await halves(8, 8).png().toBuffer())
    expect(pixel(await decodeImageFile(path), 0, 0)).toEqual([200, 40, 40])
  })
})

describe('what is refused, in a sentence', () => {
  const refused = (bytes: Uint8Array) => expect(decodeImage(bytes)).rejects

  test('other formats by their names', async () => {
    await refused(Buffer.from('BM\0\0\0\0\0\0\0\0')).toThrow('it is a BMP image, which cannot be read here')
    await refused(Buffer.from('P6 1 1 255 abc')).toThrow('it is a PPM image, which cannot be read here')
    await refused(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')).toThrow('it is a SVG image')
    await refused(Buffer.from('<!doctype html>')).toThrow('it is no image of a known format')
    expect(imageFormat(new Uint8Array(0))).toBe(undefined)
  })

  test('half a file', async () => {
    const jpeg = await halves(300, 300).jpeg().toBuffer()
    await refused(jpeg.subarray(0, jpeg.length / 2)).toThrow(/^it cannot be decoded: /)
  })

  test('empty, missing, and not a file', async () => {
    const folder = await temporaryFolder()
    const empty = put(folder, 'empty.jpg', '')
    await expect(decodeImageFile(empty)).rejects.toThrow('it is empty')
    await expect(decodeImageFile(`${folder}/none.jpg`)).rejects.toThrow('it does not exist')
    await expect(decodeImageFile(folder)).rejects.toThrow('it is no file')
  })

  test('a decompression bomb: 8 GB of pixels in 200 bytes, before it is decoded', async () => {
    const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    // Width and height of the header, with its checksum.
    png.writeUInt32BE(53_000, 16)
    png.writeUInt32BE(53_000, 20)
    png.writeInt32BE(crc32(png.subarray(12, 29)), 29)
    await refused(png).toThrow(/^it cannot be decoded: .*pixel limit/)
  })

  test('a strip that would grow beyond all memory', async () => {
    await refused(await halves(2000, 10).png().toBuffer()).toThrow('one side is more than 50 times the other')
  })

  test('a huge file, before it is read', async () => {
    const path = put(await temporaryFolder(), 'huge.jpg', '')
    const { truncateSync } = await import('node:fs')
    truncateSync(path, 300 * 2 ** 20)
    await expect(decodeImageFile(path)).rejects.toThrow('it is 314572800 bytes long, more than 268435456')
  })

  test('damaged bytes: an image or a DenseNetError, never anything else', async () => {
    const folder = await temporaryFolder()
    const originals = await Promise.all(
      (['png', 'jpeg', 'webp', 'gif', 'tiff'] as const).map(format => halves(24, 24).toFormat(format).toBuffer()),
    )
    const damage = fc.record({
      original: fc.constantFrom(...originals),
      changes: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 20 }),
      length: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    let decoded = 0
    await fc.assert(
      fc.asyncProperty(damage, async ({ original, changes, length }) => {
        const bytes = Buffer.from(original.subarray(0, Math.ceil(original.length * length)))
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value
        const path = `${folder}/damaged.jpg`
        writeFileSync(path, bytes)
        try {
          const { data, height, width } = await decodeImageFile(path)
          expect(data.length).toBe(3 * height * width)
          decoded++
        } catch (error) {
          expect(error).toMatchObject({ name: 'DenseNetError', message: expect.stringMatching(/^it /) })
        }
      }),
      { numRuns: 300 },
    )
    expect(decoded).toBeGreaterThan(0)
  }, 60_000)
})

/** PNG's checksum. */
function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc
}

/** Whether a process that runs `code`, a module, has the decoder's library in its memory. */
function loadsDecoder(code: string): boolean {
  const index = JSON.stringify(new URL('../../../dist/entries/data.js', import.meta.url))
  const asked = 'console.log(JSON.stringify(process.report.getReport().sharedObjects))'
  const module = `import * as densenet from ${index}\n${code}\nprocess.report.excludeNetwork = true\n${asked}`
  const answer = execFileSync(process.execPath, ['--input-type=module', '-e', module], { encoding: 'utf8' })
  return (JSON.parse(answer) as string[]).some(path => path.includes('sharp'))
}

test('the decoder, which takes 16 MB and half of the time to import, is loaded for the first image only', async () => {
  const png = (await halves(2, 2).png().toBuffer()).toString('base64')
  expect(loadsDecoder('')).toBe(false)
  expect(loadsDecoder(`await densenet.decodeImage(Buffer.from('${png}', 'base64'))`)).toBe(true)
})
