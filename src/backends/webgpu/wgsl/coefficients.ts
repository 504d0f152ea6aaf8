// What a backward pass needs of each channel, computed once: of the input's norm (scale, mean, beta, invstd), where scale = gamma *
// invstd; of the deferred gradient (invstd, mean, a, b). So the kernels after it bind few buffers and take no roots.
import type { Norm, OutputGradient } from '../../../engine/kernels.js'
import { at, type Dispatch, type Room } from '../dispatch.js'
import { type Coefficients, joined, MAIN, type Piece, THREADS } from './common.js'

export function coefficientsOf(
  channels: number,
  norm: Norm | null,
  { gradient, deferred }: OutputGradient,
  room: Room,
): { readonly coefficients: Coefficients; readonly dispatches: readonly Dispatch[] } {
  const made = gradient.channels
  const coefficients = {
    norm: norm && room.take(4 * channels),
    deferred: deferred && room.take(4 * made),
  }
  const pieces: Partial<Piece>[] = []
  if (norm && coefficients.norm) {
    pieces.push({
      text: /* wgsl */ `
  if (c < call.channels) {
    let invstd = 1.0 / sqrt(variance[c] + call.epsilon);
    norm[4 * c] = gamma[c] * invstd;
    norm[4 * c + 1] = mean[c];
    norm[4 * c + 2] = beta[c];
    norm[4 * c + 3] = invstd;
  }`,
      operands: {
        norm: coefficients.norm,
        gamma: at(norm.gamma, channels),
        beta: at(norm.beta, channels),
        mean: at(norm.mean, channels),
        variance: at(norm.variance, channels),
      },
      whole: { channels },
      real: { epsilon: norm.epsilon },
    })
  }
  if (deferred && coefficients.deferred) {
    pieces.push({
      text: /* wgsl */ `
  if (c < call.made) {
    deferred[4 * c] = 1.0 / sqrt(made_variance[c] + call.made_epsilon);
    deferred[4 * c + 1] = made_mean[c];
    deferred[4 * c + 2] = a[c];
    deferred[4 * c + 3] = b[c];
  }`,
      operands: {
        deferred: coefficients.deferred,
        made_mean: at(deferred.mean, made),
        made_variance: at(deferred.variance, made),
        a: at(deferred.a, made),
        b: at(deferred.b, made),
      },
      whole: { made },
      real: { made_epsilon: deferred.epsilon },
    })
  }
  if (pieces.length === 0) return { coefficients, dispatches: [] }
  const all = joined(...pieces)
  const dispatch: Dispatch = {
    ...all,
    name: 'coefficients',
    text: `${MAIN} {\n  let c = group.x * ${THREADS}u + thread;${all.text}\n}`,
    groups: () => [Math.ceil(Math.max(channels, made) / THREADS), 1, 1],
  }
  return { coefficients, dispatches: [dispatch] }
}
