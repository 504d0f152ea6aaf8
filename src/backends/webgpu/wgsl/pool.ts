// Pooling. Forward, a thread makes one output pixel of z = norm ? relu(norm(input)) : input: the mean of a window, or its largest. Backward, a
// thread finds dz at one input pixel, from the windows that it lies in; a workgroup has SIZE pixels of one channel.
//   average: dz = dO[window] / area    largest: dz = sum of dO over the windows whose first largest element it is
import type {
  AveragePoolBackward,
  AveragePoolForward,
  MaxPoolBackward,
  MaxPoolForward,
} from '../../../engine/kernels.js'
import { type Dispatch, images, planeOf, type Room } from '../dispatch.js'
import { written } from './activations.js'
import { geometryOf, gradientPiece, joined, MAIN, normPiece, type Piece, THREADS, TOTAL } from './common.js'
import { finishGradients, gathering } from './input-gradient.js'
import { statisticsOf } from './statistics.js'

export const averagePoolForward = (call: AveragePoolForward, room: Room): Dispatch[] =>
  forward(call, averaged(call), MEAN, room)
export const maxPoolForward = (call: MaxPoolForward, room: Room): Dispatch[] =>
  forward(call, windowed(call), `${LARGEST}\n${LARGEST_VALUE}`, room)
export const averagePoolBackward = (call: AveragePoolBackward, room: Room): Dispatch[] =>
  backward(call, averaged(call), SHARE, room)
export const maxPoolBackward = (call: MaxPoolBackward, room: Room): Dispatch[] =>
  backward(call, windowed(call), `${LARGEST}\n${WON}`, room)

const averaged = (call: Pick<AveragePoolForward, 'windowHeight' | 'windowWidth'>): Piece['whole'] => ({
  window_height: call.windowHeight,
  window_width: call.windowWidth,
})
const windowed = ({ size, stride, padding }: Pick<MaxPoolForward, 'size' | 'stride' | 'padding'>): Piece['whole'] => ({
  size,
  stride,
  padding,
})

function forward(
  call: AveragePoolForward | MaxPoolForward,
  window: Piece['whole'],
  pool: string,
  room: Room,
): Dispatch[] {
  const { norm, statistics } = call
  const [input, output] = [planeOf(call.input, room), planeOf(call.output, room)]
  const { piece: target, lanes, after } = written('output', output, room)
  const pieces = joined(geometryOf('input', input), target, normPiece(norm, input.channels), {
    whole: { images, ...window },
  })
  const made = (at: string): string => `pooled(image, group.y, ${at} / call.output_width, ${at} % call.output_width)`
  const dispatch: Dispatch = {
    ...pieces,
    name: call.kernel,
    groups: batch => [Math.ceil((batch * output.pixels) / (lanes * THREADS)), output.channels, 1],
    text: /* wgsl */ `${pieces.text}
fn value(image: u32, channel: u32, pixel: u32) -> f32 {
  return z(input[image * call.input_image + channel * call.input_pixels + pixel], channel);
}
${pool}
${MAIN} {
  let i = ${lanes} * (group.x * ${THREADS}u + thread);
  if (i >= call.images * call.output_pixels) { return; }
  let image = i / call.output_pixels;
  let pixel = i % call.output_pixels;
  put_output(image, group.y, pixel, ${lanes === 1 ? made('pixel') : `vec2f(${made('pixel')}, ${made('(pixel + 1)')})`});
}`,
  }
  return [dispatch, ...after, ...(statistics ? statisticsOf(statistics, output, room) : [])]
}

/** Of a window; the last ones may be smaller. */
const AREA = /* wgsl */ `
fn area(row: u32, column: u32) -> f32 {
  return f32(min(call.window_height, call.input_height - row * call.window_height) *
    min(call.window_width, call.input_width - column * call.window_width));
}`

const MEAN = /* wgsl */ `${AREA}
fn pooled(image: u32, channel: u32, row: u32, column: u32) -> f32 {
  let top = row * call.window_height;
  let left = column * call.window_width;
  var sum = 0.0;
  for (var y = top; y < min(top + call.window_height, call.input_height); y++) {
    for (var x = left; x < min(left + call.window_width, call.input_width); x++) {
      sum += value(image, channel, y * call.input_width + x);
    }
  }
  return sum / area(row, column);
}`

/** `largest(image, channel, row, column)`: the pixel that wins the window, and its value. */
const LARGEST = /* wgsl */ `
struct Winner { pixel: u32, value: f32 }
fn largest(image: u32, channel: u32, row: u32, column: u32) -> Winner {
  let top = i32(row * call.stride) - i32(call.padding);
  let left = i32(column * call.stride) - i32(call.padding);
  var winner = Winner(0u, 0.0);
  var found = false;
  for (var y = max(top, 0); y < min(top + i32(call.size), i32(call.input_height)); y++) {
    for (var x = max(left, 0); x < min(left + i32(call.size), i32(call.input_width)); x++) {
      let pixel = u32(y) * call.input_width + u32(x);
      let here = value(image, channel, pixel);
      if (!found || here > winner.value) { winner = Winner(pixel, here); }
      found = true;
    }
  }
  return winner;
}`

const LARGEST_VALUE = /* wgsl */ `
fn pooled(image: u32, channel: u32, row: u32, column: u32) -> f32 {
  return largest(image, channel, row, column).value;
}`

/** Pixels of a workgroup. */
const SIZE = 4 * THREADS

function backward(
  call: AveragePoolBackward | MaxPoolBackward,
  window: Piece['whole'],
  pool: string,
  room: Room,
): Dispatch[] {
  const { input, norm, outputGradient, inputGradient } = call
  const gathered = gathering(input, inputGradient, SIZE, room)
  const pieces = joined(gathered.piece, gradientPiece(outputGradient, null, room), {
    whole: { images, ...window },
  })
  const dispatch: Dispatch = {
    ...pieces,
    name: call.kernel,
    groups: batch => [Math.ceil((batch * input.height * input.width) / SIZE), input.channels, 1],
    text: backwardText(`${pieces.text}\n${pool}`, gathered.lanes, norm !== null),
  }
  return [dispatch, ...gathered.after, ...finishGradients(input, norm, inputGradient, gathered, null)]
}

const backwardText = (functions: string, lanes: 1 | 2, normed: boolean): string => /* wgsl */ `${normed ? TOTAL : ''}
fn value(image: u32, channel: u32, pixel: u32) -> f32 {
  return z(input[image * call.input_image + channel * call.input_pixels + pixel], channel);
}
${functions}
fn gathered(image: u32, channel: u32, pixel: u32) -> vec3f {
  return gather(unpooled(image, channel, pixel / call.input_width, pixel % call.input_width), image, channel, pixel);
}
${MAIN} {
  let end = min(call.images * call.input_pixels, (group.x + 1) * ${SIZE}u);
  var own = vec2f();
  for (var i = group.x * ${SIZE}u + ${lanes} * thread; i < end; i += ${lanes * THREADS}u) {
    let image = i / call.input_pixels;
    let pixel = i % call.input_pixels;
    let made = gathered(image, group.y, pixel);
    ${
      lanes === 1
        ? /* wgsl */ `put_input_gradient(image, group.y, pixel, made.x);
    own += made.yz;`
        : /* wgsl */ `let next = gathered(image, group.y, pixel + 1);
    put_input_gradient(image, group.y, pixel, vec2f(made.x, next.x));
    own += made.yz + next.yz;`
    }
  }
  ${
    normed
      ? /* wgsl */ `let dz = total(thread, own.x);
  let dz_xhat = total(thread, own.y);
  if (thread == 0) {
    let to = 2 * (group.y * groups.x + group.x);
    sums[to] = dz;
    sums[to + 1] = dz_xhat;
  }`
      : ''
  }
}`

const SHARE = /* wgsl */ `${AREA}
fn unpooled(image: u32, channel: u32, row: u32, column: u32) -> f32 {
  let y = row / call.window_height;
  let x = column / call.window_width;
  if (y >= call.gradient_height || x >= call.gradient_width) { return 0.0; }
  return gradient_at(image, channel, y * call.gradient_width + x) / area(y, x);
}`

const WON = /* wgsl */ `
// The first window that a row or column lies in.
fn first_window(position: u32) -> u32 {
  let reach = position + call.padding + 1;
  return select(0u, (reach - call.size + call.stride - 1) / call.stride, reach > call.size);
}
fn unpooled(image: u32, channel: u32, row: u32, column: u32) -> f32 {
  var sum = 0.0;
  let bottom = min((row + call.padding) / call.stride + 1, call.gradient_height);
  let right = min((column + call.padding) / call.stride + 1, call.gradient_width);
  for (var y = first_window(row); y < bottom; y++) {
    for (var x = first_window(column); x < right; x++) {
      if (largest(image, channel, y, x).pixel == row * call.input_width + column) {
        sum += gradient_at(image, channel, y * call.gradient_width + x);
      }
    }
  }
  return sum;
}`
