// A picture from a formula, the same as in test/golden/transforms/make_transforms.py.
import type { Image } from '../../../dist/images/image.js'

export function picture(height: number, width: number): Image {
  const data = new Float32Array(3 * height * width)
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = 40 + 3 * x + Math.floor((2 * y * (c + 1)) / 2) + ((x * 7 + y * 13 + c * 29 + x * y * 31) % 53)
        const edged = (x + 2 * y) % 41 < 20 ? value : Math.floor(value / 2)
        data[(c * height + y) * width + x] = edged % 256
      }
    }
  }
  return { channels: 3, height, width, data }
}
