// Cross entropy of every pixel, of the mean over the batch's pixels that have a label.
import type { PixelCrossEntropy } from '../../engine/kernels.js'
import { activation, type Context, vector } from './memory.js'

export function pixelCrossEntropy(context: Context, call: PixelCrossEntropy): void {
  const logits = activation(context, call.logits)
  const { channels: classes, pixels } = logits
  const [x, dx] = [new Float64Array(classes * pixels), new Float64Array(classes * pixels)]
  const labels = vector(context, call.labels, context.batch * pixels)
  const predicted = vector(context, call.predicted, labels.length)
  const losses = vector(context, call.loss, context.batch)
  const gradient = call.gradient && activation(context, call.gradient)
  const classWeights = call.classWeights && vector(context, call.classWeights, classes)
  const weightOf = (label: number): number => (label < 0 ? 0 : (classWeights?.[label] ?? 1))
  const total = [...labels].reduce((sum, label) => sum + weightOf(label), 0)

  for (let n = 0; n < context.batch; n++) {
    logits.load(n, x)
    let loss = 0
    for (let p = 0; p < pixels; p++) {
      const label = labels[n * pixels + p]!
      const scores = Float64Array.from({ length: classes }, (_, c) => x[c * pixels + p]!)
      const best = scores.reduce((best, score, c) => (score > scores[best]! ? c : best), 0)
      predicted[n * pixels + p] = best
      const largest = scores.reduce((a, b) => Math.max(a, b))
      const sum = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0)
      const weight = weightOf(label)
      const isClass = Number.isInteger(label) && label < classes
      if (label >= 0 && !isClass) loss = Number.NaN
      else if (weight > 0) loss += weight * (Math.log(sum) + largest - scores[label]!)
      for (let c = 0; c < classes; c++) {
        const target = c === label ? 1 : 0
        const probability = Math.exp(scores[c]! - largest) / sum
        dx[c * pixels + p] = weight > 0 ? (weight * (probability - target)) / total : 0
      }
    }
    gradient?.store(n, dx)
    losses[n] = total > 0 ? (context.batch * loss) / total : loss
  }
}
