// mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019): images of a batch mixed in pairs, the first with the last, and so
// on. A batch then carries the other image's label and the share of its own. Random numbers hang on (seed, epoch, batch).

import { parameterError } from '../errors.js'
import { type RandomStream, randomStream } from '../util/random.js'

/** Images of a batch mixed in pairs: mixup (Zhang et al. 2018) or CutMix (Yun et al. 2019). */
export interface Mixing {
  readonly kind: 'mixup' | 'cutmix'
  /** The share is drawn from Beta(alpha, alpha): 1 for any share alike, small for nearly unmixed images. */
  readonly alpha: number
}

/** images: [batch][channels][height][width], the others: [batch]. */
export interface MixedBatch {
  readonly images: Float32Array
  readonly labels: Float32Array
  readonly otherLabels: Float32Array
  readonly share: Float32Array
}

export function checkMixing({ kind, alpha }: Mixing): void {
  if (kind !== 'mixup' && kind !== 'cutmix') throw parameterError('mixing.kind', "'mixup' or 'cutmix'", kind)
  if (!(alpha > 0 && alpha <= 1000)) throw parameterError('mixing.alpha', 'a number above 0 and up to 1000', alpha)
}

/** Mixes the first `size` images of a batch, in place, and fills in `otherLabels` and `share`. */
export function mixBatch(
  { kind, alpha }: Mixing,
  target: MixedBatch,
  size: number,
  shape: { readonly channels: number; readonly height: number; readonly width: number },
  key: { readonly seed: number; readonly epoch: number; readonly batch: number },
): void {
  const random = randomStream(key.seed, 'mixing', key.epoch, key.batch)
  const drawn = beta(alpha, random)
  const box = kind === 'cutmix' ? boxOf(1 - drawn, shape.height, shape.width, random) : null
  const share = box ? 1 - ((box.bottom - box.top) * (box.right - box.left)) / (shape.height * shape.width) : drawn
  const pixels = shape.channels * shape.height * shape.width
  const { images, labels, otherLabels } = target
  for (let i = 0; i < size; i++) {
    const partner = size - 1 - i
    otherLabels[i] = labels[partner]!
    target.share[i] = share
    if (i >= partner) continue
    const [a, b] = [i, partner].map(n => images.subarray(n * pixels, (n + 1) * pixels))
    if (box) swapBox(a!, b!, box, shape)
    else blendPair(a!, b!, share)
  }
}

function blendPair(a: Float32Array, b: Float32Array, share: number): void {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!]
    a[i] = share * x + (1 - share) * y
    b[i] = share * y + (1 - share) * x
  }
}

interface Edges {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** A box of the image's shape and a share of its area, about a random pixel; what reaches beyond the image is cut off. */
function boxOf(area: number, height: number, width: number, random: RandomStream): Edges {
  const [h, w] = [height, width].map(length => Math.round(length * Math.sqrt(area)))
  const top = random.integer(height) - (h! >> 1)
  const left = random.integer(width) - (w! >> 1)
  return {
    left: Math.max(0, left),
    top: Math.max(0, top),
    right: Math.min(width, left + w!),
    bottom: Math.min(height, top + h!),
  }
}

function swapBox(
  a: Float32Array,
  b: Float32Array,
  { left, top, right, bottom }: Edges,
  { channels, height, width }: { readonly channels: number; readonly height: number; readonly width: number },
): void {
  for (let channel = 0; channel < channels; channel++) {
    for (let y = top; y < bottom; y++) {
      const row = (channel * height + y) * width
      const kept = a.slice(row + left, row + right)
      a.set(b.subarray(row + left, row + right), row + left)
      b.set(kept, row + left)
    }
  }
}

/** Beta(alpha, alpha), from two gamma numbers. */
function beta(alpha: number, random: RandomStream): number {
  const [x, y] = [logGamma(alpha, random), logGamma(alpha, random)]
  return 1 / (1 + Math.exp(y - x))
}

/** Logarithm of a Gamma(shape, 1) number (Marsaglia and Tsang 2000); the logarithm, since small shapes underflow. */
function logGamma(shape: number, random: RandomStream): number {
  if (shape < 1) return logGamma(shape + 1, random) + Math.log(1 - random.uniform()) / shape
  const d = shape - 1 / 3
  for (;;) {
    const x = random.normal()
    const v = (1 + x / Math.sqrt(9 * d)) ** 3
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v)
  }
}
