// Convolution, backward: two products (product.ts) with dO, the gradient at the output (common.ts), and what is merged of their tiles.
//   dz[c] = sum over o and taps of weight[o][c][tap] * dO[o] shifted    rows: c, columns: input pixels of all images, k: (o, tap)
//   gradient of weight[o][c][tap] = sum over output pixels of dO[o] * z[c] shifted    rows: o, columns: (c, tap), k: pixels, in parts
import type { ConvolutionBackward } from '../../../engine/kernels.js'
import { at, type Dispatch, images, planeOf, type Room, spread } from '../dispatch.js'
import { coefficientsOf } from './coefficients.js'
import { type Coefficients, geometryOf, geometryText, gradientPiece, joined, normOf } from './common.js'
import { finishGradients, type Gathering, gathering } from './input-gradient.js'
import { productText, ROW_TOTALS, type Tile, tileFor } from './product.js'

export function convolutionBackward(call: ConvolutionBackward, room: Room): Dispatch[] {
  const { input, norm, outputGradient, inputGradient, size } = call
  const { coefficients, dispatches } = coefficientsOf(input.channels, norm, outputGradient, room)
  const tile = tileFor(input.channels)
  const gathered = inputGradient && gathering(input, inputGradient, coefficients, tile.columns, room)
  const weights = {
    gradient: at(call.weightGradient, outputGradient.gradient.channels * input.channels * size * size),
    ...weightGradient(call, coefficients, room),
  }
  return [
    ...dispatches,
    ...(gathered ? [gradientAtInput(call, coefficients, gathered, tile, room)] : []),
    weights.dispatch,
    ...finishGradients(input, norm, inputGradient, gathered, weights),
  ]
}

function gradientAtInput(
  { input, weight, size, stride, padding, outputGradient, dropout }: ConvolutionBackward,
  coefficients: Coefficients,
  { piece, sums }: Gathering,
  tile: Tile,
  room: Room,
): Dispatch {
  const output = planeOf(outputGradient.gradient, room.images)
  const pixels = input.height * input.width
  const text = geometryText(size, stride)
  const pieces = joined(piece, gradientPiece(outputGradient, coefficients, dropout, room), {
    operands: { weight: at(weight, output.channels * input.channels * size * size) },
    whole: { images, rows: input.channels, depth: output.channels * size * size, size, stride, padding },
  })
  const functions = /* wgsl */ `
// Of an input pixel.
struct Place { image: u32, y: i32, x: i32, inside: bool, pixel: u32 }
fn place(column: u32) -> Place {
  let image = column / call.input_pixels;
  let pixel = column % call.input_pixels;
  let y = i32(pixel / call.input_width + call.padding);
  let x = i32(pixel % call.input_width + call.padding);
  return Place(image, y, x, image < call.images, pixel);
}
fn left(row: u32, k: u32) -> f32 {
  if (row >= call.rows || k >= call.depth) { return 0.0; }
  return weight[(k / ${text.taps} * call.rows + row) * ${text.taps} + k % ${text.taps}];
}
fn right(k: u32, at: Place) -> f32 {
  let y = at.y - i32(k % ${text.taps} / ${text.size});
  let x = at.x - i32(k % ${text.size});
  if (k >= call.depth || !at.inside || y < 0 || x < 0${stride > 1 ? ` || y % i32(${text.stride}) != 0 || x % i32(${text.stride}) != 0` : ''}) { return 0.0; }
  let row = u32(y) / ${text.stride};
  let column = u32(x) / ${text.stride};
  if (row >= call.gradient_height || column >= call.gradient_width) { return 0.0; }
  return gradient_at(at.image, k / ${text.taps}, row * call.gradient_width + column);
}`
  return {
    ...pieces,
    name: `convolution ${size} x ${size}, gradient at the input`,
    text: productText({
      tile,
      placed: 'columns',
      columns: 'call.images * call.input_pixels',
      depth: 'call.depth',
      functions: `${pieces.text}\n${functions}${sums ? ROW_TOTALS : ''}`,
      ending: gatherEnding(sums !== null),
    }),
    groups(batch) {
      const [x, z] = spread(Math.ceil((batch * pixels) / tile.columns))
      return [x, Math.ceil(input.channels / tile.rows), z]
    },
  }
}

const gatherEnding = (summed: boolean): string => /* wgsl */ `
  var dz: array<f32, EACH>;
  var dz_xhat: array<f32, EACH>;
  for (var j = 0u; j < 4; j++) {
    let at = place(first_column + across + j * ACROSS);
    for (var i = 0u; i < EACH; i++) {
      let row = first_row + own_row + i;
      if (row >= call.rows || !at.inside) { continue; }
      let made = gather(values[4 * i + j], at.image, row, at.pixel);
      dz[i] += made.x;
      dz_xhat[i] += made.y;
    }
  }
  ${summed ? TILE_SUMS : ''}`

const TILE_SUMS = /* wgsl */ `
  let all_dz = row_totals(thread, across, own_row, dz);
  let all_dz_xhat = row_totals(thread, across, own_row, dz_xhat);
  if (thread < ROWS && first_row + thread < call.rows) {
    let tiles = (columns + COLUMNS - 1) / COLUMNS;
    let to = 2 * ((first_row + thread) * tiles + tile);
    sums[to] = all_dz;
    sums[to + 1] = all_dz_xhat;
  }`

/** Workgroups that keep a large GPU busy, and what their parts may take of scratch, in elements. */
const ENOUGH_GROUPS = 512
const MOST_SCRATCH = 2 ** 22
const LEAST_PART = 256

function weightGradient(call: ConvolutionBackward, coefficients: Coefficients, room: Room) {
  const { size, stride, padding, outputGradient, dropout } = call
  const input = planeOf(call.input, room.images)
  const output = planeOf(outputGradient.gradient, room.images)
  const columns = input.channels * size * size
  const text = geometryText(size, stride)
  const tile = tileFor(output.channels)
  const [x, y] = [Math.ceil(columns / tile.columns), Math.ceil(output.channels / tile.rows)]
  const wanted = Math.min(
    Math.ceil(ENOUGH_GROUPS / (x * y)),
    Math.ceil((room.images * output.pixels) / LEAST_PART),
    Math.max(1, Math.floor(MOST_SCRATCH / (output.channels * columns))),
  )
  const part = Math.ceil((room.images * output.pixels) / wanted)
  const count = (batch: number): number => Math.ceil((batch * output.pixels) / part)
  const parts = room.take(count(room.images) * output.channels * columns)
  const pieces = joined(
    geometryOf('input', input),
    normOf(coefficients),
    gradientPiece(outputGradient, coefficients, dropout, room),
    { operands: { parts }, whole: { images, rows: output.channels, columns, part, size, stride, padding } },
  )
  const functions = /* wgsl */ `
// Of an output pixel: where its window begins in the input.
struct Place { image: u32, y: i32, x: i32, inside: bool, pixel: u32 }
fn place(k: u32, end: u32) -> Place {
  let image = k / call.gradient_pixels;
  let pixel = k % call.gradient_pixels;
  let y = i32(pixel / call.gradient_width * ${text.stride}) - i32(call.padding);
  let x = i32(pixel % call.gradient_width * ${text.stride}) - i32(call.padding);
  return Place(image, y, x, k < end, pixel);
}
fn left(row: u32, at: Place) -> f32 {
  if (row >= call.rows || !at.inside) { return 0.0; }
  return gradient_at(at.image, row, at.pixel);
}
fn right(at: Place, column: u32) -> f32 {
  let channel = column / ${text.taps};
  let y = at.y + i32(column % ${text.taps} / ${text.size});
  let x = at.x + i32(column % ${text.size});
  let inside = y >= 0 && y < i32(call.input_height) && x >= 0 && x < i32(call.input_width);
  if (column >= call.columns || !at.inside || !inside) { return 0.0; }
  let pixel = u32(y) * call.input_width + u32(x);
  return z(input[at.image * call.input_image + channel * call.input_pixels + pixel], channel);
}`
  const ending = /* wgsl */ `
  for (var n = 0u; n < 4 * EACH; n++) {
    let row = first_row + own_row + n / 4;
    let column = first_column + across + n % 4 * ACROSS;
    if (row < call.rows && column < columns) { parts[(group.z * call.rows + row) * columns + column] = values[n]; }
  }`
  const dispatch: Dispatch = {
    ...pieces,
    name: `convolution ${size} x ${size}, gradient of the weights`,
    text: productText({
      tile,
      placed: 'depth',
      columns: 'call.columns',
      depth: 'call.images * call.gradient_pixels',
      functions: `${pieces.text}\n${functions}`,
      ending,
    }),
    groups: batch => [x, y, count(batch)],
  }
  return { parts, count, dispatch }
}
