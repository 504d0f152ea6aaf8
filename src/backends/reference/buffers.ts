// Whole buffers: clipping gradients, sums and averages, constants.
import type { Blend, ClipGradients, Fill } from '../../engine/kernels.js'
import { type Context, vector } from './memory.js'

export function clipGradients(context: Context, { elements, limit, ...call }: ClipGradients): void {
  const gradients = vector(context, call.gradients, elements)
  let squares = 0
  for (let i = 0; i < elements; i++) squares += gradients[i]! ** 2
  const factor = limit / (Math.sqrt(squares) + 1e-6)
  if (factor >= 1) return
  for (let i = 0; i < elements; i++) gradients[i]! *= factor
}

export function blend(context: Context, { elements, ...call }: Blend): void {
  const { keep, add } = context
  const source = vector(context, call.source, elements)
  const target = vector(context, call.target, elements)
  for (let i = 0; i < elements; i++) target[i] = (keep === 0 ? 0 : keep * target[i]!) + add * source[i]!
}

export function fill(context: Context, { elements, value, target }: Fill): void {
  vector(context, target, elements).fill(value)
}
