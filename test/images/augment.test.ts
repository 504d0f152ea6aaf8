import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { choosePlacement, normalisationTable, type Placement, writeImage } from '../../dist/images/augment.js'

/** 1 channel, 2 rows, 3 columns, mean 0 and deviation 1: numbers stay as they are. */
const pixels = Uint8Array.from([1, 2, 3, 4, 5, 6])
const shape = { channels: 1, height: 2, width: 3 }
const plain = normalisationTable({ mean: [0], deviation: [1] })

function placed(pad: number, placement: Placement): number[] {
  const output = new Float32Array(8).fill(99)
  writeImage(pixels, 0, shape, plain, pad, placement, output, 1)
  expect([output[0], output[7]]).toEqual([99, 99])
  return [...output.subarray(1, 7)]
}

describe('one image', () => {
  test('stays as it is in the middle, is mirrored left to right', () => {
    expect(placed(0, { mirrored: false, left: 0, top: 0 })).toEqual([1, 2, 3, 4, 5, 6])
    expect(placed(1, { mirrored: false, left: 1, top: 1 })).toEqual([1, 2, 3, 4, 5, 6])
    expect(placed(0, { mirrored: true, left: 0, top: 0 })).toEqual([3, 2, 1, 6, 5, 4])
  })

  test('is mirrored first, then padded with zeros and cropped', () => {
    expect(placed(1, { mirrored: false, left: 0, top: 0 })).toEqual([0, 0, 0, 0, 1, 2])
    expect(placed(1, { mirrored: false, left: 2, top: 2 })).toEqual([5, 6, 0, 0, 0, 0])
    expect(placed(1, { mirrored: true, left: 0, top: 1 })).toEqual([0, 3, 2, 0, 6, 5])
    expect(placed(1, { mirrored: true, left: 2, top: 1 })).toEqual([2, 1, 0, 5, 4, 0])
    expect(placed(4, { mirrored: true, left: 0, top: 0 })).toEqual([0, 0, 0, 0, 0, 0])
    expect(placed(4, { mirrored: false, left: 8, top: 8 })).toEqual([0, 0, 0, 0, 0, 0])
  })

  test('is normalised channel by channel, before it is padded', () => {
    const table = normalisationTable({ mean: [125.3, 10], deviation: [63, 4] })
    const output = new Float32Array(4)
    const two = { channels: 2, height: 1, width: 2 }
    writeImage(Uint8Array.from([0, 255, 10, 12]), 0, two, table, 1, { mirrored: false, left: 2, top: 1 }, output, 0)
    expect([...output]).toEqual([Math.fround((255 - 125.3) / 63), 0, 0.5, 0])
  })

  test('equals the plain way of doing it: build the padded image, cut out', () => {
    const cases = fc.record({
      height: fc.integer({ min: 1, max: 5 }),
      width: fc.integer({ min: 1, max: 5 }),
      channels: fc.integer({ min: 1, max: 3 }),
      pad: fc.integer({ min: 0, max: 7 }),
      mirrored: fc.boolean(),
      x: fc.nat(),
      y: fc.nat(),
    })
    fc.assert(
      fc.property(cases, ({ height, width, channels, pad, mirrored, x, y }) => {
        const size = channels * height * width
        const images = Uint8Array.from({ length: 2 * size }, (_, i) => (i * 37) % 251)
        const table = normalisationTable({ mean: [1, 2, 3], deviation: [4, 5, 6] })
        const [left, top] = [x % (2 * pad + 1), y % (2 * pad + 1)]
        const output = new Float32Array(size)
        writeImage(images, 1, { channels, height, width }, table, pad, { mirrored, left, top }, output, 0)
        for (let c = 0; c < channels; c++) {
          for (let row = 0; row < height; row++) {
            for (let column = 0; column < width; column++) {
              const [fromRow, shown] = [row + top - pad, column + left - pad]
              const inside = fromRow >= 0 && fromRow < height && shown >= 0 && shown < width
              const from = mirrored ? width - 1 - shown : shown
              const pixel = images[size + (c * height + fromRow) * width + from]!
              const expected = inside ? Math.fround((pixel - (c + 1)) / (c + 4)) : 0
              expect(output[(c * height + row) * width + column]).toBe(expected)
            }
          }
        }
      }),
    )
  })
})

describe('chance', () => {
  const standard = { flip: true, pad: 4 }

  test('hangs on seed, epoch and image only', () => {
    expect(choosePlacement(standard, 1, 2, 3)).toEqual(choosePlacement(standard, 1, 2, 3))
    const others = [
      choosePlacement(standard, 2, 2, 3),
      choosePlacement(standard, 1, 3, 3),
      choosePlacement(standard, 1, 2, 4),
    ]
    const same = others.filter(other => JSON.stringify(other) === JSON.stringify(choosePlacement(standard, 1, 2, 3)))
    expect(same.length).toBeLessThan(3)
  })

  test('mirrors half of them and shows every one of the 81 windows', () => {
    const windows = new Map<string, number>()
    let mirrored = 0
    const images = 8100
    for (let image = 0; image < images; image++) {
      const placement = choosePlacement(standard, 7, 0, image)
      if (placement.mirrored) mirrored++
      const window = `${placement.left},${placement.top}`
      windows.set(window, (windows.get(window) ?? 0) + 1)
    }
    expect(Math.abs(mirrored / images - 0.5)).toBeLessThan(0.03)
    expect(windows.size).toBe(81)
    expect(Math.min(...windows.values())).toBeGreaterThan(55)
    expect(Math.max(...windows.values())).toBeLessThan(150)
  })

  test('the crops stay when the flip is turned off', () => {
    for (let image = 0; image < 20; image++) {
      const { left, top } = choosePlacement(standard, 1, 0, image)
      expect(choosePlacement({ flip: false, pad: 4 }, 1, 0, image)).toEqual({ mirrored: false, left, top })
    }
  })
})
