// What pixels are of: masks beside images, whose values become classes; -1 where a pixel has no label.
import { DenseNetError, usageError } from '../errors.js'
import { emptyImage, type Image } from './image.js'
import { cropBox } from './transforms/crop.js'
import type { Transform } from './transforms/transform.js'

/** The masks of a data set of files. */
export interface Masks {
  /** [length], one for each image. */
  readonly files: readonly string[]
  /** What each value of a pixel means: a class, or -1. */
  readonly meaning: ReadonlyMap<number, number>
  /** Whether images are shown as squares cut out of them; else as they are, those that are smaller than others with nothing beside them. */
  readonly crops: boolean
}

/** As it is in its file: [height][width] numbers of palettes or grey values; of colours 65536 red + 256 green + blue. */
export interface DecodedMask {
  readonly height: number
  readonly width: number
  readonly values: Uint32Array
}

/** A pixel that has no label. */
export const VOID = -1

/** Classes as an image of one channel, so that what moves pixels moves them alike. */
export function maskImage({ height, width, values }: DecodedMask, meaning: Masks['meaning']): Image {
  const image = emptyImage(1, height, width)
  for (let i = 0; i < values.length; i++) {
    const label = meaning.get(values[i]!)
    if (label === undefined) {
      const place = `column ${i % width}, row ${Math.floor(i / width)}`
      throw new DenseNetError(`its mask has the value ${shown(values[i]!)} at ${place}, which is none of the classes`)
    }
    image.data[i] = label
  }
  return image
}

const shown = (value: number): string =>
  value < 256 ? String(value) : `(${[value >> 16, (value >> 8) & 255, value & 255].join(', ')})`

/** What is done to an image and to its mask: it moves whole pixels, so that no label is made up between two others. */
const MOVES: readonly Transform['kind'][] = ['randomCrop', 'centerCrop', 'horizontalFlip']
/** What is done to the image alone. */
const COLOURS: readonly Transform['kind'][] = ['colorJitter', 'lighting']

export const movesPixels = ({ kind }: Transform): boolean => MOVES.includes(kind)

/** Refuses augmentations that would make new pixels of those that are there. */
export function checkPaired(transforms: readonly Transform[]): void {
  const other = transforms.find(({ kind }) => !MOVES.includes(kind) && !COLOURS.includes(kind))
  if (!other) return
  throw usageError(
    `the transform ${other.kind} would make labels up between pixels of a mask`,
    `those for images with masks are ${[...MOVES, ...COLOURS].join(', ')}`,
  )
}

/** At the top left of a frame, `fill` beside it. */
export function framed(image: Image, height: number, width: number, fill: readonly number[]): Image {
  if (image.height === height && image.width === width) return image
  if (image.height <= height && image.width <= width) {
    return cropBox(image, { left: 0, top: 0, width, height }, false, fill)
  }
  throw new DenseNetError(`it is ${image.height} x ${image.width} pixels, the network reads ${height} x ${width}`)
}
