// The two losses, the rank of the right class (or how many classes are wrong), and the gradient of the mean loss.
import type { Numbers } from '../../engine/backend.js'
import type { BinaryCrossEntropy, CrossEntropy } from '../../engine/kernels.js'
import { type Context, plane, vector } from './memory.js'

export function crossEntropy(context: Context, call: CrossEntropy): void {
  const { smoothing, mixed } = call
  const logits = plane(context, call.logits)
  const classes = logits.channels
  const labels = vector(context, call.labels, context.batch)
  const others = mixed && vector(context, mixed.labels, context.batch)
  const shares = mixed && vector(context, mixed.share, context.batch)
  const weights = call.classWeights && vector(context, call.classWeights, classes)
  const losses = vector(context, call.loss, context.batch)
  const ranks = vector(context, call.rank, context.batch)
  const gradient = call.gradient && plane(context, call.gradient)
  for (let n = 0; n < context.batch; n++) {
    const scores = Float64Array.from(logits.data.subarray(logits.at(n, 0), logits.at(n, 0) + classes))
    const share = shares ? shares[n]! : 1
    /** The target's weighted probabilities. */
    const targets = new Float64Array(classes).fill(smoothing / classes)
    if (isClass(labels[n]!, classes)) targets[labels[n]!]! += (1 - smoothing) * share
    if (others && isClass(others[n]!, classes)) targets[others[n]!]! += (1 - smoothing) * (1 - share)
    if (weights) for (let c = 0; c < classes; c++) targets[c]! *= weights[c]!

    const label = share >= 0.5 ? labels[n]! : others![n]!
    const largest = scores.reduce((a, b) => Math.max(a, b))
    let sum = 0 // of exponentials, the largest being 1: no overflow
    for (let c = 0; c < classes; c++) sum += Math.exp(scores[c]! - largest)
    const logSum = Math.log(sum) + largest
    let loss = 0
    let total = 0
    for (let c = 0; c < classes; c++) {
      if (targets[c] !== 0) loss += targets[c]! * (logSum - scores[c]!)
      total += targets[c]!
    }
    const known = isClass(labels[n]!, classes) && (!others || isClass(others[n]!, classes))
    losses[n] = known ? loss : Number.NaN
    ranks[n] = rankOf(label, scores)
    if (gradient === null) continue
    const to = gradient.at(n, 0)
    for (let c = 0; c < classes; c++) {
      const probability = Math.exp(scores[c]! - largest) / sum
      gradient.data[to + c] = (probability * total - targets[c]!) / context.batch
    }
  }
}

const isClass = (label: number, classes: number): boolean => Number.isInteger(label) && label >= 0 && label < classes

/** How many classes score above the label's; of equal ones the smaller number is first. */
function rankOf(label: number, scores: Numbers): number {
  if (!isClass(label, scores.length)) return scores.length
  let rank = 0
  for (let c = 0; c < scores.length; c++) {
    if (scores[c]! > scores[label]! || (scores[c]! === scores[label]! && c < label)) rank++
  }
  return rank
}

export function binaryCrossEntropy(context: Context, call: BinaryCrossEntropy): void {
  const { smoothing } = call
  const logits = plane(context, call.logits)
  const targets = plane(context, call.targets)
  const classes = logits.channels
  const weights = call.classWeights && vector(context, call.classWeights, classes)
  const losses = vector(context, call.loss, context.batch)
  const labels = call.labels && vector(context, call.labels, context.batch)
  const ranks = vector(context, call.rank, context.batch)
  const gradient = call.gradient && plane(context, call.gradient)
  for (let n = 0; n < context.batch; n++) {
    let loss = 0
    let wrong = 0
    for (let c = 0; c < classes; c++) {
      const score = logits.data[logits.at(n, c)]!
      const target = targets.data[targets.at(n, c)]!
      if (Number.isNaN(target)) {
        if (gradient) gradient.data[gradient.at(n, c)] = 0
        continue
      }
      const smooth = (1 - smoothing) * target + smoothing / 2
      const weight = weights ? weights[c]! : 1
      // -(q log s + (1 - q) log(1 - s)) without overflow.
      loss += weight * (Math.max(score, 0) - smooth * score + Math.log1p(Math.exp(-Math.abs(score))))
      if (score > 0 !== target > 0.5) wrong++
      if (gradient) {
        const s = 1 / (1 + Math.exp(-score))
        gradient.data[gradient.at(n, c)] = (weight * (s - smooth)) / (classes * context.batch)
      }
    }
    losses[n] = loss / classes
    const scores = logits.data.subarray(logits.at(n, 0), logits.at(n, 0) + classes)
    ranks[n] = labels ? rankOf(labels[n]!, scores) : wrong
  }
}
