// The original's transforms by their formulas, the others by what they must keep.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Image } from '../../../dist/images/image.js'
import { colorJitter, lighting } from '../../../dist/images/transforms/colour.js'
import { cropBox } from '../../../dist/images/transforms/crop.js'
import { preprocess, VIEWS } from '../../../dist/images/transforms/preprocess.js'
import { resize } from '../../../dist/images/transforms/resize.js'
import { transformSchema } from '../../../dist/images/transforms/schema.js'
import {
  applyTransform,
  applyTransforms,
  imagenetTransforms,
  type Transform,
} from '../../../dist/images/transforms/transform.js'
import { type RandomStream, randomStream } from '../../../dist/util/random.js'
import { picture } from './picture.js'

const FILL = [1, 2, 3]
/** ImageNet's: no whole numbers, as means are. */
const MEAN = [123.675, 116.28, 103.53]
const apply = (image: Image, transform: Transform, index = 0): Image =>
  applyTransform(image, transform, randomStream(1, 'augmentation', 0, index), FILL)
/** Plays back uniform numbers. */
const played = (...numbers: number[]): RandomStream => ({
  uint32: () => 0,
  uniform: () => numbers.shift()!,
  fillUniform: into => into.set(numbers.splice(0, into.length)),
  integer: n => Math.floor(numbers.shift()! * n),
  normal: () => numbers.shift()!,
})
const at = ({ data, height, width }: Image, channel: number, y: number, x: number): number =>
  data[(channel * height + y) * width + x]!

/** Torch's image.scale(..., 'bicubic') for one row, written as its C code is. */
function torchRow(source: number[], length: number): number[] {
  if (length === source.length) return source
  const n = source.length
  if (n === 1) return Array(length).fill(source[0]!)
  const scale = length === 1 ? n - 1 : (n - 1) / (length - 1)
  const row = Array.from({ length: length - 1 }, (_, x) => {
    const i = Math.trunc(x * scale)
    const t = x * scale - i
    const [p1, p2] = [source[i]!, source[i + 1]!]
    const p0 = i > 0 ? source[i - 1]! : 2 * p1 - p2
    const p3 = i + 2 < n ? source[i + 2]! : 2 * p2 - p1
    const a2 = 2 * p0 - 5 * p1 + 4 * p2 - p3
    return p1 + 0.5 * t * (p2 - p0 + t * (a2 + t * (3 * (p1 - p2) + p3 - p0)))
  })
  return [...row, source[n - 1]!]
}

describe('resizing', () => {
  test("as the original's Torch", () => {
    const sizes = fc.integer({ min: 1, max: 20 })
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 20 }), sizes, (row, length) => {
        fc.pre(length > 1 || row.length === 1)
        const image = { channels: 1, height: 1, width: row.length, data: Float32Array.from(row) }
        const output = resize(image, 1, length, 'torch-bicubic')
        torchRow(row, length).forEach((value, i) => {
          expect(output.data[i]).toBeCloseTo(value, 2)
        })
      }),
    )
  })

  test('keeps an even colour even, at any size and in any box', () => {
    const cases = fc.record({
      from: fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })),
      to: fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })),
      interpolation: fc.constantFrom('bilinear' as const, 'bicubic' as const, 'torch-bicubic' as const),
      colour: fc.integer({ min: 0, max: 255 }),
    })
    fc.assert(
      fc.property(cases, ({ from: [height, width], to, interpolation, colour }) => {
        const image = { channels: 1, height, width, data: new Float32Array(height * width).fill(colour) }
        const box = { left: width >> 1, top: height >> 1, width: width - (width >> 1), height: height - (height >> 1) }
        for (const value of resize(image, to[0], to[1], interpolation, box).data) expect(value).toBeCloseTo(colour, 2)
      }),
    )
  })
})

describe("the original's transforms", () => {
  test('the middle is rounded up: 5 of 10 begins at 3', () => {
    const image = picture(10, 9)
    const output = apply(image, { kind: 'centerCrop', size: 5 })
    expect(at(output, 1, 0, 0)).toBe(at(image, 1, 3, 2))
    expect(preprocess(image, { resize: 9, crop: 4, interpolation: 'torch-bicubic' }, VIEWS.single)[0]!.width).toBe(4)
  })

  test('the shorter side is scaled, or left when it fits', () => {
    const image = picture(20, 31)
    expect(apply(image, { kind: 'scale', size: 20, interpolation: 'bicubic' })).toBe(image)
    const output = apply(image, { kind: 'scale', size: 10, interpolation: 'bicubic' })
    expect([output.height, output.width]).toEqual([10, 15])
  })

  test('a random sized crop has an area from 8 % on and sides of up to 3 : 4, and is resized as a whole', () => {
    const image = picture(60, 80)
    const transform = imagenetTransforms(16)[0]!
    const starts = new Set<number>()
    for (let i = 0; i < 50; i++) {
      const output = apply(image, transform, i)
      expect([output.height, output.width]).toEqual([16, 16])
      starts.add(output.data[0]!)
    }
    expect(starts.size).toBeGreaterThan(15)
    // area 0.5 of 4800, ratio 1.2: 54 x 45, upright; from (6, 20).
    const random = played((0.5 - 0.08) / 0.92, (1.2 - 0.75) / (4 / 3 - 0.75), 0.7, 6.5 / 16, 20.5 / 27)
    const output = applyTransform(image, transform, random, FILL)
    expect(output).toEqual(resize(image, 16, 16, 'bicubic', { left: 20, top: 6, width: 54, height: 45 }))
  })

  test('ten tries that do not fit end in the middle', () => {
    const strip = picture(4, 90)
    const output = applyTransform(strip, imagenetTransforms(8)[0]!, played(...Array(30).fill(0.99)), FILL)
    expect(output).toEqual(preprocess(strip, { resize: 8, crop: 8, interpolation: 'bicubic' }, VIEWS.single)[0])
  })

  test('colour jitter blends with black, mean grey and grey, in the order that is drawn, without clamping', () => {
    const image: Image = { channels: 3, height: 1, width: 2, data: Float32Array.of(200, 100, 150, 50, 250, 0) }
    const strengths = { brightness: 0.4, contrast: 0.4, saturation: 0.4 }
    // Twice "the last": the order stays brightness, contrast, saturation. Then 1.4, 0.6 and 1.2 of the image.
    const output = colorJitter(image, strengths, played(0.99, 0.99, 1, 0, 0.75))
    const bright = [280, 140, 210, 70, 350, 0]
    const grey = (values: number[], i: number): number =>
      0.299 * values[i]! + 0.587 * values[2 + i]! + 0.114 * values[4 + i]!
    const mean = (grey(bright, 0) + grey(bright, 1)) / 2
    const flat = bright.map(value => 0.6 * value + 0.4 * mean)
    const expected = flat.map((value, i) => 1.2 * value - 0.2 * grey(flat, i % 2))
    expected.forEach((value, i) => {
      expect(output.data[i]).toBeCloseTo(value, 3)
    })
    expect(colorJitter(image, { brightness: 0, contrast: 0, saturation: 0 }, randomStream(1, 'augmentation'))).toEqual(
      image,
    )
  })

  test('lighting adds the principal components to every pixel', () => {
    const image = picture(3, 4)
    const output = lighting(image, 0.1, played(1, -2, 3))
    const [a, b, c] = [0.1 * 0.2175, -0.2 * 0.0188, 0.3 * 0.0045]
    const shifts = [
      -0.5675 * a + 0.7192 * b + 0.4009 * c,
      -0.5808 * a - 0.0045 * b - 0.814 * c,
      -0.5836 * a - 0.6948 * b + 0.4203 * c,
    ]
    shifts.forEach((shift, channel) => {
      expect(at(output, channel, 2, 1) - at(image, channel, 2, 1)).toBeCloseTo(255 * shift, 3)
    })
  })

  test('half of the images are mirrored', () => {
    const image = picture(2, 3)
    const mirrored = cropBox(image, { left: 0, top: 0, width: 3, height: 2 }, true)
    expect(at(mirrored, 2, 1, 0)).toBe(at(image, 2, 1, 2))
    let count = 0
    for (let i = 0; i < 1000; i++) {
      const output = apply(image, { kind: 'horizontalFlip', probability: 0.5 }, i)
      expect([image, mirrored]).toContainEqual(output)
      if (output !== image) count++
    }
    expect(Math.abs(count - 500)).toBeLessThan(60)
  })

  test('a random crop of a padded image shows the mean colour beyond its edge', () => {
    const image = picture(4, 4)
    const corners = new Set<string>()
    for (let i = 0; i < 300; i++) {
      const output = apply(image, { kind: 'randomCrop', size: 4, pad: 2 }, i)
      const found = [0, 1, 2, 3, 4].flatMap(y =>
        [0, 1, 2, 3, 4].map(x => ({ left: x - 2, top: y - 2, width: 4, height: 4 })),
      )
      const box = found.find(box => JSON.stringify(cropBox(image, box, false, FILL)) === JSON.stringify(output))
      expect(box).toBeDefined()
      corners.add(`${box!.left} ${box!.top}`)
    }
    expect(corners.size).toBe(25)
  })

  test('rotation keeps the size; by nothing it changes nothing; beyond the edge is the mean colour', () => {
    const image = picture(9, 9)
    expect(apply(image, { kind: 'rotation', degrees: 0 })).toEqual(image)
    const quarter = applyTransform(image, { kind: 'rotation', degrees: 180 }, played(1), FILL)
    // 90 degrees counter-clockwise: the right edge is on top.
    expect(at(quarter, 0, 0, 2)).toBeCloseTo(at(image, 0, 2, 8), 2)
    const turned = applyTransform(image, { kind: 'rotation', degrees: 180 }, played(0.75), FILL)
    expect([0, 1, 2].map(channel => at(turned, channel, 0, 0))).toEqual(FILL)
  })
})

describe('hiding', () => {
  const hiddenShare = (output: Image): number => {
    const size = output.height * output.width
    let hidden = 0
    for (let i = 0; i < size; i++) if ([0, 1, 2].every(c => output.data[c * size + i] === FILL[c])) hidden++
    return hidden / size
  }

  test('random erasing hides a rectangle of 2 to 33 %, as often as asked for', () => {
    const image = picture(32, 32)
    const erasing: Transform = { kind: 'randomErasing', probability: 0.25, area: [0.02, 0.33], ratio: [0.3, 3.3] }
    let erased = 0
    for (let i = 0; i < 800; i++) {
      const output = apply(image, erasing, i)
      if (output === image) continue
      erased++
      expect(hiddenShare(output)).toBeGreaterThan(0.015)
      expect(hiddenShare(output)).toBeLessThan(0.36)
    }
    expect(Math.abs(erased / 800 - 0.25)).toBeLessThan(0.05)
  })

  test('cutout hides a square, less where it reaches beyond the image', () => {
    const shares = Array.from({ length: 200 }, (_, i) =>
      hiddenShare(apply(picture(32, 32), { kind: 'cutout', size: 16 }, i)),
    )
    expect(Math.max(...shares)).toBe(0.25)
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(1 / 16)
  })
})

describe('any list of transforms', () => {
  const size = fc.integer({ min: 1, max: 40 })
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const interpolation = fc.constantFrom('bilinear' as const, 'bicubic' as const, 'torch-bicubic' as const)
  const transform: fc.Arbitrary<Transform> = fc.oneof(
    fc.record({ kind: fc.constant('scale' as const), size, interpolation }),
    fc.record({ kind: fc.constant('centerCrop' as const), size }),
    fc.record({ kind: fc.constant('randomCrop' as const), size, pad: fc.integer({ min: 0, max: 9 }) }),
    size.map(size => ({ ...imagenetTransforms(size)[0]! })),
    fc.record({ kind: fc.constant('horizontalFlip' as const), probability: share }),
    fc.record({ kind: fc.constant('rotation' as const), degrees: fc.integer({ min: 0, max: 360 }) }),
    fc.record({ kind: fc.constant('colorJitter' as const), brightness: share, contrast: share, saturation: share }),
    fc.record({ kind: fc.constant('lighting' as const), deviation: share }),
    fc.record({
      kind: fc.constant('randomErasing' as const),
      probability: share,
      area: fc.constant<[number, number]>([0.02, 0.5]),
      ratio: fc.constant<[number, number]>([0.3, 3]),
    }),
    fc.record({ kind: fc.constant('cutout' as const), size }),
    fc.constant<Transform>({ kind: 'trivialAugment' }),
    fc.record({
      kind: fc.constant('randAugment' as const),
      operations: fc.integer({ min: 1, max: 4 }),
      magnitude: fc.integer({ min: 0, max: 30 }),
    }),
  )

  test('gives a finite image, the same one again, and leaves the original as it was', () => {
    const cases = fc.record({
      list: fc.array(transform, { maxLength: 5 }),
      height: size,
      width: size,
      index: fc.nat(1000),
    })
    fc.assert(
      fc.property(cases, ({ list, height, width, index }) => {
        for (const one of list) expect(transformSchema.safeParse(one).success).toBe(true)
        const image = picture(height, width)
        const output = applyTransforms(image, list, MEAN, 1, 2, index)
        expect(output.data.length).toBe(3 * output.height * output.width)
        expect(output.data.every(Number.isFinite)).toBe(true)
        expect(image).toEqual(picture(height, width))
        expect(applyTransforms(image, list, MEAN, 1, 2, index)).toEqual(output)
      }),
      { numRuns: 300 },
    )
  })

  test('each has random numbers of its own: taking one out leaves the others as they were', () => {
    const crop: Transform = { kind: 'randomCrop', size: 8, pad: 0 }
    const image = picture(20, 20)
    const flip = (probability: number): Transform => ({ kind: 'horizontalFlip', probability })
    for (let i = 0; i < 10; i++) {
      const never = applyTransforms(image, [flip(0), crop], FILL, 1, 1, i)
      const erased = applyTransforms(image, [{ kind: 'cutout', size: 1 }, crop], FILL, 1, 1, i)
      const different = never.data.filter((value, j) => value !== erased.data[j]).length
      expect(different).toBeLessThanOrEqual(3)
    }
  })
})
