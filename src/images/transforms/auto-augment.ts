// RandAugment (Cubuk et al. 2020) and TrivialAugment (Mueller and Hutter 2021), with torchvision's operations, ranges and
// 31 steps of strength. They work on whole numbers from 0 to 255.

import type { RandomStream } from '../../util/random.js'
import type { Image } from '../image.js'
import { rotation, shear, transformImage, translation } from './affine.js'
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustSharpness,
  autoContrast,
  equalize,
  posterize,
  solarize,
} from './colour.js'

const STEPS = 31

type Apply = (image: Image, strength: number, fill: readonly number[]) => Image

interface Operation {
  /** Strength at a share (0..1) of the full range. */
  readonly strength: (share: number, image: Image) => number
  /** Whether the strength has a random sign. */
  readonly signed: boolean
  readonly apply: Apply
}

const enhance = (adjust: (image: Image, factor: number) => Image, most: number): Operation => ({
  strength: share => most * share,
  signed: true,
  apply: (image, strength) => adjust(image, 1 + strength),
})
const move = (
  strength: Operation['strength'],
  matrix: (strength: number, image: Image) => Parameters<typeof transformImage>[1],
): Operation => ({
  strength,
  signed: true,
  apply: (image, by, fill) => transformImage(image, matrix(by, image), 'nearest', fill),
})
const plain = (apply: (image: Image) => Image): Operation => ({ strength: () => 0, signed: false, apply })

/** Full ranges of the two methods. */
interface Ranges {
  readonly shear: number
  readonly translateX: (image: Image) => number
  readonly translateY: (image: Image) => number
  readonly degrees: number
  readonly enhance: number
  /** Divides the step's number to get the bits that are lost. */
  readonly posterize: number
}

const operations = (ranges: Ranges): Readonly<Record<string, Operation>> => ({
  identity: plain(image => image),
  shearX: move(
    share => ranges.shear * share,
    by => shear(by, 0),
  ),
  shearY: move(
    share => ranges.shear * share,
    by => shear(0, by),
  ),
  translateX: move(
    (share, image) => Math.trunc(ranges.translateX(image) * share),
    by => translation(by, 0),
  ),
  translateY: move(
    (share, image) => Math.trunc(ranges.translateY(image) * share),
    by => translation(0, by),
  ),
  rotate: move(
    share => ranges.degrees * share,
    (by, image) => rotation(by, image),
  ),
  brightness: enhance(adjustBrightness, ranges.enhance),
  saturation: enhance(adjustSaturation, ranges.enhance),
  contrast: enhance(adjustContrast, ranges.enhance),
  sharpness: enhance(adjustSharpness, ranges.enhance),
  posterize: {
    strength: share => 8 - halfToEven((share * (STEPS - 1)) / ranges.posterize),
    signed: false,
    apply: posterize,
  },
  solarize: { strength: share => 255 * (1 - share), signed: false, apply: solarize },
  autoContrast: plain(autoContrast),
  equalize: plain(equalize),
})

/** As PyTorch rounds. */
function halfToEven(x: number): number {
  const low = Math.floor(x)
  if (x - low !== 0.5) return Math.round(x)
  return low % 2 === 0 ? low : low + 1
}

const RAND_AUGMENT = operations({
  shear: 0.3,
  translateX: image => (150 / 331) * image.width,
  translateY: image => (150 / 331) * image.height,
  degrees: 30,
  enhance: 0.9,
  posterize: (STEPS - 1) / 4,
})
const TRIVIAL_AUGMENT = operations({
  shear: 0.99,
  translateX: () => 32,
  translateY: () => 32,
  degrees: 135,
  enhance: 0.99,
  posterize: (STEPS - 1) / 6,
})

/** One operation at `step` (0..30) of its range; `sign` is for those that have two directions. Exported for tests. */
export function applyOperation(
  method: 'randAugment' | 'trivialAugment',
  name: string,
  image: Image,
  step: number,
  sign: 1 | -1,
  fill: readonly number[],
): Image {
  const { strength, signed, apply } = (method === 'randAugment' ? RAND_AUGMENT : TRIVIAL_AUGMENT)[name]!
  const value = strength(step / (STEPS - 1), image)
  return apply(image, signed ? sign * value : value, fill)
}

const operationNames = Object.keys(RAND_AUGMENT)

const anyOperation = (random: RandomStream): string => operationNames[random.integer(operationNames.length)]!
const anySign = (random: RandomStream): 1 | -1 => (random.uniform() < 0.5 ? -1 : 1)

/** Other transforms before may have left fractions, and values beyond the scale. */
function wholeNumbers(image: Image): Image {
  return { ...image, data: Float32Array.from(Uint8ClampedArray.from(image.data)) }
}

/** `count` random operations, one after the other, all at strength `magnitude` of 30. */
export function randAugment(
  image: Image,
  count: number,
  magnitude: number,
  random: RandomStream,
  fill: readonly number[],
): Image {
  let output = wholeNumbers(image)
  // The next operation looks pixels up in tables: one of a fraction would become NaN.
  const whole = fill.map(Math.round)
  for (let i = 0; i < count; i++) {
    output = applyOperation('randAugment', anyOperation(random), output, magnitude, anySign(random), whole)
  }
  return output
}

/** One random operation at a random strength. */
export function trivialAugment(image: Image, random: RandomStream, fill: readonly number[]): Image {
  const name = anyOperation(random)
  const step = random.integer(STEPS)
  return applyOperation('trivialAugment', name, wholeNumbers(image), step, anySign(random), fill)
}
