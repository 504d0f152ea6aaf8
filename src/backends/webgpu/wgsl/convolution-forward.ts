// Convolution: output[o] = dropout(sum over c and taps of weight[o][c][tap] * z[c] shifted + bias[o]), then relu where a norm is folded in. A
// product (product.ts): rows are output channels, columns the pixels of all images, k is (c, tap). A workgroup leaves mean and M2 of
// its pixels of each channel, which statistics.ts merges. Transposed: the same with other windows, and weight[c][o][tap].
import type {
  ConvolutionForward,
  DenseLayerForward,
  Dropout,
  Norm,
  Statistics,
  TransposedConvolutionForward,
} from '../../../engine/kernels.js'
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
import { type Written, written } from './activations.js'
import { dropoutPiece, geometryOf, geometryText, joined, normPiece, RELU } from './common.js'
import { productText, putValues, ROW_TOTALS } from './product.js'
import { mergeStatistics, type Tiles } from './statistics.js'
import { factorsText, windowsOverText, windowText } from './window.js'

interface Convolution {
  readonly transposed: boolean
  readonly size: number
  readonly stride: number
  readonly padding: number
  readonly input: Plane
  readonly norm: Norm | null
  readonly weight: Place
  readonly bias: Place | null
  readonly foldedBias: Place | null
  readonly output: Plane
  readonly statistics: Statistics | null
  readonly dropout: Dropout | null
}

export function convolutionForward(call: ConvolutionForward, room: Room): Dispatch[] {
  const { size, stride, padding, norm, statistics, dropout } = call
  const [input, output] = [planeOf(call.input, room), planeOf(call.output, room)]
  const weight = at(call.weight, output.channels * input.channels * size * size)
  const bias = call.bias ? at(call.bias, output.channels) : null
  const foldedBias = call.foldedBias ? at(call.foldedBias, output.channels) : null
  const own = { size, stride, padding, input, norm, weight, output, statistics, dropout }
  return convolve({ ...own, transposed: false, bias, foldedBias }, room)
}

export function transposedConvolutionForward(call: TransposedConvolutionForward, room: Room): Dispatch[] {
  const { size, stride, statistics } = call
  const [input, output] = [planeOf(call.input, room), planeOf(call.output, room)]
  const weight = at(call.weight, output.channels * input.channels * size * size)
  const bias = at(call.bias, output.channels)
  const plain = { transposed: true, padding: 0, norm: null, foldedBias: null, dropout: null }
  return convolve({ ...plain, size, stride, input, weight, bias, output, statistics }, room)
}

export function denseLayerForward(call: DenseLayerForward, room: Room): Dispatch[] {
  const [input, output] = [planeOf(call.input, room), planeOf(call.output, room)]
  const { channels, norm } = call
  const between = scratchPlane(room, channels, input.height, input.width)
  const plain = { transposed: false, stride: 1, bias: null, statistics: null, dropout: null }
  const weight = at(call.weight, channels * input.channels)
  const growth = at(call.growthWeight, output.channels * channels * 9)
  const foldedBias = at(call.foldedBias, channels)
  return [
    ...convolve({ ...plain, size: 1, padding: 0, input, norm, weight, foldedBias, output: between }, room),
    ...convolve(
      { ...plain, size: 3, padding: 1, input: between, norm: null, weight: growth, foldedBias: null, output },
      room,
    ),
  ]
}

function convolve(convolution: Convolution, room: Room): Dispatch[] {
  const { transposed, size, stride, padding, input, norm, weight, bias, foldedBias, output, statistics, dropout } =
    convolution
  const geometry = geometryText(size, stride)
  const windows = { of: 'input', around: 'output', geometry } as const
  const tile = room.tileFor(output.channels)
  const tiles: Tiles | null = statistics && {
    partials: room.take(2 * output.channels * Math.ceil((room.images * output.pixels) / tile.columns)),
    size: tile.columns,
  }
  const { piece: target, lanes, after } = written('output', output, room)
  const pieces = joined(
    geometryOf('input', input),
    target,
    normPiece(norm, input.channels),
    dropoutPiece(dropout),
    bias ? { operands: { bias } } : {},
    foldedBias ? { text: norm ? '' : RELU, operands: { folded_bias: foldedBias } } : {},
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
    functions: [
      pieces.text,
      transposed ? windowsOverText(windows) : windowText(windows),
      factorsText(geometry, transposed ? 'channel first' : 'row first'),
      statistics ? ROW_TOTALS : '',
    ].join('\n'),
    lanes,
    ending: ending(convolution, lanes),
  })
  const [rows, columns] = [Math.ceil(output.channels / tile.rows), output.pixels / tile.columns]
  const dispatch: Dispatch = {
    ...pieces,
    name: `${transposed ? 'transposed ' : ''}convolution ${size} x ${size}`,
    text: product,
    groups(batch) {
      const [x, z] = spread(Math.ceil(batch * columns))
      return [x, rows, z]
    },
  }
  return [dispatch, ...after, ...(statistics && tiles ? [mergeStatistics(statistics, tiles, output)] : [])]
}

const ending = ({ bias, foldedBias, dropout, statistics }: Convolution, lanes: Written['lanes']): string => /* wgsl */ `
  for (var j = 0u; j < 4; j++) {
    let at = place(first_column + column(across, j), columns);
    for (var i = 0u; i < EACH; i++) {
      let row = first_row + own_row + i;
      if (row >= call.rows || !at.inside) { continue; }
      var sum = values[4 * i + j];
      ${bias ? 'sum += bias[row];' : ''}
      ${foldedBias ? 'sum = relu(sum + folded_bias[row]);' : ''}
      ${dropout ? 'sum = keep(sum, (at.image * call.rows + row) * call.output_pixels + at.pixel);' : ''}
      values[4 * i + j] = stored_output(sum);
      ${putValues('output', lanes)}
    }
  }
  ${statistics ? TILE_STATISTICS : ''}`

/** Twice over the tile's columns that there are: their mean, then their squared differences from it. */
const TILE_STATISTICS = /* wgsl */ `
  let there = min(COLUMNS, columns - first_column);
  var addends: array<f32, EACH>;
  for (var i = 0u; i < EACH; i++) {
    for (var j = 0u; j < 4; j++) { addends[i] += select(0.0, values[4 * i + j], column(across, j) < there); }
  }
  let mean = row_totals(thread, across, own_row, addends) / f32(there);
  if (thread < ROWS) { shared_numbers[thread] = mean; }
  workgroupBarrier();
  for (var i = 0u; i < EACH; i++) {
    addends[i] = 0.0;
    for (var j = 0u; j < 4; j++) {
      let off = values[4 * i + j] - shared_numbers[own_row + i];
      addends[i] += select(0.0, off * off, column(across, j) < there);
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
