// The last step before the network: pixels of 0..255 to the numbers it was trained on.
import type { Normalisation } from './dataset.js'
import type { Image } from './image.js'

/** Writes (pixel - mean) / deviation of every channel to `output` from `offset` on, [channels][height][width]. */
export function normaliseImage(
  { channels, height, width, data }: Image,
  { mean, deviation }: Normalisation,
  output: Float32Array,
  offset: number,
): void {
  const size = height * width
  for (let channel = 0; channel < channels; channel++) {
    const from = channel * size
    const to = offset + from
    const [shift, scale] = [mean[channel]!, 1 / deviation[channel]!]
    for (let i = 0; i < size; i++) output[to + i] = (data[from + i]! - shift) * scale
  }
}
