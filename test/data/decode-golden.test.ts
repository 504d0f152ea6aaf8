// Picture files of many kinds against Pillow: see test/golden/decoding/make_pictures.py.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decodeImage } from '../../dist/data/loading/decode.js'
import { withChannels } from '../../dist/images/image.js'

interface Picture {
  readonly file: string
  readonly height: number
  readonly width: number
  /** [height][width][3] and [height][width], base64. */
  readonly rgb: string
  readonly grey: string
  readonly off: number
  readonly refused?: string
}

const stored = readFileSync(new URL('../golden/decoding/pictures.json.gz', import.meta.url))
const pictures = Object.entries(JSON.parse(gunzipSync(stored).toString()) as Record<string, Picture>)
const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64')

/** The greatest difference. */
function worst(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length)
  return Array.from(found, (value, i) => Math.abs(value - expected[i]!)).reduce((a, b) => Math.max(a, b))
}

describe('as Pillow', () => {
  test.each(pictures.filter(([, { refused }]) => !refused))('%s', async (_, picture) => {
    const image = await decodeImage(bytes(picture.file))
    const { channels, height, width, data } = image
    expect([channels, height, width]).toEqual([3, picture.height, picture.width])
    const size = height * width
    const interleaved = Array.from({ length: 3 * size }, (_, i) => data[(i % 3) * size + Math.floor(i / 3)]!)
    expect(worst(interleaved, bytes(picture.rgb))).toBeLessThanOrEqual(picture.off)
    expect(worst(withChannels(image, 1).data, bytes(picture.grey))).toBeLessThanOrEqual(picture.off)
  })
})

test.each(pictures.filter(([, { refused }]) => refused))('%s is refused', async (_, { file, refused }) => {
  await expect(decodeImage(bytes(file))).rejects.toThrow(refused)
})

test('12 bits in a file of 16 are doubted, 16 are not', async () => {
  const doubt = async (name: string) => (await decodeImage(bytes(Object.fromEntries(pictures)[name]!.file))).doubt
  expect(await doubt('12-of-16-bit.png')).toBe(
    'its 16-bit pixels reach 4080 of 65535, so it is almost black; if they are of 12 bits, multiply them by 16',
  )
  expect(await doubt('16-bit.png')).toBe(undefined)
  expect(await doubt('16-bit-rgb.tif')).toBe(undefined)
})
