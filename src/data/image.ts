// An image on its way through decoding and transforms.

/** A picture of [channels][height][width] numbers. */
export interface Image {
  readonly channels: number
  readonly height: number
  readonly width: number
  /** [channels][height][width], on the 0..255 scale; whole numbers until a transform makes fractions of them. */
  readonly data: Float32Array
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
