// mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019): images of a batch mixed in pairs, the first with the last, and so
// on. A batch then carries the other image's label and the share of its own; where images have several labels, their
// targets are mixed. Random numbers hang on (seed, epoch, batch).

import { parameterError } from '../errors.js'
import { type RandomStream, randomStream } from '../util/random.js'

/** At least one of the two; each as the alpha of Beta(alpha, alpha), from which a batch's share is drawn: 1 for any share
 * alike, small for nearly unmixed images. */
export interface Mixing {
  readonly mixup?: number | null | undefined
  readonly cutmix?: number | null | undefined
  /** With both: how likely a batch is mixed by CutMix; default 0.5. */
  readonly switchProbability?: number | undefined
}

export const MOST_ALPHA = 1000

/** images: [batch][channels][height][width], targets: [batch][classes], the others: [batch]. */
export interface MixedBatch {
  readonly images: Float32Array
  readonly labels: Float32Array
  readonly otherLabels: Float32Array
  readonly share: Float32Array
  readonly targets?: Float32Array
}

export function checkMixing({ mixup, cutmix, switchProbability = 0.5 }: Mixing): void {
  for (const [name, alpha] of Object.entries({ mixup, cutmix })) {
    if ((alpha ?? null) === null || (alpha! > 0 && alpha! <= MOST_ALPHA)) continue
    throw parameterError(`mixing.${name}`, `a number above 0 and up to ${MOST_ALPHA}`, alpha)
  }
  if ((mixup ?? cutmix ?? null) === null) throw parameterError('mixing', 'mixup, cutmix or both', { mixup, cutmix })
  if (!(switchProbability >= 0 && switchProbability <= 1)) {
    throw parameterError('mixing.switchProbability', 'a number from 0 to 1', switchProbability)
  }
}

/** Mixes the first `size` images of a batch, and their targets if it has any, in place; fills in `otherLabels`, `share`. */
export function mixBatch(
  mixing: Mixing,
  target: MixedBatch,
  size: number,
  shape: { readonly channels: number; readonly height: number; readonly width: number },
  key: { readonly seed: number; readonly epoch: number; readonly batch: number },
): void {
  const random = randomStream(key.seed, 'mixing', key.epoch, key.batch)
  const { cuts, alpha } = chosen(mixing, random)
  const drawn = beta(alpha, random)
  const box = cuts ? boxOf(1 - drawn, shape.height, shape.width, random) : null
  const share = box ? 1 - ((box.bottom - box.top) * (box.right - box.left)) / (shape.height * shape.width) : drawn
  const pixels = shape.channels * shape.height * shape.width
  const { images, labels, otherLabels, targets } = target
  const classes = targets ? targets.length / labels.length : 0
  const pairOf = (values: Float32Array, length: number, i: number, partner: number): Pair =>
    [i, partner].map(n => values.subarray(n * length, (n + 1) * length)) as unknown as Pair
  for (let i = 0; i < size; i++) {
    const partner = size - 1 - i
    otherLabels[i] = labels[partner]!
    target.share[i] = share
    if (i >= partner) continue
    const pair = pairOf(images, pixels, i, partner)
    if (box) swapBox(pair, box, shape)
    else blendPair(pair, share)
    if (targets) blendPair(pairOf(targets, classes, i, partner), share)
  }
}

/** Which of the two this batch gets. */
function chosen({ mixup, cutmix, switchProbability = 0.5 }: Mixing, random: RandomStream) {
  const both = (mixup ?? null) !== null && (cutmix ?? null) !== null
  const cuts = both ? random.uniform() < switchProbability : (cutmix ?? null) !== null
  return { cuts, alpha: (cuts ? cutmix : mixup)! }
}

type Pair = readonly [Float32Array, Float32Array]

function blendPair([a, b]: Pair, share: number): void {
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
  [a, b]: Pair,
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
