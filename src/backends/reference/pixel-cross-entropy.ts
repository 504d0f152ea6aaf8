// Cross entropy of every pixel, of the mean over the batch's pixels that have a label.
import type { PixelCrossEntropy } from '../../engine/kernels.js'
import { type Context, plane, vector } from './memory.js'

export function pixelCrossEntropy(context: Context, call: PixelCrossEntropy): void {
  const logits = plane(context, call.logits)
  const { channels: classes, pixels } = logits
  const labels = vector(context, call.labels, context.batch * pixels)
  const predicted = vector(context, call.predicted, labels.length)
  const losses = vector(context, call.loss, context.batch)
  const gradient = call.gradient && plane(context, call.gradient)
  const classWeights = call.classWeights && vector(context, call.classWeights, classes)
  const weightOf = (label: number): number => (label < 0 ? 0 : (classWeights?.[label] ?? 1))
  const total = [...labels].reduce((sum, label) => sum + weightOf(label), 0)

  for (let n = 0; n < context.batch; n++) {
    let loss = 0
    for (let p = 0; p < pixels; p++) {
      const label = labels[n * pixels + p]!
      const scores = Float64Array.from({ length: classes }, (_, c) => logits.data[logits.at(n, c) + p]!)
      const best = scores.reduce((best, score, c) => (score > scores[best]! ? c : best), 0)
      predicted[n * pixels + p] = best
      const largest = scores.reduce((a, b) => Math.max(a, b))
      const sum = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0)
      const weight = weightOf(label)
      const isClass = Number.isInteger(label) && label < classes
      if (label >= 0 && !isClass) loss = Number.NaN
      else if (weight > 0) loss += weight * (Math.log(sum) + largest - scores[label]!)
      if (gradient === null) continue
      for (let c = 0; c < classes; c++) {
        const target = c === label ? 1 : 0
        const probability = Math.exp(scores[c]! - largest) / sum
        gradient.data[gradient.at(n, c) + p] = weight > 0 ? (weight * (probability - target)) / total : 0
      }
    }
    losses[n] = total > 0 ? (context.batch * loss) / total : loss
  }
}
