// The gradient at an input, of dz, that at z, which a kernel computes pixel by pixel. With a norm, where z is not cut to 0:
//   G += scale * dz, and sums of dz and dz * xhat over tiles of pixels, which the last dispatch merges into
//   gamma's gradient = sum dz xhat, beta's = sum dz, a += gamma * sum dz / count, b += gamma * sum dz xhat / count.
import type { InputGradient, Norm, View } from '../../../engine/kernels.js'
import { at, type Dispatch, type Place, planeOf, type Room } from '../dispatch.js'
import { type Written, written } from './activations.js'
import { geometryOf, joined, MAIN, normOf, type Piece, THREADS, TOTAL } from './common.js'

/** Who writes it: the kernel's `tile` consecutive pixels make one sum. */
export interface Gathering {
  readonly piece: Piece
  readonly lanes: Written['lanes']
  /** What comes after the dispatch that gathers. */
  readonly after: readonly Dispatch[]
  /** [channel][tile][dz, dz * xhat]; null without a norm. */
  readonly sums: Place | null
  readonly tile: number
}

/** `gather(dz, image, channel, pixel)` gives the gradient, for put_input_gradient, and dz, masked, and dz * xhat. */
export function gathering(input: View, { gradient, accumulate }: InputGradient, tile: number, room: Room): Gathering {
  const [value, target] = [planeOf(input, room), planeOf(gradient, room)]
  const { piece: put, lanes, after } = written('input_gradient', target, room)
  const most = Math.ceil((room.images * value.pixels) / tile)
  const sums = room.coefficients.norm && room.take(2 * value.channels * most)
  const old = accumulate ? 'input_gradient[to]' : '0.0'
  const normed = /* wgsl */ `
  let x = input[image * call.input_image + channel * call.input_pixels + pixel];
  let masked = select(dz, 0.0, z(x, channel) == 0.0);
  return vec3f(${old} + norm[4 * channel] * masked, masked, masked * xhat(x, channel));`
  const plain = /* wgsl */ `
  return vec3f(${old} + dz, 0.0, 0.0);`
  const piece = joined(
    geometryOf('input', value),
    normOf(room.coefficients),
    put,
    { operands: { ...(accumulate ? { input_gradient: target.place } : {}), ...(sums ? { sums } : {}) } },
    {
      text: /* wgsl */ `
fn gather(dz: f32, image: u32, channel: u32, pixel: u32) -> vec3f {
  ${accumulate ? 'let to = image * call.input_gradient_image + channel * call.input_pixels + pixel;' : ''}
  ${sums ? normed : plain}
}`,
    },
  )
  return { piece, lanes, after, sums, tile }
}

/** [part][weight, then bias]: gradients of parts of the pixels. */
export interface Parts {
  readonly place: Place
  /** How many parts there are. */
  count(batch: number): number
  /** Where their sums go. */
  readonly weights: Place
  readonly bias: Place | null
}

/** The last dispatch of a backward pass: a workgroup for each channel, then one for each THREADS weights and biases. */
export function finishGradients(
  input: View,
  norm: Norm | null,
  inputGradient: InputGradient | null,
  gathered: Gathering | null,
  parts: Parts | null,
): Dispatch[] {
  const outputs = inputGradient?.norm
  const { channels } = input
  const pixels = input.height * input.width
  const channelGroups = norm && outputs && gathered?.sums ? channels : 0
  const pieces: Partial<Piece>[] = []
  if (norm && outputs && gathered?.sums) {
    const old = (name: string): string => (inputGradient.accumulate ? `${name}[c]` : '0.0')
    pieces.push({
      text: /* wgsl */ `
  if (group.x < call.channels) {
    let c = group.x;
    let tiles = (call.count + call.tile - 1) / call.tile;
    var own = vec2f();
    for (var tile = thread; tile < tiles; tile += ${THREADS}u) {
      let at = 2 * (c * tiles + tile);
      own += vec2f(sums[at], sums[at + 1]);
    }
    let dz = total(thread, own.x);
    let dz_xhat = total(thread, own.y);
    if (thread == 0) {
      gamma_gradient[c] = dz_xhat;
      beta_gradient[c] = dz;
      a[c] = ${old('a')} + gamma[c] * dz / f32(call.count);
      b[c] = ${old('b')} + gamma[c] * dz_xhat / f32(call.count);
    }
    return;
  }`,
      operands: {
        sums: gathered.sums,
        gamma: at(norm.gamma, channels),
        gamma_gradient: at(outputs.gamma, channels),
        beta_gradient: at(outputs.beta, channels),
        a: at(outputs.a, channels),
        b: at(outputs.b, channels),
      },
      whole: { tile: gathered.tile, count: ({ batch }) => batch * pixels },
    })
  }
  const numbers = (parts?.weights.count ?? 0) + (parts?.bias?.count ?? 0)
  if (parts) {
    pieces.push({
      text: /* wgsl */ `
  let i = (group.x - call.channels) * ${THREADS}u + thread;
  if (i < call.numbers) {
    var sum = 0.0;
    for (var part = 0u; part < call.parts; part++) { sum += parts[part * call.numbers + i]; }
    if (i < call.weights) { weight_gradient[i] = sum; }${parts.bias ? ' else { bias_gradient[i - call.weights] = sum; }' : ''}
  }`,
      operands: {
        parts: parts.place,
        weight_gradient: parts.weights,
        ...(parts.bias ? { bias_gradient: parts.bias } : {}),
      },
      whole: { numbers, weights: parts.weights.count, parts: ({ batch }) => parts.count(batch) },
    })
  }
  if (pieces.length === 0) return []
  const all = joined(...pieces, { whole: { channels: channelGroups } })
  return [
    {
      ...all,
      name: 'gradients of parameters',
      text: `${channelGroups > 0 ? TOTAL : ''}\n${MAIN} {${all.text}\n}`,
      groups: () => [channelGroups + Math.ceil(numbers / THREADS), 1, 1],
    },
  ]
}
