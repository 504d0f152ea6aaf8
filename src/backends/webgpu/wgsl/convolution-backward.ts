// Convolution, backward: two products (product.ts) with dO, the gradient at the output (common.ts), and what is merged of their tiles.
//   dz[c] = sum over o and taps of weight[o][c][tap] * dO[o] shifted    rows: c, columns: input pixels of all images, k: (o, tap)
//   gradient of weight[o][c][tap] = sum over output pixels of dO[o] * z[c] shifted    rows: o, columns: (c, tap), k: pixels, in parts
// and, where there is a bias, its gradient, the sum of dO, in the same parts. Transposed, input and gradient change places:
//   dx[c] = sum over o and taps of weight[c][o][tap] * dO[o] in the pixel's window
//   gradient of weight[c][o][tap] = sum over input pixels of x[c] * dO[o] in the pixel's window    rows: c, columns: (o, tap)
import type { ConvolutionBackward, TransposedConvolutionBackward } from '../../../engine/kernels.js'
import { at, type Dispatch, images, planeOf, type Room, spread } from '../dispatch.js'
import type { Tile } from '../tiles.js'
import { geometryOf, geometryText, gradientPiece, joined, MAIN, normOf, type Piece, THREADS, TOTAL } from './common.js'
import { finishGradients, type Gathering, gathering, type Parts } from './input-gradient.js'
import { productText, putValues, ROW_TOTALS } from './product.js'
import { factorsText, weightFactorsText, windowsOverText, windowText } from './window.js'

/** Of either kind. */
type Convolution = ConvolutionBackward | TransposedConvolutionBackward

export function convolutionBackward(call: Convolution, room: Room): Dispatch[] {
  const { input } = call
  const norm = 'norm' in call ? call.norm : null
  const inputGradient = call.inputGradient && { norm: null, ...call.inputGradient }
  const tile = room.tileFor(input.channels)
  const gathered = inputGradient && gathering(input, inputGradient, tile.columns, room)
  const weights = weightGradient(call, room)
  return [
    ...(gathered ? [gradientAtInput(call, gathered, tile, room), ...gathered.after] : []),
    ...weights.dispatches,
    ...finishGradients(input, norm, inputGradient, gathered, weights.parts),
  ]
}

const isTransposed = ({ kernel }: Convolution): boolean => kernel === 'transposedConvolutionBackward'

/** What both kinds are made of; one of them has neither padding nor dropout. */
function pieceOf(call: Convolution, room: Room): Piece {
  const { size, stride } = call
  const { padding, dropout } = 'padding' in call ? call : { padding: 0, dropout: null }
  return joined(gradientPiece(call.outputGradient, dropout, room), { whole: { images, size, stride, padding } })
}

function gradientAtInput(call: Convolution, { piece, lanes, sums }: Gathering, tile: Tile, room: Room): Dispatch {
  const { input, size } = call
  const { channels } = call.outputGradient.gradient
  const pixels = input.height * input.width
  const geometry = geometryText(size, call.stride)
  const windows = { of: 'gradient', around: 'input', geometry } as const
  const pieces = joined(piece, pieceOf(call, room), {
    operands: { weight: at(call.weight, channels * input.channels * size * size) },
    whole: { rows: input.channels, depth: channels * size * size },
  })
  return {
    ...pieces,
    name: `${isTransposed(call) ? 'transposed ' : ''}convolution ${size} x ${size}, gradient at the input`,
    text: productText({
      tile,
      placed: 'columns',
      columns: 'call.images * call.input_pixels',
      depth: 'call.depth',
      functions: [
        pieces.text,
        isTransposed(call) ? windowText(windows) : windowsOverText(windows),
        factorsText(geometry, isTransposed(call) ? 'row first' : 'channel first'),
        sums ? ROW_TOTALS : '',
      ].join('\n'),
      lanes,
      ending: gatherEnding(lanes, sums !== null),
    }),
    groups(batch) {
      const [x, z] = spread(Math.ceil((batch * pixels) / tile.columns))
      return [x, Math.ceil(input.channels / tile.rows), z]
    },
  }
}

const gatherEnding = (lanes: Gathering['lanes'], summed: boolean): string => /* wgsl */ `
  var dz: array<f32, EACH>;
  var dz_xhat: array<f32, EACH>;
  for (var j = 0u; j < 4; j++) {
    let at = place(first_column + column(across, j), columns);
    for (var i = 0u; i < EACH; i++) {
      let row = first_row + own_row + i;
      if (row >= call.rows || !at.inside) { continue; }
      let made = gather(values[4 * i + j], at.image, row, at.pixel);
      values[4 * i + j] = made.x;
      ${putValues('input_gradient', lanes)}
      dz[i] += made.y;
      dz_xhat[i] += made.z;
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

function weightGradient(call: Convolution, room: Room): { readonly parts: Parts; readonly dispatches: Dispatch[] } {
  const { size, biasGradient } = call
  const transposed = isTransposed(call)
  const [input, output] = [planeOf(call.input, room), planeOf(call.outputGradient.gradient, room)]
  // Pixels are those of the one, windows those around them in the other.
  const [own, other] = transposed ? [input, output] : [output, input]
  const columns = other.channels * size * size
  const tile = room.tileFor(own.channels)
  const [x, y] = [Math.ceil(columns / tile.columns), Math.ceil(own.channels / tile.rows)]
  const wanted = Math.min(
    Math.ceil(ENOUGH_GROUPS / (x * y)),
    Math.ceil((room.images * own.pixels) / LEAST_PART),
    Math.max(1, Math.floor(MOST_SCRATCH / (own.channels * columns))),
  )
  const part = Math.ceil((room.images * own.pixels) / wanted)
  const count = (batch: number): number => Math.ceil((batch * own.pixels) / part)
  const weights = own.channels * columns
  const numbers = weights + (biasGradient ? output.channels : 0)
  const parts: Parts = {
    place: room.take(count(room.images) * numbers),
    count,
    weights: at(call.weightGradient, weights),
    bias: biasGradient ? at(biasGradient, output.channels) : null,
  }
  const geometry = geometryText(size, call.stride)
  const [pixels, windows] = transposed ? (['input', 'gradient'] as const) : (['gradient', 'input'] as const)
  const pieces = joined(geometryOf('input', input), normOf(room.coefficients), pieceOf(call, room), {
    operands: { parts: parts.place },
    whole: { rows: own.channels, columns, part, numbers },
  })
  const ending = /* wgsl */ `
  for (var n = 0u; n < 4 * EACH; n++) {
    let row = first_row + own_row + n / 4;
    let to = first_column + column(across, n % 4);
    if (row < call.rows && to < columns) { parts[group.z * call.numbers + row * columns + to] = values[n]; }
  }`
  const ofWeights: Dispatch = {
    ...pieces,
    name: `${transposed ? 'transposed ' : ''}convolution ${size} x ${size}, gradient of the weights`,
    text: productText({
      tile,
      placed: 'depth',
      columns: 'call.columns',
      depth: `call.images * call.${pixels}_pixels`,
      functions: [
        pieces.text,
        windowText({ of: windows, around: pixels, geometry }),
        weightFactorsText(geometry, pixels),
      ].join('\n'),
      ending,
    }),
    groups: batch => [x, y, count(batch)],
  }
  return { parts, dispatches: [ofWeights, ...(biasGradient ? [biasParts(call, parts, weights, room)] : [])] }
}

/** A workgroup adds up dO of a channel over a part of the pixels, and leaves it behind the part's weights. */
function biasParts(call: Convolution, { place, count }: Parts, weights: number, room: Room): Dispatch {
  const { channels } = call.outputGradient.gradient
  const pieces = joined(pieceOf(call, room), { operands: { parts: place }, whole: { weights } })
  return {
    ...pieces,
    name: 'gradient of the bias',
    groups: batch => [count(batch), channels, 1],
    text: /* wgsl */ `${pieces.text}${TOTAL}
${MAIN} {
  let all = call.images * call.gradient_pixels;
  let part = (all + groups.x - 1) / groups.x;
  let end = min(all, (group.x + 1) * part);
  var own = 0.0;
  for (var i = group.x * part + thread; i < end; i += ${THREADS}u) {
    own += gradient_at(i / call.gradient_pixels, group.y, i % call.gradient_pixels);
  }
  let sum = total(thread, own);
  if (thread == 0) { parts[group.x * (call.weights + groups.y) + call.weights + group.y] = sum; }
}`,
  }
}
