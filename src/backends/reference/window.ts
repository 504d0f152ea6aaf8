// The geometry of a window that slides over a padded plane.
import type { View } from '../../engine/kernels.js'

/** One position (ky, kx) of a window, and the outputs for which it lies inside the input:
 * output (y, x) in [top, bottom) x [left, right) sees input (y * stride + dy, x * stride + dx). */
export interface Tap {
  readonly dy: number
  readonly dx: number
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

/** The taps of a size x size window, in row order. */
export function taps(input: View, output: View, size: number, stride: number, padding: number): Tap[] {
  const first = (d: number): number => Math.max(0, Math.ceil(-d / stride))
  const end = (d: number, inputs: number, outputs: number): number =>
    Math.min(outputs, Math.floor((inputs - 1 - d) / stride) + 1)
  return Array.from({ length: size * size }, (_, i) => {
    const dy = Math.floor(i / size) - padding
    const dx = (i % size) - padding
    return {
      dy,
      dx,
      top: first(dy),
      bottom: end(dy, input.height, output.height),
      left: first(dx),
      right: end(dx, input.width, output.width),
    }
  })
}
