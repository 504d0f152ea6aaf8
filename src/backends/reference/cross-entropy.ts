// Softmax and its negative log likelihood, the rank of the right class, and the gradient of the mean loss.
import type { CrossEntropy } from '../../engine/kernels.js'
import { type Context, plane, vector } from './memory.js'

export function crossEntropy(context: Context, call: CrossEntropy): void {
  const logits = plane(context, call.logits)
  const labels = vector(context, call.labels, context.batch)
  const losses = vector(context, call.loss, context.batch)
  const ranks = vector(context, call.rank, context.batch)
  const gradient = call.gradient && plane(context, call.gradient)
  for (let n = 0; n < context.batch; n++) {
    const scores = Float64Array.from(logits.data.subarray(logits.at(n, 0), logits.at(n, 0) + logits.channels))
    const label = labels[n]!
    const score = scores[label]!
    const largest = scores.reduce((a, b) => Math.max(a, b))
    let sum = 0 // of exponentials, the largest being 1: no overflow
    let rank = 0
    for (let c = 0; c < scores.length; c++) {
      sum += Math.exp(scores[c]! - largest)
      if (scores[c]! > score || (scores[c]! === score && c < label)) rank++
    }
    losses[n] = Math.log(sum) + largest - score
    ranks[n] = rank
    if (gradient === null) continue
    const to = gradient.at(n, 0)
    for (let c = 0; c < scores.length; c++) {
      const probability = Math.exp(scores[c]! - largest) / sum
      gradient.data[to + c] = (probability - (c === label ? 1 : 0)) / context.batch
    }
  }
}
