// Hiding a part of the image under the mean colour, which is zero to the network.

import type { RandomStream } from '../../util/random.js'
import type { Image } from '../image.js'
import { fillWith } from './crop.js'

export interface RandomErasing {
  readonly probability: number
  /** Least and greatest share of the image's area. */
  readonly area: readonly [number, number]
  /** Least and greatest height / width, drawn evenly in its logarithm. */
  readonly ratio: readonly [number, number]
}

/** A random rectangle (Zhong et al. 2017; torchvision's RandomErasing). */
export function randomErasing(
  image: Image,
  { probability, area, ratio }: RandomErasing,
  random: RandomStream,
  fill: readonly number[],
): Image {
  if (random.uniform() >= probability) return image
  for (let attempt = 0; attempt < 10; attempt++) {
    const pixels = image.height * image.width * between(area, random)
    const tall = Math.exp(between([Math.log(ratio[0]), Math.log(ratio[1])], random))
    const height = Math.round(Math.sqrt(pixels * tall))
    const width = Math.round(Math.sqrt(pixels / tall))
    if (height >= image.height || width >= image.width) continue
    const top = random.integer(image.height - height + 1)
    const left = random.integer(image.width - width + 1)
    return hidden(image, { left, top, width, height }, fill)
  }
  return image
}

/** A square of `size` pixels about a random pixel, which may reach beyond the image (DeVries and Taylor 2017). */
export function cutout(image: Image, size: number, random: RandomStream, fill: readonly number[]): Image {
  const left = random.integer(image.width) - Math.floor(size / 2)
  const top = random.integer(image.height) - Math.floor(size / 2)
  return hidden(image, { left, top, width: size, height: size }, fill)
}

function hidden(image: Image, box: Parameters<typeof fillWith>[2], fill: readonly number[]): Image {
  const output = { ...image, data: image.data.slice() }
  fillWith(output, fill, box)
  return output
}

const between = ([low, high]: readonly [number, number], random: RandomStream): number =>
  low + (high - low) * random.uniform()
