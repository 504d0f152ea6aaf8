// How images of anything are normalised, when nobody says otherwise.
import type { Normalisation } from './dataset.js'

/** ImageNet's mean and deviation, as the original's (fb.resnet.torch, datasets/imagenet.lua). */
export const IMAGENET_NORMALISATION: Normalisation = {
  mean: [0.485, 0.456, 0.406].map(value => 255 * value),
  deviation: [0.229, 0.224, 0.225].map(value => 255 * value),
}

/** The mean of its three channels, for images of one, as timm's. */
export const GREY_NORMALISATION: Normalisation = { mean: [0.449 * 255], deviation: [0.226 * 255] }
