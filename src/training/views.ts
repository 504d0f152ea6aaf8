// What a network says of an image that is shown to it once, or several times (mirrored, in crops): then the probabilities
// are averaged, and the loss and the order of the classes are those of the averages.

import type { Numbers } from '../engine/backend.js'
import type { Session, StepResult } from '../engine/session.js'
import type { Batch } from '../images/dataset.js'
import { rankOf } from '../util/ranking.js'

/** Of the images of a batch, each once. */
export interface Answers extends StepResult {
  /** Where images may have several labels: what ranks them and their labels, both [images][classes]; else null. */
  readonly several: { readonly scores: Numbers; readonly targets: ArrayLike<number> } | null
}

/** Evaluates a batch. */
export type Evaluator = (session: Session, batch: Batch) => Promise<Answers>

/** Each entry of the batch is an image. */
export const evaluateOnce: Evaluator = async (session, batch) => {
  const result = await session.evaluate(batch)
  const { targets } = batch
  return { ...result, several: targets ? { scores: await session.logits(batch.size), targets } : null }
}

/** So many entries of a batch are views of one image. `own`: each class has a probability of its own. */
export function evaluateViews(views: number, own: boolean): Evaluator {
  if (views === 1) return evaluateOnce
  return async (session, batch) => {
    const { classes } = session.architecture.config
    const logits = await logitsOf(session, batch, classes)
    const images = batch.size / views
    const [losses, ranks] = [new Float64Array(images), new Float64Array(images)]
    const scores = new Float64Array(images * classes)
    const targets = batch.targets && new Float32Array(images * classes)
    for (let image = 0; image < images; image++) {
      const first = image * views
      const label = batch.labels[first]!
      const there = batch.targets?.subarray(first * classes, (first + 1) * classes)
      const answer = averageViews(logits.subarray(first * classes, (first + views) * classes), classes, {
        label,
        targets: there,
        own,
      })
      losses[image] = answer.loss
      scores.set(answer.scores, image * classes)
      if (there) targets!.set(there, image * classes)
      ranks[image] = there
        ? answer.scores.reduce((wrong, score, c) => wrong + (isWrong(score, there[c]!) ? 1 : 0), 0)
        : rankOf(answer.scores, label)
    }
    return { losses, ranks, several: targets ? { scores, targets } : null }
  }
}

/** A label that is not known is not wrong. */
const isWrong = (score: number, target: number): boolean => !Number.isNaN(target) && score > 0 !== target > 0.5

/** [size][classes], by a session that may take fewer images at a time. */
async function logitsOf(session: Session, batch: Batch, classes: number): Promise<Float64Array> {
  const { size, images, labels, targets } = batch
  const pixels = images.length / size
  const logits = new Float64Array(size * classes)
  for (let first = 0; first < size; first += session.batchSize) {
    const end = Math.min(first + session.batchSize, size)
    await session.evaluate({
      size: end - first,
      images: images.subarray(first * pixels, end * pixels),
      labels: labels.subarray(first, end),
      ...(targets ? { targets: targets.subarray(first * classes, end * classes) } : {}),
    })
    logits.set(await session.logits(end - first), first * classes)
  }
  return logits
}

/** What an image is. */
interface Truth {
  readonly label: number
  /** [classes], 0 or 1, NaN: not known; where it may have several labels. */
  readonly targets?: ArrayLike<number> | undefined
  /** Whether each class has a probability of its own. */
  readonly own: boolean
}

/** What is said of one image, by the averages over its views. */
export interface Answer {
  /** Cross entropy, or the mean binary one. */
  readonly loss: number
  /** [classes] */
  readonly probabilities: Float64Array
  /** [classes]: what classes are ranked by. Of one view the logits; of several the logarithms of the averaged
   * probabilities, or, where each class has its own, of their odds. */
  readonly scores: Float64Array
}

/** `logits` [views][classes] of one image. By logarithms, so that scores differ where probabilities are all but 0 or 1,
 * and the loss stays finite. */
export function averageViews(logits: Numbers, classes: number, truth: Truth): Answer {
  const views = Array.from({ length: logits.length / classes }, (_, view) =>
    Float64Array.from(logits.subarray(view * classes, (view + 1) * classes)),
  )
  const { loss, probabilities, scores } = truth.own ? averageOwn(views, truth) : averageShares(views, truth)
  return { loss, probabilities, scores: views.length === 1 ? views[0]! : scores }
}

/** Softmax of each view. */
function averageShares(views: readonly Float64Array[], { label }: Truth): Answer {
  const logarithms = views.map(own => {
    const highest = own.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
    const total = Math.log(own.reduce((sum, value) => sum + Math.exp(value - highest), 0))
    return own.map(value => value - highest - total)
  })
  const scores = views[0]!.map((_, c) => logMean(logarithms.map(view => view[c]!)))
  return { loss: -scores[label]!, probabilities: scores.map(Math.exp), scores }
}

/** A sigmoid of each class of each view. */
function averageOwn(views: readonly Float64Array[], { label, targets }: Truth): Answer {
  let loss = 0
  const probabilities = new Float64Array(views[0]!.length)
  const scores = probabilities.map((_, c) => {
    const own = views.map(view => view[c]!)
    const [yes, no] = [logMean(own.map(logSigmoid)), logMean(own.map(score => logSigmoid(-score)))]
    probabilities[c] = Math.exp(yes)
    if (!targets || !Number.isNaN(targets[c]!)) loss -= (targets ? targets[c] === 1 : label === c) ? yes : no
    return yes - no
  })
  return { loss: loss / scores.length, probabilities, scores }
}

const logSigmoid = (score: number): number => Math.min(score, 0) - Math.log1p(Math.exp(-Math.abs(score)))

/** Logarithm of the mean, from logarithms. */
function logMean(logarithms: readonly number[]): number {
  const highest = Math.max(...logarithms)
  const sum = logarithms.reduce((total, value) => total + Math.exp(value - highest), 0)
  return highest + Math.log(sum / logarithms.length)
}
