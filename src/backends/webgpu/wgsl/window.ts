// Windows of convolutions. A convolution reads around each pixel of its output a window of its input; backward it goes the other way: to
// each pixel of the input come the pixels of the output whose windows it lies in. A transposed convolution is the same with both
// exchanged.
import type { GeometryText } from './common.js'

type PlaneName = 'input' | 'gradient'

/** WGSL of an element of a plane, as a kernel sees it. */
const READ: Readonly<Record<PlaneName, string>> = {
  input: 'z(input[image * call.input_image + channel * call.input_pixels + pixel], channel)',
  gradient: 'gradient_at(image, channel, pixel)',
}

interface Windows {
  /** What is read. */
  readonly of: PlaneName
  /** The plane whose pixels are numbered, over all images. */
  readonly around: PlaneName | 'output'
  readonly geometry: GeometryText
}

/** `place(i, end)`, of pixel number i, inside if it is below end; `window(at, channel, tap)` is what it meets there. */
export const windowText = ({ of, around, geometry: { size, stride } }: Windows): string => /* wgsl */ `
// Of a pixel: its image, and where its window begins.
struct Place { image: u32, y: i32, x: i32, inside: bool, pixel: u32 }
fn place(i: u32, end: u32) -> Place {
  let image = i / call.${around}_pixels;
  let pixel = i % call.${around}_pixels;
  let y = i32(pixel / call.${around}_width * ${stride}) - i32(call.padding);
  let x = i32(pixel % call.${around}_width * ${stride}) - i32(call.padding);
  return Place(image, y, x, i < end, pixel);
}
fn window(at: Place, channel: u32, tap: u32) -> f32 {
  let y = at.y + i32(tap / ${size});
  let x = at.x + i32(tap % ${size});
  if (!at.inside || y < 0 || y >= i32(call.${of}_height) || x < 0 || x >= i32(call.${of}_width)) { return 0.0; }
  let image = at.image;
  let pixel = u32(y) * call.${of}_width + u32(x);
  return ${READ[of]};
}`

/** The same the other way: what has the pixel at that tap of its window. */
export const windowsOverText = ({ of, around, geometry: { size, stride } }: Windows): string => /* wgsl */ `
// Of a pixel: its image, and where it is in the padded plane.
struct Place { image: u32, y: i32, x: i32, inside: bool, pixel: u32 }
fn place(i: u32, end: u32) -> Place {
  let image = i / call.${around}_pixels;
  let pixel = i % call.${around}_pixels;
  let y = i32(pixel / call.${around}_width + call.padding);
  let x = i32(pixel % call.${around}_width + call.padding);
  return Place(image, y, x, i < end, pixel);
}
fn window(at: Place, channel: u32, tap: u32) -> f32 {
  let y = at.y - i32(tap / ${size});
  let x = at.x - i32(tap % ${size});
  if (!at.inside || y < 0 || x < 0${stride === '1u' ? '' : ` || y % i32(${stride}) != 0 || x % i32(${stride}) != 0`}) { return 0.0; }
  let row = u32(y) / ${stride};
  let column = u32(x) / ${stride};
  if (row >= call.${of}_height || column >= call.${of}_width) { return 0.0; }
  let image = at.image;
  let pixel = row * call.${of}_width + column;
  return ${READ[of]};
}`

/** `left(row, k)` and `right(k, at)` of a product whose columns are pixels: the sum over channels and taps of weights, times what the windows
 * meet. The weights are [row][channel][tap], or [channel][row][tap]. */
export const factorsText = ({ taps }: GeometryText, order: 'row first' | 'channel first'): string => /* wgsl */ `
fn left(row: u32, k: u32) -> f32 {
  if (row >= call.rows || k >= call.depth) { return 0.0; }
  return weight[${order === 'row first' ? 'row * call.depth + k' : `(k / ${taps} * call.rows + row) * ${taps} + k % ${taps}`}];
}
fn right(k: u32, at: Place) -> f32 {
  if (k >= call.depth) { return 0.0; }
  return window(at, k / ${taps}, k % ${taps});
}`

/** Of a product whose depth is pixels: the gradient of weights [row][channel][tap]. */
export const weightFactorsText = ({ taps }: GeometryText, plane: PlaneName): string => /* wgsl */ `
fn left(row: u32, at: Place) -> f32 {
  if (row >= call.rows || !at.inside) { return 0.0; }
  let image = at.image;
  let channel = row;
  let pixel = at.pixel;
  return ${READ[plane]};
}
fn right(at: Place, column: u32) -> f32 {
  if (column >= call.columns) { return 0.0; }
  return window(at, column / ${taps}, column % ${taps});
}`
