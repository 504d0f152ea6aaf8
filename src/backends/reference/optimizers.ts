// One step of each optimiser, on parameters, gradients and what the optimiser remembers.
import type { AdamW, RmsProp, Sgd } from '../../engine/kernels.js'
import { type Context, vector } from './memory.js'

/** Stochastic gradient descent with momentum, as Torch's optim.sgd with dampening 0. */
export function sgd(context: Context, call: Sgd): void {
  const { elements, momentum, weightDecay, nesterov } = call
  const parameters = vector(context, call.parameters, elements)
  const gradients = vector(context, call.gradients, elements)
  const velocity = vector(context, call.velocity, elements)
  for (let i = 0; i < elements; i++) {
    const g = gradients[i]! + weightDecay * parameters[i]!
    const v = momentum * velocity[i]! + g
    velocity[i] = v
    parameters[i]! -= context.learningRate * (nesterov ? g + momentum * v : v)
  }
}

export function adamW(context: Context, call: AdamW): void {
  const { elements, beta1, beta2, epsilon, weightDecay } = call
  const parameters = vector(context, call.parameters, elements)
  const gradients = vector(context, call.gradients, elements)
  const firstMoment = vector(context, call.firstMoment, elements)
  const secondMoment = vector(context, call.secondMoment, elements)
  const steps = context.step + 1
  const unbias1 = 1 - beta1 ** steps
  const unbias2 = 1 - beta2 ** steps
  for (let i = 0; i < elements; i++) {
    const g = gradients[i]!
    const m = beta1 * firstMoment[i]! + (1 - beta1) * g
    const v = beta2 * secondMoment[i]! + (1 - beta2) * g * g
    firstMoment[i] = m
    secondMoment[i] = v
    const step = m / unbias1 / (Math.sqrt(v / unbias2) + epsilon)
    parameters[i] = parameters[i]! - context.learningRate * (weightDecay * parameters[i]! + step)
  }
}

export function rmsProp(context: Context, call: RmsProp): void {
  const { elements, alpha, epsilon, rooted, momentum, weightDecay } = call
  const parameters = vector(context, call.parameters, elements)
  const gradients = vector(context, call.gradients, elements)
  const secondMoment = vector(context, call.secondMoment, elements)
  const velocity = vector(context, call.velocity, elements)
  for (let i = 0; i < elements; i++) {
    const g = gradients[i]! + weightDecay * parameters[i]!
    const s = alpha * secondMoment[i]! + (1 - alpha) * g * g
    const v = momentum * velocity[i]! + g / (rooted ? Math.sqrt(s + epsilon) : Math.sqrt(s) + epsilon)
    secondMoment[i] = s
    velocity[i] = v
    parameters[i]! -= context.learningRate * v
  }
}
