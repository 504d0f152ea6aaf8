// The two losses, the rank of the right class (or how many classes are wrong), and the gradient of the mean loss.
import type { Numbers } from '../../engine/backend.js'
import type { BinaryCrossEntropy, CrossEntropy } from '../../engine/kernels.js'
import { type Context, scores, vector } from './memory.js'

export function crossEntropy(context: Context, call: CrossEntropy): void {
  const { smoothing, mixed } = call
  const logits = scores(context, call.logits)
  const classes = logits.channels
  const labels = vector(context, call.labels, context.batch)
  const others = mixed && vector(context, mixed.labels, context.batch)
  const shares = mixed && vector(context, mixed.share, context.batch)
  const weights = call.classWeights && vector(context, call.classWeights, classes)
  const losses = vector(context, call.loss, context.batch)
  const ranks = vector(context, call.rank, context.batch)
  const gradient = call.gradient && scores(context, call.gradient)
  const [x, dx] = [new Float64Array(classes), new Float64Array(classes)]
  for (let n = 0; n < context.batch; n++) {
    logits.load(n, x)
    const share = shares ? shares[n]! : 1
    /** The target's weighted probabilities. */
    const targets = new Float64Array(classes).fill(smoothing / classes)
    if (isClass(labels[n]!, classes)) targets[labels[n]!]! += (1 - smoothing) * share
    if (others && isClass(others[n]!, classes)) targets[others[n]!]! += (1 - smoothing) * (1 - share)
    if (weights) for (let c = 0; c < classes; c++) targets[c]! *= weights[c]!

    const label = share >= 0.5 ? labels[n]! : others![n]!
    const largest = x.reduce((a, b) => Math.max(a, b))
    let sum = 0 // of exponentials, the largest being 1: no overflow
    for (let c = 0; c < classes; c++) sum += Math.exp(x[c]! - largest)
    const logSum = Math.log(sum) + largest
    let loss = 0
    let total = 0
    for (let c = 0; c < classes; c++) {
      if (targets[c] !== 0) loss += targets[c]! * (logSum - x[c]!)
      total += targets[c]!
    }
    const known = isClass(labels[n]!, classes) && (!others || isClass(others[n]!, classes))
    losses[n] = known ? loss : Number.NaN
    ranks[n] = rankOf(label, x)
    for (let c = 0; c < classes; c++) {
      const probability = Math.exp(x[c]! - largest) / sum
      dx[c] = (probability * total - targets[c]!) / context.batch
    }
    gradient?.store(n, dx)
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
  const logits = scores(context, call.logits)
  const targets = scores(context, call.targets)
  const classes = logits.channels
  const weights = call.classWeights && vector(context, call.classWeights, classes)
  const losses = vector(context, call.loss, context.batch)
  const labels = call.labels && vector(context, call.labels, context.batch)
  const ranks = vector(context, call.rank, context.batch)
  const gradient = call.gradient && scores(context, call.gradient)
  const [x, dx] = [new Float64Array(classes), new Float64Array(classes)]
  const target = new Float64Array(classes)
  for (let n = 0; n < context.batch; n++) {
    logits.load(n, x)
    targets.load(n, target)
    let loss = 0
    let wrong = 0
    for (let c = 0; c < classes; c++) {
      dx[c] = 0
      if (Number.isNaN(target[c])) continue
      const score = x[c]!
      const smooth = (1 - smoothing) * target[c]! + smoothing / 2
      const weight = weights ? weights[c]! : 1
      // -(q log s + (1 - q) log(1 - s)) without overflow.
      loss += weight * (Math.max(score, 0) - smooth * score + Math.log1p(Math.exp(-Math.abs(score))))
      if (score > 0 !== target[c]! > 0.5) wrong++
      const s = 1 / (1 + Math.exp(-score))
      dx[c] = (weight * (s - smooth)) / (classes * context.batch)
    }
    losses[n] = loss / classes
    ranks[n] = labels ? rankOf(labels[n]!, x) : wrong
    gradient?.store(n, dx)
  }
}
