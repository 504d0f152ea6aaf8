// The two losses, ranks, and the gradient of the mean loss; kernels.ts has the formulas. A workgroup has one image.
import type { BinaryCrossEntropy, CrossEntropy } from '../../../engine/kernels.js'
import { at, type Dispatch, images, type Room, scoresOf } from '../dispatch.js'
import { geometryOf, joined, MAIN, type Piece, THREADS, TOTAL } from './common.js'

export function crossEntropy(call: CrossEntropy, room: Room): Dispatch[] {
  const { mixed, classWeights, gradient } = call
  const weight = classWeights ? 'class_weights[c]' : '1.0'
  const text = /* wgsl */ `${TOTAL}${EXP}${LOG}${RANK}
fn is_class(label: f32) -> bool {
  return label >= 0.0 && label < f32(call.classes) && label == floor(label);
}
// What class c counts in the target.
fn target_of(c: u32, label: f32, other: f32, share: f32) -> f32 {
  var part = call.smoothing / f32(call.classes);
  if (f32(c) == label) { part += (1.0 - call.smoothing) * share; }
  ${mixed ? 'if (f32(c) == other) { part += (1.0 - call.smoothing) * (1.0 - share); }' : ''}
  return part * ${weight};
}
${MAIN} {
  let image = group.x;
  let label = labels[image];
  let other = ${mixed ? 'other_labels[image]' : 'label'};
  let share = ${mixed ? 'shares[image]' : '1.0'};
  let highest = largest(thread, image);
  var own = 0.0;
  for (var c = thread; c < call.classes; c += ${THREADS}u) {
    own += exp_of(logits[image * call.logits_image + c] - highest);
  }
  let sum = total(thread, own);
  let log_sum = log_of(sum);
  var own_loss = 0.0;
  var own_total = 0.0;
  for (var c = thread; c < call.classes; c += ${THREADS}u) {
    let part = target_of(c, label, other, share);
    own_total += part;
    if (part != 0.0) { own_loss += part * (log_sum - (logits[image * call.logits_image + c] - highest)); }
  }
  let of_image = total(thread, own_loss);
  let targets = total(thread, own_total);
  let ranked = select(other, label, share >= 0.5);
  let above = rank_of(thread, image, ranked, is_class(ranked));
  let known = is_class(label) && is_class(other);
  if (thread == 0) {
    loss[image] = select(bitcast<f32>(call.nan), of_image, known && finite(image));
    rank[image] = above;
  }
  ${
    gradient
      ? /* wgsl */ `for (var c = thread; c < call.classes; c += ${THREADS}u) {
    let probability = exp_of(logits[image * call.logits_image + c] - highest) / sum;
    gradient[image * call.gradient_image + c] =
      (probability * targets - target_of(c, label, other, share)) / f32(call.images);
  }`
      : ''
  }
}`
  return [
    dispatch(call, room, text, {
      operands: {
        labels: at(call.labels, room.images),
        ...(mixed ? { other_labels: at(mixed.labels, room.images), shares: at(mixed.share, room.images) } : {}),
      },
    }),
  ]
}

export function binaryCrossEntropy(call: BinaryCrossEntropy, room: Room): Dispatch[] {
  const { labels, classWeights, gradient } = call
  const weight = classWeights ? 'class_weights[c]' : '1.0'
  const store = (value: string): string => (gradient ? `gradient[image * call.gradient_image + c] = ${value};` : '')
  const text = /* wgsl */ `${TOTAL}${EXP}${LOG_1P}${labels ? RANK : FINITE}
${MAIN} {
  let image = group.x;
  var own_loss = 0.0;
  var own_wrong = 0.0;
  for (var c = thread; c < call.classes; c += ${THREADS}u) {
    let score = logits[image * call.logits_image + c];
    let wanted = wanted_of[image * call.wanted_of_image + c];
    if ((bitcast<u32>(wanted) & 0x7fffffffu) > 0x7f800000u) {
      ${store('0.0')}
      continue;
    }
    let target_share = (1.0 - call.smoothing) * wanted + call.smoothing / 2.0;
    let small = exp_of(-abs(score));
    own_loss += ${weight} * (max(score, 0.0) - target_share * score + log_1p(small));
    if ((score > 0.0) != (wanted > 0.5)) { own_wrong += 1.0; }
    ${store(`${weight} * (select(small, 1.0, score >= 0.0) / (1.0 + small) - target_share) / f32(call.classes * call.images)`)}
  }
  let of_image = total(thread, own_loss);
  let wrong = total(thread, own_wrong);
  ${labels ? `let label = labels[image];\n  let above = rank_of(thread, image, label, label >= 0.0 && label < f32(call.classes) && label == floor(label));` : 'let above = wrong;'}
  if (thread == 0) {
    loss[image] = select(bitcast<f32>(call.nan), of_image / f32(call.classes), finite(image));
    rank[image] = above;
  }
}`
  const targets = scoresOf(call.targets, room)
  return [
    dispatch(call, room, text, {
      operands: { wanted_of: targets.place, ...(labels ? { labels: at(labels, room.images) } : {}) },
      whole: { wanted_of_image: targets.image },
    }),
  ]
}

function dispatch(
  { kernel, logits, classWeights, gradient, loss, rank, smoothing }: CrossEntropy | BinaryCrossEntropy,
  room: Room,
  text: string,
  more: Partial<Piece>,
): Dispatch {
  const pieces = joined(
    geometryOf('logits', scoresOf(logits, room)),
    gradient ? geometryOf('gradient', scoresOf(gradient, room)) : {},
    classWeights ? { operands: { class_weights: at(classWeights, logits.channels) } } : {},
    {
      operands: { loss: at(loss, room.images), rank: at(rank, room.images) },
      whole: { classes: logits.channels, images, nan: 0x7fc00000 },
      real: { smoothing },
    },
    more,
  )
  return { ...pieces, name: kernel, text, groups: batch => [batch, 1, 1] }
}

/** `finite(image)`: whether all its logits are numbers; of a network that diverged the loss is none. */
const FINITE = /* wgsl */ `
fn finite(image: u32) -> bool {
  for (var c = 0u; c < call.classes; c++) {
    if ((bitcast<u32>(logits[image * call.logits_image + c]) & 0x7f800000u) == 0x7f800000u) { return false; }
  }
  return true;
}`

/** `rank_of`: how many classes score above the label's, of equal ones those of smaller number; `classes` where it is none. */
const RANK = /* wgsl */ `${FINITE}
fn largest(thread: u32, image: u32) -> f32 {
  var own = logits[image * call.logits_image];
  for (var c = thread; c < call.classes; c += ${THREADS}u) { own = max(own, logits[image * call.logits_image + c]); }
  addends[thread] = own;
  workgroupBarrier();
  for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
    if (thread < half) { addends[thread] = max(addends[thread], addends[thread + half]); }
    workgroupBarrier();
  }
  let highest = addends[0];
  workgroupBarrier();
  return highest;
}
fn rank_of(thread: u32, image: u32, label: f32, known: bool) -> f32 {
  let own_class = select(0u, u32(max(label, 0.0)), known);
  let score = logits[image * call.logits_image + own_class];
  var above = 0.0;
  for (var c = thread; c < call.classes; c += ${THREADS}u) {
    let other = logits[image * call.logits_image + c];
    if (other > score || (other == score && c < own_class)) { above += 1.0; }
  }
  let counted = total(thread, above);
  return select(f32(call.classes), counted, known);
}`

/** WGSL's own may be off by many bits. e^x = 2^n e^r with |r| <= ln 2 / 2, of which the series has eight terms. */
export const EXP = /* wgsl */ `
fn exp_of(x: f32) -> f32 {
  if (x < -87.0) { return 0.0; }
  let n = round(x * 1.44269504);
  let r = (x - n * 0.693359375) + n * 2.12194440e-4;
  let series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r / 5040.0))))));
  return ldexp(series, i32(n));
}`

/** log x = e ln 2 + log m, sqrt(1/2) <= m < sqrt 2; log m = 2 (s + s^3 / 3 + s^5 / 5 + ...), s = (m - 1) / (m + 1). */
export const LOG = /* wgsl */ `
fn log_of(x: f32) -> f32 {
  let parts = frexp(x);
  let small = parts.fract < 0.70710678;
  let m = select(parts.fract, 2.0 * parts.fract, small);
  let e = f32(parts.exp) - select(0.0, 1.0, small);
  let s = (m - 1.0) / (m + 1.0);
  let s2 = s * s;
  let of_m = 2.0 * s * (1.0 + s2 * (1.0 / 3.0 + s2 * (1.0 / 5.0 + s2 * (1.0 / 7.0 + s2 / 9.0))));
  return e * 0.693359375 + (of_m - e * 2.12194440e-4);
}`

/** log(1 + x) for 0 <= x <= 1, by the same series, s = x / (2 + x). */
const LOG_1P = /* wgsl */ `
fn log_1p(x: f32) -> f32 {
  let s = x / (2.0 + x);
  let s2 = s * s;
  return 2.0 * s * (1.0 + s2 * (1.0 / 3.0 + s2 * (1.0 / 5.0 + s2 * (1.0 / 7.0 + s2 * (1.0 / 9.0 + s2 * (1.0 / 11.0 + s2 * (1.0 / 13.0 + s2 / 15.0)))))));
}`
