// Against Pillow and torchvision (test/golden/transforms).
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Image } from '../../../dist/images/image.js'
import { applyOperation } from '../../../dist/images/transforms/auto-augment.js'
import { preprocess, VIEWS } from '../../../dist/images/transforms/preprocess.js'
import { type Interpolation, resize } from '../../../dist/images/transforms/resize.js'
import { picture } from '../../images/transforms/picture.js'

interface Golden {
  resize: {
    interpolation: Interpolation
    height: number
    width: number
    box: [number, number, number, number]
    pixels: string
  }[]
  preprocess: {
    interpolation: Interpolation
    height: number
    width: number
    resize: number
    crop: number
    pixels: string
  }[]
  tenCrop: string[]
  operations: {
    method: 'randAugment' | 'trivialAugment'
    name: string
    step: number
    sign: 1 | -1
    pixels: string
  }[]
}
const file = new URL('../../golden/transforms/transforms.json.gz', import.meta.url)
const golden: Golden = JSON.parse(gunzipSync(readFileSync(file)).toString())
const FILL = [124, 116, 104]

/** Number of values, how many differ, and by how much at most. */
function difference({ data }: Image, pixels: string): { values: number; different: number; most: number } {
  const expected = Buffer.from(pixels, 'base64')
  expect(data.length).toBe(expected.length)
  const differences = [...data].map((value, i) => Math.abs(value - expected[i]!))
  return {
    values: data.length,
    different: differences.filter(value => value > 0).length,
    most: Math.max(...differences),
  }
}

describe('resizing equals Pillow', () => {
  test.each(golden.resize)('$interpolation to $height x $width of $box', ({ pixels, box, ...to }) => {
    const [left, top, width, height] = box
    const image = resize(picture(37, 53), to.height, to.width, to.interpolation, { left, top, width, height })
    const { values, different, most } = difference(image, pixels)
    expect(most).toBeLessThanOrEqual(1)
    // Halves, where our rounding may fall the other way.
    expect(different / values).toBeLessThan(0.05)
  })
})

describe('preprocessing equals torchvision', () => {
  test.each(golden.preprocess)(
    '$interpolation $height x $width: $resize, $crop',
    ({ pixels, height, width, ...how }) => {
      const [image] = preprocess(picture(height, width), how, VIEWS.single)
      expect(difference(image!, pixels).most).toBeLessThanOrEqual(1)
    },
  )

  test('ten crops: four corners and the middle, then mirrored', () => {
    const crops = preprocess(picture(37, 53), { resize: 16, crop: 13, interpolation: 'bicubic' }, VIEWS.ten)
    const [centre, ...corners] = [0, 1, 2, 3, 4]
    const theirs = [false, true].flatMap(mirrored => [...corners, centre!].map(i => (mirrored ? 5 : 0) + i))
    // torchvision: top left, top right, bottom left, bottom right, centre; ours: the original's, centre first.
    theirs.forEach((ours, i) => {
      expect(difference(crops[ours]!, golden.tenCrop[i]!).most).toBeLessThanOrEqual(1)
    })
  })
})

describe('operations equal torchvision', () => {
  const title = (o: Golden['operations'][number]): string => `${o.method} ${o.name} ${o.sign * o.step}`
  test.each(golden.operations.map(o => [title(o), o] as const))('%s', (_, { method, name, step, sign, pixels }) => {
    const image = applyOperation(method, name, picture(12, 14), step, sign, FILL)
    const { values, different, most } = difference(image, pixels)
    const moves = /shear|translate|rotate/.test(name)
    // A point on the border of two pixels may fall either way.
    if (moves) expect(different / values).toBeLessThan(0.08)
    else expect(most).toBeLessThanOrEqual(1)
  })

  test('all of them are there', () => {
    expect(new Set(golden.operations.map(({ name }) => name)).size).toBe(14)
    expect(golden.operations.length).toBeGreaterThan(70)
  })
})
