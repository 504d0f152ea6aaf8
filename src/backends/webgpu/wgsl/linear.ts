// The classifier: output[n][o] = bias[o] + sum over c of weight[o][c] * input[n][c]. A thread makes one number: of the output, of the
// gradient at the input, or of a weight's gradient.
import type { LinearBackward, LinearForward } from '../../../engine/kernels.js'
import { at, type Dispatch, images, planeOf, type Room, scoresOf } from '../dispatch.js'
import { written } from './activations.js'
import { geometryOf, joined, MAIN, THREADS } from './common.js'

export function linearForward(call: LinearForward, room: Room): Dispatch[] {
  const [input, output] = [planeOf(call.input, room), scoresOf(call.output, room)]
  return [
    {
      ...joined(geometryOf('input', input), geometryOf('output', output), {
        operands: {
          weight: at(call.weight, output.channels * input.channels),
          bias: at(call.bias, output.channels),
        },
        whole: { inputs: input.channels, outputs: output.channels },
      }),
      name: call.kernel,
      groups: batch => [Math.ceil(output.channels / THREADS), batch, 1],
      text: /* wgsl */ `${MAIN} {
  let o = group.x * ${THREADS}u + thread;
  if (o >= call.outputs) { return; }
  var sum = bias[o];
  // Sums of sums round less.
  for (var first = 0u; first < call.inputs; first += 32u) {
    var part = 0.0;
    for (var c = first; c < min(first + 32u, call.inputs); c++) {
      part += weight[o * call.inputs + c] * input[group.y * call.input_image + c];
    }
    sum += part;
  }
  output[group.y * call.output_image + o] = sum;
}`,
    },
  ]
}

export function linearBackward(call: LinearBackward, room: Room): Dispatch[] {
  const [input, gradient] = [planeOf(call.input, room), scoresOf(call.outputGradient, room)]
  const { piece: target, after } = written('input_gradient', planeOf(call.inputGradient, room), room)
  const weights = gradient.channels * input.channels
  const whole = { inputs: input.channels, outputs: gradient.channels }
  const ofWeights: Dispatch = {
    ...joined(geometryOf('input', input), geometryOf('gradient', gradient), {
      operands: {
        weight_gradient: at(call.weightGradient, weights),
        bias_gradient: at(call.biasGradient, gradient.channels),
      },
      whole: { ...whole, images },
    }),
    name: `${call.kernel}, weights`,
    groups: () => [Math.ceil(weights / THREADS), 1, 1],
    text: /* wgsl */ `${MAIN} {
  let i = group.x * ${THREADS}u + thread;
  if (i >= call.outputs * call.inputs) { return; }
  let o = i / call.inputs;
  let c = i % call.inputs;
  var sum = 0.0;
  var of_bias = 0.0;
  for (var image = 0u; image < call.images; image++) {
    let g = gradient[image * call.gradient_image + o];
    sum += g * input[image * call.input_image + c];
    of_bias += g;
  }
  weight_gradient[i] = sum;
  if (c == 0) { bias_gradient[o] = of_bias; }
}`,
  }
  const ofInput: Dispatch = {
    ...joined(geometryOf('gradient', gradient), target, { operands: { weight: at(call.weight, weights) }, whole }),
    name: `${call.kernel}, input`,
    groups: batch => [Math.ceil(input.channels / THREADS), batch, 1],
    text: /* wgsl */ `${target.text}
${MAIN} {
  let c = group.x * ${THREADS}u + thread;
  if (c >= call.inputs) { return; }
  var sum = 0.0;
  for (var o = 0u; o < call.outputs; o++) {
    sum += gradient[group.y * call.gradient_image + o] * weight[o * call.inputs + c];
  }
  put_input_gradient(group.y, c, 0u, sum);
}`,
  }
  return [ofWeights, ofInput, ...after]
}
