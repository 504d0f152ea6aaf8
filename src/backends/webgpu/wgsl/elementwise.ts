// What goes number by number: optimisers, sums, constants; and clipping, which needs all of them first. kernels.ts has
// the formulas. Threads go over the numbers with a stride of all of them.
import type { AdamW, Blend, ClipGradients, Fill, KernelCall, RmsProp, Sgd } from '../../../engine/kernels.js'
import { at, type Dispatch, type Place, type Room, type Run } from '../dispatch.js'
import { MAIN, type Piece, THREADS, TOTAL } from './common.js'

const MOST_GROUPS = 4096

interface Frame {
  /** Functions and statements around the loop. */
  readonly functions?: string
  readonly before?: string
  readonly after?: string
  readonly groups?: number
}

function each(
  name: KernelCall['kernel'],
  elements: number,
  operands: Readonly<Record<string, Place>>,
  real: Piece['real'],
  statement: string,
  { functions = '', before = '', after = '', groups = MOST_GROUPS }: Frame = {},
): Dispatch[] {
  if (elements === 0) return []
  return [
    {
      name,
      operands,
      whole: { elements },
      real,
      groups: () => [Math.min(groups, Math.ceil(elements / THREADS)), 1, 1],
      text: /* wgsl */ `${functions}
${MAIN} {
  ${before}
  for (var i = group.x * ${THREADS}u + thread; i < call.elements; i += groups.x * ${THREADS}u) {
    ${statement}
  }
  ${after}
}`,
    },
  ]
}

const learning = { rate: ({ learningRate }: Run) => learningRate }

export function sgd(call: Sgd): Dispatch[] {
  const { elements, momentum, weightDecay, nesterov } = call
  const operands = {
    parameters: at(call.parameters, elements),
    gradients: at(call.gradients, elements),
    velocity: at(call.velocity, elements),
  }
  return each(
    call.kernel,
    elements,
    operands,
    { momentum, weight_decay: weightDecay, ...learning },
    /* wgsl */ `let g = gradients[i] + call.weight_decay * parameters[i];
    let v = call.momentum * velocity[i] + g;
    velocity[i] = v;
    parameters[i] -= call.rate * ${nesterov ? '(g + call.momentum * v)' : 'v'};`,
  )
}

export function adamW(call: AdamW): Dispatch[] {
  const { elements, beta1, beta2, epsilon, weightDecay } = call
  const operands = {
    parameters: at(call.parameters, elements),
    gradients: at(call.gradients, elements),
    first: at(call.firstMoment, elements),
    second: at(call.secondMoment, elements),
  }
  const real: Piece['real'] = {
    beta1,
    beta2,
    rest1: 1 - beta1,
    rest2: 1 - beta2,
    epsilon,
    weight_decay: weightDecay,
    ...learning,
    unbias1: ({ step }) => 1 - beta1 ** (step + 1),
    unbias2: ({ step }) => 1 - beta2 ** (step + 1),
  }
  return each(
    call.kernel,
    elements,
    operands,
    real,
    /* wgsl */ `let g = gradients[i];
    let m = call.beta1 * first[i] + call.rest1 * g;
    let v = call.beta2 * second[i] + call.rest2 * g * g;
    first[i] = m;
    second[i] = v;
    let step = m / call.unbias1 / (sqrt(v / call.unbias2) + call.epsilon);
    parameters[i] -= call.rate * (call.weight_decay * parameters[i] + step);`,
  )
}

export function rmsProp(call: RmsProp): Dispatch[] {
  const { elements, alpha, epsilon, rooted, momentum, weightDecay } = call
  const operands = {
    parameters: at(call.parameters, elements),
    gradients: at(call.gradients, elements),
    second: at(call.secondMoment, elements),
    velocity: at(call.velocity, elements),
  }
  return each(
    call.kernel,
    elements,
    operands,
    { alpha, rest: 1 - alpha, epsilon, momentum, weight_decay: weightDecay, ...learning },
    /* wgsl */ `let g = gradients[i] + call.weight_decay * parameters[i];
    let s = call.alpha * second[i] + call.rest * g * g;
    let v = call.momentum * velocity[i] + g / (${rooted ? 'sqrt(s + call.epsilon)' : 'sqrt(s) + call.epsilon'});
    second[i] = s;
    velocity[i] = v;
    parameters[i] -= call.rate * v;`,
  )
}

export const blend = (call: Blend): Dispatch[] =>
  each(
    call.kernel,
    call.elements,
    { source: at(call.source, call.elements), goal: at(call.target, call.elements) },
    { kept: ({ keep }) => keep, add: ({ add }) => add },
    // Of what is not kept nothing is read: it may be no number.
    /* wgsl */ `var sum = call.add * source[i];
    if (call.kept != 0.0) { sum += call.kept * goal[i]; }
    goal[i] = sum;`,
  )

export const fill = (call: Fill): Dispatch[] =>
  each(
    call.kernel,
    call.elements,
    { goal: at(call.target, call.elements) },
    { value: call.value },
    'goal[i] = call.value;',
  )

/** The squares' sums of THREADS workgroups at most, which every workgroup of the second dispatch adds up for itself. */
export function clipGradients({ kernel, elements, limit, ...call }: ClipGradients, room: Room): Dispatch[] {
  const operands = { gradients: at(call.gradients, elements), squares: room.take(THREADS) }
  const whole = { summed: Math.min(THREADS, Math.ceil(elements / THREADS)) }
  const sums = each(kernel, elements, operands, {}, 'own += gradients[i] * gradients[i];', {
    functions: TOTAL,
    before: 'var own = 0.0;',
    after: 'let sum = total(thread, own);\n  if (thread == 0) { squares[group.x] = sum; }',
    groups: THREADS,
  })
  const scaled = each(kernel, elements, operands, { limit }, 'gradients[i] *= factor;', {
    functions: TOTAL,
    before: /* wgsl */ `let own = select(0.0, squares[thread], thread < call.summed);
  let factor = min(1.0, call.limit / (sqrt(total(thread, own)) + 1e-6));`,
  })
  return [...sums, ...scaled.map(dispatch => ({ ...dispatch, whole: { ...dispatch.whole, ...whole } }))]
}
