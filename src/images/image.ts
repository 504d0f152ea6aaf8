// An image on its way through decoding and transforms.

import { DenseNetError } from '../errors.js'

/** A picture of [channels][height][width] numbers. */
export interface Image {
  readonly channels: number
  readonly height: number
  readonly width: number
  /** [channels][height][width], on the 0..255 scale; whole numbers until a transform makes fractions of them. */
  readonly data: Float32Array
}

/** `doubt`: why the pixels may not be what was meant, where that is so. */
export interface DecodedImage extends Image {
  readonly doubt?: string
}

export function emptyImage(channels: number, height: number, width: number): Image {
  return { channels, height, width, data: new Float32Array(channels * height * width) }
}

/** Part of an image, in pixels. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export const wholeBox = ({ width, height }: Image): Box => ({ left: 0, top: 0, width, height })

/** The same image for a network of so many channels: grey as Pillow's convert('L') makes it, or the one channel thrice. */
export function withChannels(image: Image, channels: number): Image {
  if (image.channels === channels) return image
  if (channels === 1) return grey(image)
  if (channels === 3) {
    const { height, width, data } = image
    const output = emptyImage(3, height, width)
    for (let i = 0; i < 3; i++) output.data.set(data, i * data.length)
    return output
  }
  throw new DenseNetError(`the network reads images of ${channels} channels, which no image file has`)
}

/** ITU-R 601-2 in whole numbers (Pillow's libImaging/Convert.c). */
function grey({ height, width, data }: Image): Image {
  const result = emptyImage(1, height, width)
  const size = height * width
  for (let i = 0; i < size; i++) {
    const sum = data[i]! * 19595 + data[size + i]! * 38470 + data[2 * size + i]! * 7471
    result.data[i] = Math.floor((sum + 0x8000) / 0x10000)
  }
  return result
}
