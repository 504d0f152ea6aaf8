// From logits to an answer for people: the likeliest classes, by name, with their probabilities.

import { DenseNetError } from '../errors.js'
import { IMAGENET_CLASSES } from '../images/imagenet-classes.js'
import type { DenseNetConfig } from '../model/config.js'
import { byScore } from '../util/ranking.js'

/** A class and how likely it is. */
export interface Prediction {
  /** The class's name; `class 17` where the network has no names. */
  readonly label: string
  /** The class's number. */
  readonly index: number
  /** 0 .. 1. Of classes that exclude each other they add up to 1 over all classes. */
  readonly probability: number
}

/** Which classes of an image are wanted. */
export interface TopOptions {
  /** How many classes, likeliest first; default 5. All of them where there are fewer. */
  readonly top?: number
  /** Names in label order; may be empty. */
  readonly classes?: readonly string[]
  /** Whether an image may belong to several classes: then each has a probability of its own (sigmoid); default false:
   * softmax. Of a network with one output it is true: a share of one is always 1. */
  readonly multiLabel?: boolean
}

/** The likeliest classes of one image; of equal ones the first. `logits` [classes] */
export function topClasses(logits: ArrayLike<number>, options: TopOptions = {}): Prediction[] {
  const { top = 5, classes = [], multiLabel = false } = options
  const probabilities = multiLabel || logits.length === 1 ? sigmoid(logits) : softmax(logits)
  const odd = probabilities.find(value => !Number.isFinite(value))
  if (odd !== undefined) throw new DenseNetError('the network answers with what is no number: its weights are unusable')
  return [...probabilities.keys()]
    .sort(byScore(logits))
    .slice(0, top)
    .map(index => ({ label: labelOf(index, classes), index, probability: probabilities[index]! }))
}

/** Names in label order: the network's own, or ImageNet's for an ImageNet network of 1000 classes without any; empty
 * where nobody knows. */
export function classNames(classes: readonly string[], config: DenseNetConfig): readonly string[] {
  if (classes.length > 0) return classes
  return config.stem === 'imagenet' && config.classes === IMAGENET_CLASSES.length ? IMAGENET_CLASSES : []
}

export const labelOf = (index: number, classes: readonly string[]): string => classes[index] ?? `class ${index}`

function softmax(logits: ArrayLike<number>): Float64Array {
  const highest = Array.from(logits).reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  const powers = Float64Array.from(logits, value => Math.exp(value - highest))
  const sum = powers.reduce((total, value) => total + value, 0)
  return powers.map(value => value / sum)
}

const sigmoid = (logits: ArrayLike<number>): Float64Array =>
  Float64Array.from(logits, value => 1 / (1 + Math.exp(-value)))
