// The product of two matrices, the loop that convolutions have in common:
//
//   sum[row][column] = sum over k of left(row, k) * right(k, column)
//
// A workgroup makes a tile of `rows` x `columns`. In steps of DEPTH both factors' tiles are brought into workgroup memory, by
// functions that compute them as they load them; each thread keeps `each` rows of four columns in registers. The columns of a
// thread, or two of them each, lie a stride apart, so that neighbouring threads write neighbouring pixels.
import { SPREAD_GROUP } from '../dispatch.js'
import type { Tile } from '../tiles.js'

const DEPTH = 16

const across = ({ columns }: Tile): number => columns / 4
const threadsOf = (tile: Tile): number => (tile.rows / tile.each) * across(tile)

interface Parts {
  readonly tile: Tile
  /** `columns`: a Place is of a column, `left(row, k)` and `right(k, place)`. `depth`: of a k, `left(row, place)` and
   * `right(place, column)`; the workgroup then adds up a part of the depth, `group.z`. `place(i, end)` makes it. */
  readonly placed: 'columns' | 'depth'
  /** struct Place, the functions place, left and right, and whatever they need. Beyond the matrices left and right give 0. */
  readonly functions: string
  /** WGSL of the number of columns and of k. */
  readonly columns: string
  readonly depth: string
  /** Of columns: how many neighbours a thread has, one, or two of which the first is an even one. */
  readonly lanes?: 1 | 2
  /** Statements after the sums are made: `values[4 * i + j]` is the thread's sum of row `first_row + own_row + i` and column
   * `first_column + column(across, j)`. */
  readonly ending: string
}

/** In an ending, for each j and then each i: writes the thread's pixel `at` of `row`, of two lanes with the one before it. */
export const putValues = (name: string, lanes: 1 | 2): string =>
  lanes === 1
    ? `put_${name}(at.image, row, at.pixel, values[4 * i + j]);`
    : `if (j % 2 == 1) { put_${name}(at.image, row, at.pixel - 1, vec2f(values[4 * i + j - 1], values[4 * i + j])); }`

/** Statements for registers, whose numbers are constants. */
const forEach = (count: number, statement: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => statement(i)).join('\n  ')

export function productText({ tile, placed, functions, columns, depth, lanes = 1, ending }: Parts): string {
  const { rows, each } = tile
  const threads = threadsOf(tile)
  const places = Math.max(1, tile.columns / threads)
  const step = Math.max(1, threads / tile.columns)
  const ofColumns = placed === 'columns'
  return /* wgsl */ `
const ROWS = ${rows}u;
const COLUMNS = ${tile.columns}u;
const DEPTH = ${DEPTH}u;
const THREADS = ${threads}u;
const ACROSS = ${across(tile)}u;
const EACH = ${each}u;
// Rows of both tiles are one longer than what they hold: threads that write one column hit different banks.
const LEFT = ${rows + 1}u;
const RIGHT = ${tile.columns + 1}u;
const RIGHT_TILE = ${DEPTH * (rows + 1)}u;
${lanes === 1 ? ONE_BY_ONE : TWO_BY_TWO}
var<workgroup> shared_numbers: array<f32, ${DEPTH * (rows + 1 + tile.columns + 1)}>;
${functions}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let columns = ${columns};
  let tile = ${ofColumns ? SPREAD_GROUP : 'group.x'};
  let first_row = group.y * ROWS;
  let first_column = tile * COLUMNS;
  if (first_column >= columns) { return; }
  let across = thread % ACROSS;
  let own_row = (thread / ACROSS) * EACH;
  ${ofColumns ? `let depth = ${depth};\n  let begin = 0u;` : `let begin = min(group.z * call.part, ${depth});\n  let depth = min(begin + call.part, ${depth});`}
  ${ofColumns ? forEach(places, q => `let place${q} = place(first_column + thread % COLUMNS + ${q * threads}u, columns);`) : ''}
  ${forEach(each, i => `var sum${i} = vec4f();`)}
  for (var first = begin; first < depth; first += DEPTH) {
    ${
      ofColumns
        ? `for (var e = thread; e < ROWS * DEPTH; e += THREADS) {
      let k = e % DEPTH;
      shared_numbers[k * LEFT + e / DEPTH] = left(first_row + e / DEPTH, first + k);
    }
    for (var k = thread / COLUMNS; k < DEPTH; k += ${step}u) {
      ${forEach(places, q => `shared_numbers[RIGHT_TILE + k * RIGHT + slot(thread % COLUMNS + ${q * threads}u)] = right(first + k, place${q});`)}
    }`
        : `let k = thread % DEPTH;
    let here = place(first + k, depth);
    for (var row = thread / DEPTH; row < ROWS; row += THREADS / DEPTH) {
      shared_numbers[k * LEFT + row] = left(first_row + row, here);
    }
    for (var column = thread / DEPTH; column < COLUMNS; column += THREADS / DEPTH) {
      shared_numbers[RIGHT_TILE + k * RIGHT + slot(column)] = right(here, first_column + column);
    }`
    }
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let base = RIGHT_TILE + k * RIGHT + across;
      let b = vec4f(shared_numbers[base], shared_numbers[base + ACROSS], shared_numbers[base + 2 * ACROSS], shared_numbers[base + 3 * ACROSS]);
      ${forEach(each, i => `sum${i} += shared_numbers[k * LEFT + own_row + ${i}u] * b;`)}
    }
    workgroupBarrier();
  }
  var values = array<f32, 4 * EACH>(${Array.from({ length: 4 * each }, (_, n) => `sum${n >> 2}[${n & 3}]`).join(', ')});
  ${ending}
}`
}

/** `column(across, j)` of a tile is a thread's j-th; `slot(column)`: where it lies in workgroup memory, a thread's a stride apart. */
const ONE_BY_ONE = /* wgsl */ `
fn column(across: u32, j: u32) -> u32 { return across + j * ACROSS; }
fn slot(column: u32) -> u32 { return column; }`
const TWO_BY_TWO = /* wgsl */ `
fn column(across: u32, j: u32) -> u32 { return 2 * (across + j / 2 * ACROSS) + j % 2; }
fn slot(column: u32) -> u32 {
  let two = column / 2;
  return two % ACROSS + (two / ACROSS * 2 + column % 2) * ACROSS;
}`

/** `row_totals(thread, across, own_row, addends)`: of thread i < ROWS the sum of row i over the whole tile, always in the same order;
 * `addends` are of each of a thread's rows. */
export const ROW_TOTALS = /* wgsl */ `
fn row_totals(thread: u32, across: u32, own_row: u32, addends: array<f32, EACH>) -> f32 {
  for (var i = 0u; i < EACH; i++) { shared_numbers[(own_row + i) * ACROSS + across] = addends[i]; }
  workgroupBarrier();
  var total = 0.0;
  if (thread < ROWS) {
    for (var i = 0u; i < ACROSS; i++) { total += shared_numbers[thread * ACROSS + i]; }
  }
  workgroupBarrier();
  return total;
}`
