// Cross entropy of every pixel; kernels.ts has the formula. The weights of all labels are added up first, in parts, which every workgroup of the
// second dispatch adds up for itself; that has a tile of an image's pixels, a thread one pixel after the other. The last one adds up
// the tiles of each image.
import type { PixelCrossEntropy } from '../../../engine/kernels.js'
import { at, type Dispatch, images, planeOf, type Room, type Run } from '../dispatch.js'
import { written } from './activations.js'
import { geometryOf, joined, MAIN, THREADS, TOTAL } from './common.js'
import { EXP, LOG } from './loss.js'

/** Pixels of a workgroup. */
const SIZE = 4 * THREADS

export function pixelCrossEntropy(call: PixelCrossEntropy, room: Room): Dispatch[] {
  const { classWeights, gradient } = call
  const logits = planeOf(call.logits, room)
  const { pixels, channels: classes } = logits
  const tiles = Math.ceil(pixels / SIZE)
  const summed = (batch: number): number => Math.min(THREADS, Math.ceil((batch * pixels) / THREADS))
  const labels = {
    text: /* wgsl */ `${TOTAL}
fn is_class(label: f32) -> bool {
  return label >= 0.0 && label < f32(call.classes) && label == floor(label);
}
fn weight_of(label: f32) -> f32 {
  if (label < 0.0) { return 0.0; }
  ${classWeights ? 'if (is_class(label)) { return class_weights[u32(label)]; }' : ''}
  return 1.0;
}`,
    operands: {
      labels: at(call.labels, room.images * pixels),
      weights: room.take(THREADS),
      ...(classWeights ? { class_weights: at(classWeights, classes) } : {}),
    },
    whole: { images, pixels, classes, tiles, summed: ({ batch }: Run) => summed(batch) },
  }
  const ofTiles = { operands: { tile_losses: room.take(2 * room.images * tiles) } }
  const weigh: Dispatch = {
    ...joined(labels),
    name: `${call.kernel}, weights`,
    groups: batch => [summed(batch), 1, 1],
    text: /* wgsl */ `${labels.text}
${MAIN} {
  var own = 0.0;
  for (var i = group.x * ${THREADS}u + thread; i < call.images * call.pixels; i += groups.x * ${THREADS}u) {
    own += weight_of(labels[i]);
  }
  let sum = total(thread, own);
  if (thread == 0) { weights[group.x] = sum; }
}`,
  }
  const target = gradient && written('gradient', planeOf(gradient, room), room, { single: true })
  const ofPixels = joined(labels, ofTiles, geometryOf('logits', logits), target?.piece ?? {}, {
    operands: { predicted: at(call.predicted, room.images * pixels) },
  })
  const tileLosses: Dispatch = {
    ...ofPixels,
    name: call.kernel,
    groups: batch => [tiles, batch, 1],
    text: /* wgsl */ `${ofPixels.text}${EXP}${LOG}${ALL_WEIGHTS}
fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
${MAIN} {
  let image = group.y;
  let all_weights = weights_of_all(thread);
  var own = 0.0;
  var wrong = 0.0;
  for (var pixel = group.x * ${SIZE}u + thread; pixel < min(call.pixels, (group.x + 1) * ${SIZE}u); pixel += ${THREADS}u) {
    let label = labels[image * call.pixels + pixel];
    let first = image * call.logits_image + pixel;
    var best = 0u;
    var highest = logits[first];
    var known = is_class(label);
    for (var c = 0u; c < call.classes; c++) {
      let score = logits[first + c * call.pixels];
      if (score > highest) {
        highest = score;
        best = c;
      }
      known = known && is_finite(score);
    }
    predicted[image * call.pixels + pixel] = f32(best);
    var sum = 0.0;
    for (var c = 0u; c < call.classes; c++) { sum += exp_of(logits[first + c * call.pixels] - highest); }
    let weight = weight_of(label);
    if (weight > 0.0) {
      if (known) { own += weight * (log_of(sum) - (logits[first + u32(label) * call.pixels] - highest)); }
      else { wrong = 1.0; }
    }
    ${
      gradient
        ? /* wgsl */ `for (var c = 0u; c < call.classes; c++) {
      let probability = exp_of(logits[first + c * call.pixels] - highest) / sum;
      let part = weight * (probability - select(0.0, 1.0, f32(c) == label)) / all_weights;
      put_gradient(image, c, pixel, select(0.0, part, weight > 0.0));
    }`
        : ''
    }
  }
  let loss = total(thread, own);
  let unknown = total(thread, wrong);
  if (thread == 0) {
    let to = 2 * (image * call.tiles + group.x);
    tile_losses[to] = loss;
    tile_losses[to + 1] = unknown;
  }
}`,
  }
  const whole = joined(labels, ofTiles, {
    operands: { loss: at(call.loss, room.images) },
    whole: { nan: 0x7fc00000 },
  })
  const losses: Dispatch = {
    ...whole,
    name: `${call.kernel}, losses`,
    groups: batch => [batch, 1, 1],
    text: /* wgsl */ `${labels.text}${ALL_WEIGHTS}
${MAIN} {
  let all_weights = weights_of_all(thread);
  var own = vec2f();
  for (var tile = thread; tile < call.tiles; tile += ${THREADS}u) {
    let begin = 2 * (group.x * call.tiles + tile);
    own += vec2f(tile_losses[begin], tile_losses[begin + 1]);
  }
  let sum = total(thread, own.x);
  let wrong = total(thread, own.y);
  if (thread == 0) {
    let of_image = select(0.0, f32(call.images) * sum / all_weights, all_weights > 0.0);
    loss[group.x] = select(of_image, bitcast<f32>(call.nan), wrong > 0.0);
  }
}`,
  }
  return [weigh, tileLosses, ...(target?.after ?? []), losses]
}

const ALL_WEIGHTS = /* wgsl */ `
fn weights_of_all(thread: u32) -> f32 {
  var own = 0.0;
  if (thread < call.summed) { own = weights[thread]; }
  return total(thread, own);
}`
