// The last step before the network: pixels of 0..255 to the numbers it was trained on.
import { parameterError } from '../errors.js'
import type { Normalisation } from './dataset.js'
import type { Image } from './image.js'

/** Whether these are of values from 0 to 1, not of pixels from 0 to 255. Mean 0 and deviation 1 change nothing on either. */
export function isOfUnitScale({ mean, deviation }: Normalisation): boolean {
  const changesNothing = mean.every(value => value === 0) && deviation.every(value => value === 1)
  return !changesNothing && [...mean, ...deviation].every(value => value <= 1)
}

/** Refuses what cannot be meant of pixels from 0 to 255. */
export function checkPixelScale(normalisation: Normalisation): void {
  const { mean, deviation } = normalisation
  const fits = mean.every(value => value >= 0 && value <= 255) && deviation.every(value => value > 0 && value <= 255)
  if (fits && !isOfUnitScale(normalisation)) return
  throw parameterError(
    'normalisation',
    'means from 0 to 255 and deviations above 0 and up to 255, of pixels from 0 to 255,',
    normalisation,
    fits ? 'these are of values from 0 to 1: multiply them by 255' : undefined,
  )
}

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
