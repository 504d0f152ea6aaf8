// Mean and biased variance of each channel: of tiles of pixels the mean and M2, the sum of squared differences from it; then those of
// all tiles merged, M2 = sum of M2 + count * (mean - mean of all)^2. Sums of squares would cancel where a mean is large.
import type { Statistics } from '../../../engine/kernels.js'
import { at, type Dispatch, images, type Place, type Plane, type Room } from '../dispatch.js'
import { geometryOf, joined, MAIN, THREADS, TOTAL } from './common.js'

/** [channel][tile][mean, M2], where a tile is `size` consecutive pixels of all images. */
export interface Tiles {
  readonly partials: Place
  readonly size: number
}

export function mergeStatistics({ mean, variance }: Statistics, { partials, size }: Tiles, of: Plane): Dispatch {
  return {
    name: 'statistics',
    operands: { partials, mean: at(mean, of.channels), variance: at(variance, of.channels) },
    whole: { size, count: ({ batch }) => batch * of.pixels },
    real: {},
    groups: () => [of.channels, 1, 1],
    text: /* wgsl */ `${TOTAL}
${MAIN} {
  let tiles = (call.count + call.size - 1) / call.size;
  let begin = 2 * group.x * tiles;
  let middle = partials[begin];
  var sum = 0.0;
  for (var tile = thread; tile < tiles; tile += ${THREADS}u) {
    sum += f32(min(call.size, call.count - tile * call.size)) * (partials[begin + 2 * tile] - middle);
  }
  let off = total(thread, sum) / f32(call.count);
  var squares = 0.0;
  for (var tile = thread; tile < tiles; tile += ${THREADS}u) {
    let difference = partials[begin + 2 * tile] - middle - off;
    let count = f32(min(call.size, call.count - tile * call.size));
    squares += partials[begin + 2 * tile + 1] + count * difference * difference;
  }
  let all = total(thread, squares);
  if (thread == 0) {
    mean[group.x] = middle + off;
    variance[group.x] = all / f32(call.count);
  }
}`,
  }
}

const SIZE = 4 * THREADS

/** Of what was written: two dispatches. */
export function statisticsOf(statistics: Statistics, of: Plane, room: Room): Dispatch[] {
  const most = Math.ceil((room.images * of.pixels) / SIZE)
  const tiles: Tiles = { partials: room.take(2 * of.channels * most), size: SIZE }
  const pieces = joined(geometryOf('output', of), { operands: { partials: tiles.partials }, whole: { images } })
  const first: Dispatch = {
    ...pieces,
    name: 'statistics of tiles',
    groups: batch => [Math.ceil((batch * of.pixels) / SIZE), of.channels, 1],
    text: /* wgsl */ `${TOTAL}
fn element(channel: u32, i: u32) -> f32 {
  return output[i / call.output_pixels * call.output_image + channel * call.output_pixels + i % call.output_pixels];
}
${MAIN} {
  let all = call.images * call.output_pixels;
  let end = min(all, (group.x + 1) * ${SIZE}u);
  let count = f32(end - group.x * ${SIZE}u);
  var sum = 0.0;
  for (var i = group.x * ${SIZE}u + thread; i < end; i += ${THREADS}u) { sum += element(group.y, i); }
  let mean = total(thread, sum) / count;
  var squares = 0.0;
  for (var i = group.x * ${SIZE}u + thread; i < end; i += ${THREADS}u) {
    let off = element(group.y, i) - mean;
    squares += off * off;
  }
  squares = total(thread, squares);
  if (thread == 0) {
    let to = 2 * (group.y * groups.x + group.x);
    partials[to] = mean;
    partials[to + 1] = squares;
  }
}`,
  }
  return [first, mergeStatistics(statistics, tiles, of)]
}
