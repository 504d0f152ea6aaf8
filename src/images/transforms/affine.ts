// Affine transformations: each output pixel looks up where it comes from. Pillow's conventions: pixel centres at halves,
// and `nearest` takes the pixel in which the point lies.

import { emptyImage, type Image } from '../image.js'
import { fillWith } from './crop.js'

/** Output (x, y), measured in pixels from the top left corner, shows input (a x + b y + c, d x + e y + f). */
export type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number]

/** Rotates by `degrees` counter-clockwise about the middle. */
export function rotation(degrees: number, { height, width }: Image): Matrix {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
  const [x, y] = [width / 2, height / 2]
  // Back by the same angle: (x, y) is the fixed point; y points down.
  return [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y]
}

/** Shows the input moved by (x, y) pixels. */
export const translation = (x: number, y: number): Matrix => [1, 0, -x, 0, 1, -y]

/** Slants about the top left corner: rows shift by `x` pixels per row, columns by `y` per column. */
export const shear = (x: number, y: number): Matrix => [1, x, 0, y, 1, 0]

export function transformImage(
  image: Image,
  [a, b, c, d, e, f]: Matrix,
  interpolation: 'nearest' | 'bilinear',
  fill: readonly number[],
): Image {
  const { channels, height, width, data } = image
  const output = emptyImage(channels, height, width)
  fillWith(output, fill)
  const size = height * width
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromX = a * (x + 0.5) + b * (y + 0.5) + c
      const fromY = d * (x + 0.5) + e * (y + 0.5) + f
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) continue
      const to = y * width + x
      if (interpolation === 'nearest') {
        const from = Math.floor(fromY) * width + Math.floor(fromX)
        for (let channel = 0; channel < channels; channel++) {
          output.data[channel * size + to] = data[channel * size + from]!
        }
        continue
      }
      const [u, v] = [clamp(fromX - 0.5, width - 1), clamp(fromY - 0.5, height - 1)]
      const [left, top] = [Math.floor(u), Math.floor(v)]
      const [right, bottom] = [Math.min(left + 1, width - 1), Math.min(top + 1, height - 1)]
      const [p, q] = [u - left, v - top]
      for (let channel = 0; channel < channels; channel++) {
        const at = channel * size
        const above = (1 - p) * data[at + top * width + left]! + p * data[at + top * width + right]!
        const below = (1 - p) * data[at + bottom * width + left]! + p * data[at + bottom * width + right]!
        output.data[at + to] = (1 - q) * above + q * below
      }
    }
  }
  return output
}

const clamp = (value: number, most: number): number => Math.min(most, Math.max(0, value))
