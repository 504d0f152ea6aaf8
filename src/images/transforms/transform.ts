// Augmentation as a list of transforms, plain data that a recipe can hold and a loader thread be given. An image is on the
// 0..255 scale all the way; it is normalised at the very end, so what is filled is filled with the mean colour: zero to
// the network. Random numbers hang on (seed, epoch, image, place in the list) only.

import { type RandomStream, randomStream } from '../../util/random.js'
import type { Box, Image } from '../image.js'
import { rotation, transformImage } from './affine.js'
import { randAugment, trivialAugment } from './auto-augment.js'
import { colorJitter, lighting } from './colour.js'
import { cropBox, mirror } from './crop.js'
import { cutout, randomErasing } from './erase.js'
import { preprocess, scaleShorter, VIEWS } from './preprocess.js'
import { resize } from './resize.js'
import type { Transform } from './schema.js'

export type { Transform }

/** Whether it has no meaning for images of one channel; what else changes colours, leaves their saturation alone. */
export const needsColour = (kind: Transform['kind']): boolean => kind === 'lighting'

/** Applies all of them in order. `fill`: the mean colour. */
export function applyTransforms(
  image: Image,
  transforms: readonly Transform[],
  fill: readonly number[],
  seed: number,
  epoch: number,
  index: number,
): Image {
  return transforms.reduce(
    (now, transform, place) =>
      applyTransform(now, transform, randomStream(seed, 'augmentation', epoch, index, place), fill),
    image,
  )
}

export function applyTransform(
  image: Image,
  transform: Transform,
  random: RandomStream,
  fill: readonly number[],
): Image {
  switch (transform.kind) {
    case 'scale':
      return scaleShorter(image, transform.size, transform.interpolation)
    case 'centerCrop': {
      const { size } = transform
      const [left, top] = [Math.ceil((image.width - size) / 2), Math.ceil((image.height - size) / 2)]
      return cropBox(image, { left, top, width: size, height: size }, false, fill)
    }
    case 'randomCrop': {
      const { size, pad } = transform
      // An image smaller than the window lies somewhere inside it.
      const place = (length: number): number => random.integer(Math.abs(length + 2 * pad - size) + 1)
      const [x, y] = [place(image.width), place(image.height)]
      const left = image.width + 2 * pad >= size ? x - pad : -x - pad
      const top = image.height + 2 * pad >= size ? y - pad : -y - pad
      return cropBox(image, { left, top, width: size, height: size }, false, fill)
    }
    case 'randomSizedCrop':
      return randomSizedCrop(image, transform, random)
    case 'horizontalFlip':
      return random.uniform() < transform.probability ? mirror(image) : image
    case 'rotation': {
      const degrees = (random.uniform() - 0.5) * transform.degrees
      return transformImage(image, rotation(degrees, image), 'bilinear', fill)
    }
    case 'colorJitter':
      return colorJitter(image, transform, random)
    case 'lighting':
      return lighting(image, transform.deviation, random)
    case 'randAugment':
      return randAugment(image, transform.operations, transform.magnitude, random, fill)
    case 'trivialAugment':
      return trivialAugment(image, random, fill)
    case 'randomErasing':
      return randomErasing(image, transform, random, fill)
    case 'cutout':
      return cutout(image, transform.size, random, fill)
  }
}

/** Ten tries, as the original's; then the middle, scaled. */
function randomSizedCrop(
  image: Image,
  { size, area, ratio, interpolation }: Extract<Transform, { kind: 'randomSizedCrop' }>,
  random: RandomStream,
): Image {
  const between = ([low, high]: readonly [number, number]): number => low + (high - low) * random.uniform()
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = image.height * image.width * between(area)
    const shape = between(ratio)
    const [long, short] = [Math.round(Math.sqrt(target * shape)), Math.round(Math.sqrt(target / shape))]
    const [width, height] = random.uniform() < 0.5 ? [short, long] : [long, short]
    if (height > image.height || width > image.width || height === 0 || width === 0) continue
    const top = random.integer(image.height - height + 1)
    const left = random.integer(image.width - width + 1)
    const box: Box = { left, top, width, height }
    return resize(image, size, size, interpolation, box)
  }
  return preprocess(image, { resize: size, crop: size, interpolation }, VIEWS.single)[0]!
}

/** The original's for ImageNet (fb.resnet.torch, datasets/imagenet.lua). */
export function imagenetTransforms(size: number): readonly Transform[] {
  return [
    { kind: 'randomSizedCrop', size, area: [0.08, 1], ratio: [3 / 4, 4 / 3], interpolation: 'bicubic' },
    { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4 },
    { kind: 'lighting', deviation: 0.1 },
    { kind: 'horizontalFlip', probability: 0.5 },
  ]
}
