// Functions that several kernels have: batch norm and ReLU on load, the gradient at an output, dropout, sums of a workgroup.
import { dropoutKey } from '../../../engine/dropout.js'
import type { Dropout, Norm, OutputGradient } from '../../../engine/kernels.js'
import { at, type Coefficients, type Dispatch, type Plane, planeOf, type Room } from '../dispatch.js'

/** A part of a text with what it names. */
export interface Piece extends Pick<Dispatch, 'operands' | 'whole' | 'real'> {
  readonly text: string
}

const NOTHING: Piece = { text: '', operands: {}, whole: {}, real: {} }

/** What it takes of all pieces together. */
export function joined(...pieces: readonly Partial<Piece>[]): Piece {
  return {
    text: pieces.map(({ text = '' }) => text).join('\n'),
    operands: Object.assign({}, ...pieces.map(({ operands }) => operands)),
    whole: Object.assign({}, ...pieces.map(({ whole }) => whole)),
    real: Object.assign({}, ...pieces.map(({ real }) => real)),
  }
}

/** Compilers may assume that there is no NaN, and drop it; of bits they assume nothing. A diverged network must show. */
export const RELU = /* wgsl */ `
fn relu(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  return select(x, 0.0, bits >= 0x80000000u && bits <= 0xff800000u);
}`

export const geometryOf = (name: string, plane: Plane): Pick<Piece, 'operands' | 'whole'> => ({
  operands: { [name]: plane.place },
  whole: {
    [`${name}_image`]: plane.image,
    [`${name}_pixels`]: plane.pixels,
    [`${name}_height`]: plane.height,
    [`${name}_width`]: plane.width,
  },
})

/** A window in WGSL: constants where networks have it often, by which the compiler divides quickly; else the call's numbers. */
export interface GeometryText {
  readonly size: string
  readonly taps: string
  readonly stride: string
}
export function geometryText(size: number, stride: number): GeometryText {
  const constant = [1, 3, 7].includes(size)
  return {
    size: constant ? `${size}u` : 'call.size',
    taps: constant ? `${size * size}u` : '(call.size * call.size)',
    stride: stride === 1 ? '1u' : 'call.stride',
  }
}

/** `z(x, channel)`: batch norm and ReLU of an input. */
export function normPiece(norm: Norm | null, channels: number): Piece {
  if (norm === null) return { ...NOTHING, text: 'fn z(x: f32, channel: u32) -> f32 { return x; }' }
  return {
    text: /* wgsl */ `${RELU}
fn z(x: f32, channel: u32) -> f32 {
  let scale = gamma[channel] / sqrt(variance[channel] + call.epsilon);
  return relu(scale * (x - mean[channel]) + beta[channel]);
}`,
    operands: {
      gamma: at(norm.gamma, channels),
      beta: at(norm.beta, channels),
      mean: at(norm.mean, channels),
      variance: at(norm.variance, channels),
    },
    whole: {},
    real: { epsilon: norm.epsilon },
  }
}

/** `z(x, channel)` as normPiece, and `xhat`; with numbers that were computed before. */
export function normOf({ norm }: Coefficients): Piece {
  if (norm === null) return { ...NOTHING, text: 'fn z(x: f32, channel: u32) -> f32 { return x; }' }
  return {
    ...NOTHING,
    text: /* wgsl */ `${RELU}
fn z(x: f32, channel: u32) -> f32 {
  return relu(norm[4 * channel] * (x - norm[4 * channel + 1]) + norm[4 * channel + 2]);
}
fn xhat(x: f32, channel: u32) -> f32 {
  return (x - norm[4 * channel + 1]) * norm[4 * channel + 3];
}`,
    operands: { norm },
  }
}

/** `gradient_at(image, channel, pixel)`: the gradient at an output, finished where it was deferred, without what was dropped. */
export function gradientPiece({ gradient, deferred }: OutputGradient, dropout: Dropout | null, room: Room): Piece {
  const numbers = room.coefficients.deferred
  const dropped = dropoutPiece(dropout)
  const finish = /* wgsl */ `
  let x = value[image * call.value_image + channel * call.gradient_pixels + pixel];
  let invstd = deferred[2 * channel];
  let xhat = (x - deferred[2 * channel + 1]) * invstd;
  g -= invstd * (made_a[channel] + xhat * made_b[channel]);`
  const value = deferred && planeOf(deferred.value, room)
  return joined(
    dropped,
    geometryOf('gradient', planeOf(gradient, room)),
    value && numbers
      ? {
          operands: {
            value: value.place,
            deferred: numbers,
            made_a: at(deferred.a, gradient.channels),
            made_b: at(deferred.b, gradient.channels),
          },
          whole: { value_image: value.image },
        }
      : {},
    {
      text: /* wgsl */ `
fn gradient_at(image: u32, channel: u32, pixel: u32) -> f32 {
  var g = gradient[image * call.gradient_image + channel * call.gradient_pixels + pixel];
  ${deferred ? finish : ''}
  ${dropout ? 'g = keep(g, (image * call.made + channel) * call.gradient_pixels + pixel);' : ''}
  return g;
}`,
      whole: { made: gradient.channels },
    },
  )
}

/** `keep(value, i)`: element i of an output, scaled, or 0 where it is dropped: engine/dropout.ts. */
export function dropoutPiece(dropout: Dropout | null): Piece {
  if (dropout === null) return NOTHING
  return {
    text: /* wgsl */ `
fn mix(number: u32) -> u32 {
  var x = number;
  x = (x ^ (x >> 16u)) * 0x7feb352du;
  x = (x ^ (x >> 15u)) * 0x846ca68bu;
  return x ^ (x >> 16u);
}
fn keep(value: f32, i: u32) -> f32 {
  let drawn = mix(mix(i ^ call.dropout_key) ^ call.dropout_key);
  return select(0.0, value * call.dropout_scale, drawn >= call.dropout_below);
}`,
    operands: {},
    whole: {
      dropout_key: ({ seed, step }) => dropoutKey(seed, step, dropout.layer) >>> 0,
      dropout_below: Math.floor(dropout.rate * 2 ** 32),
    },
    real: { dropout_scale: 1 / (1 - dropout.rate) },
  }
}

/** Threads of a workgroup of kernels that are no products. */
export const THREADS = 64

/** `total(thread, value)`: the sum over all threads of a workgroup, always in the same order. */
export const TOTAL = /* wgsl */ `
var<workgroup> addends: array<f32, ${THREADS}>;
fn total(thread: u32, value: f32) -> f32 {
  addends[thread] = value;
  workgroupBarrier();
  for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
    if (thread < half) { addends[thread] += addends[thread + half]; }
    workgroupBarrier();
  }
  let sum = addends[0];
  workgroupBarrier();
  return sum;
}`

/** The same where the adapter has subgroups, however threads lie in them: one of each keeps its sum, and each adds up all that were
 * kept. Which threads make a subgroup is the driver's, so the last bits are, too. */
export const TOTAL_OF_SUBGROUPS = /* wgsl */ `
var<workgroup> addends: array<f32, ${THREADS}>;
fn total(thread: u32, value: f32) -> f32 {
  let part = subgroupAdd(value);
  addends[thread] = select(0.0, part, subgroupElect());
  workgroupBarrier();
  let step = subgroupAdd(1u);
  var own = 0.0;
  for (var i = subgroupExclusiveAdd(1u); i < ${THREADS}u; i += step) { own += addends[i]; }
  let sum = subgroupAdd(own);
  workgroupBarrier();
  return sum;
}`

export const MAIN = /* wgsl */ `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32, @builtin(num_workgroups) groups: vec3u)`

/** The text of a dispatch with rows: of each channel `c` of each `row` a thread does `statements`. */
export const rowsText = (statements: string): string => /* wgsl */ `${MAIN} {
  let row = call.rows[group.y];
  let c = group.x * ${THREADS}u + thread;
  if (c >= row.channels) { return; }${statements}
}`
