// Convolution: output[o] = dropout(relu(sum over c and taps of weight[o][c][tap] * z[c] shifted + bias[o])); ReLU and bias only where a
// norm is folded in. A product (product.ts): rows are output channels, columns the pixels of all images, k is (c, tap). A workgroup
// leaves mean and M2 of its pixels of each channel, which statistics.ts merges.
import type { ConvolutionForward, DenseLayerForward, Dropout, Norm, Statistics } from '../../../engine/kernels.js'
import {
  at,
  type Dispatch,
  images,
  type Place,
  type Plane,
  planeOf,
  type Room,
  scratchPlane,
  spread,
} from '../dispatch.js'
import { dropoutPiece, type GeometryText, geometryOf, geometryText, joined, normPiece, RELU } from './common.js'
import { productText, ROW_TOTALS, tileFor } from './product.js'
import { mergeStatistics, type Tiles } from './statistics.js'

interface Convolution {
  readonly size: number
  readonly stride: number
  readonly padding: number
  readonly input: Plane
  readonly norm: Norm | null
  readonly weight: Place
  readonly bias: Place | null
  readonly output: Plane
  readonly statistics: Statistics | null
  readonly dropout: Dropout | null
}

export function convolutionForward(call: ConvolutionForward, room: Room): Dispatch[] {
  const { size, stride, padding, norm, statistics, dropout } = call
  const [input, output] = [planeOf(call.input, room.images), planeOf(call.output, room.images)]
  const weight = at(call.weight, output.channels * input.channels * size * size)
  const bias = call.foldedBias ? at(call.foldedBias, output.channels) : null
  return convolve({ size, stride, padding, input, norm, weight, bias, output, statistics, dropout }, room)
}

export function denseLayerForward(call: DenseLayerForward, room: Room): Dispatch[] {
  const [input, output] = [planeOf(call.input, room.images), planeOf(call.output, room.images)]
  const { channels, norm } = call
  const between = scratchPlane(room, channels, input.height, input.width)
  const plain = { stride: 1, statistics: null, dropout: null }
  const weight = at(call.weight, channels * input.channels)
  const growth = at(call.growthWeight, output.channels * channels * 9)
  const bias = at(call.foldedBias, channels)
  return [
    ...convolve({ ...plain, size: 1, padding: 0, input, norm, weight, bias, output: between }, room),
    ...convolve(
      { ...plain, size: 3, padding: 1, input: between, norm: null, weight: growth, bias: null, output },
      room,
    ),
  ]
}

function convolve(convolution: Convolution, room: Room): Dispatch[] {
  const { size, stride, padding, input, norm, weight, bias, output, statistics, dropout } = convolution
  const tile = tileFor(output.channels)
  const tiles: Tiles | null = statistics && {
    partials: room.take(2 * output.channels * Math.ceil((room.images * output.pixels) / tile.columns)),
    size: tile.columns,
  }
  const pieces = joined(
    geometryOf('input', input),
    geometryOf('output', output),
    normPiece(norm, input.channels),
    dropoutPiece(dropout),
    bias ? { text: norm ? '' : RELU, operands: { bias } } : {},
    tiles ? { operands: { partials: tiles.partials } } : {},
    {
      operands: { weight },
      whole: { images, rows: output.channels, depth: input.channels * size * size, size, stride, padding },
    },
  )
  const product = productText({
    tile,
    placed: 'columns',
    columns: 'call.images * call.output_pixels',
    depth: 'call.depth',
    functions: `${pieces.text}\n${functions(geometryText(size, stride))}${statistics ? ROW_TOTALS : ''}`,
    ending: ending({ bias: bias !== null, dropped: dropout !== null, statistics: statistics !== null }),
  })
  const [rows, columns] = [Math.ceil(output.channels / tile.rows), output.pixels / tile.columns]
  const dispatch: Dispatch = {
    ...pieces,
    name: `convolution ${size} x ${size}`,
    text: product,
    groups(batch) {
      const [x, z] = spread(Math.ceil(batch * columns))
      return [x, rows, z]
    },
  }
  return statistics && tiles ? [dispatch, mergeStatistics(statistics, tiles, output)] : [dispatch]
}

const functions = ({ size, taps, stride }: GeometryText): string => /* wgsl */ `
// Of an output pixel: its image, and where its window begins in the input.
struct Place { image: u32, y: i32, x: i32, inside: bool, pixel: u32 }
fn place(column: u32) -> Place {
  let image = column / call.output_pixels;
  let pixel = column % call.output_pixels;
  let y = i32(pixel / call.output_width * ${stride}) - i32(call.padding);
  let x = i32(pixel % call.output_width * ${stride}) - i32(call.padding);
  return Place(image, y, x, image < call.images, pixel);
}
fn left(row: u32, k: u32) -> f32 {
  if (row >= call.rows || k >= call.depth) { return 0.0; }
  return weight[row * call.depth + k];
}
fn right(k: u32, at: Place) -> f32 {
  let channel = k / ${taps};
  let y = at.y + i32(k % ${taps} / ${size});
  let x = at.x + i32(k % ${size});
  let inside = y >= 0 && y < i32(call.input_height) && x >= 0 && x < i32(call.input_width);
  if (k >= call.depth || !at.inside || !inside) { return 0.0; }
  let pixel = u32(y) * call.input_width + u32(x);
  return z(input[at.image * call.input_image + channel * call.input_pixels + pixel], channel);
}`

interface Made {
  readonly bias: boolean
  readonly dropped: boolean
  readonly statistics: boolean
}

const ending = ({ bias, dropped, statistics }: Made): string => /* wgsl */ `
  for (var j = 0u; j < 4; j++) {
    let at = place(first_column + across + j * ACROSS);
    for (var i = 0u; i < EACH; i++) {
      let row = first_row + own_row + i;
      if (row >= call.rows || !at.inside) { continue; }
      var sum = values[4 * i + j];
      ${bias ? 'sum = relu(sum + bias[row]);' : ''}
      ${dropped ? 'sum = keep(sum, (at.image * call.rows + row) * call.output_pixels + at.pixel);' : ''}
      output[at.image * call.output_image + row * call.output_pixels + at.pixel] = sum;
      values[4 * i + j] = sum;
    }
  }
  ${statistics ? TILE_STATISTICS : ''}`

/** Twice over the tile's columns that there are: their mean, then their squared differences from it. */
const TILE_STATISTICS = /* wgsl */ `
  let there = min(COLUMNS, columns - first_column);
  var addends: array<f32, EACH>;
  for (var i = 0u; i < EACH; i++) {
    for (var j = 0u; j < 4; j++) { addends[i] += select(0.0, values[4 * i + j], across + j * ACROSS < there); }
  }
  let mean = row_totals(thread, across, own_row, addends) / f32(there);
  if (thread < ROWS) { shared_numbers[thread] = mean; }
  workgroupBarrier();
  for (var i = 0u; i < EACH; i++) {
    addends[i] = 0.0;
    for (var j = 0u; j < 4; j++) {
      let off = values[4 * i + j] - shared_numbers[own_row + i];
      addends[i] += select(0.0, off * off, across + j * ACROSS < there);
    }
  }
  workgroupBarrier();
  let squares = row_totals(thread, across, own_row, addends);
  if (thread < ROWS && first_row + thread < call.rows) {
    let tiles = (columns + COLUMNS - 1) / COLUMNS;
    let to = 2 * ((first_row + thread) * tiles + tile);
    partials[to] = mean;
    partials[to + 1] = squares;
  }`
