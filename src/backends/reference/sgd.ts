// One step of stochastic gradient descent with momentum, as Torch's optim.sgd with dampening 0.
import type { Sgd } from '../../engine/kernels.js'
import { type Context, vector } from './memory.js'

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
