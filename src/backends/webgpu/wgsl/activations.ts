// How kernels write activations. Floats are written one by one. Of bfloat16 two lie in one number, which one thread must write: where a
// channel has an even number of pixels a thread makes both; else kernels leave floats in scratch, and one more dispatch makes pairs of them.
import { type Dispatch, images, type Place, type Plane, type Room, SPREAD_GROUP, spread } from '../dispatch.js'
import { geometryOf, MAIN, type Piece, THREADS } from './common.js'

/** Rounds to the nearest, of two to the even one; NaN stays NaN. The even element of two is the lower half. */
export const HALVES = /* wgsl */ `
fn widened(two: u32, i: u32) -> f32 { return bitcast<f32>(select(two << 16u, two & 0xffff0000u, (i & 1u) == 1u)); }
fn narrowed(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let no_number = (bits & 0x7fffffffu) > 0x7f800000u;
  return select(bits + 0x7fffu + ((bits >> 16u) & 1u), bits | 0x400000u, no_number) >> 16u;
}`

export interface Written {
  /** `put_NAME(image, channel, pixel, value)`, of two lanes a vec2f and an even pixel; `stored_NAME(x)`, what x is once it is stored. */
  readonly piece: Piece
  /** Pixels that a thread makes at once, neighbours. */
  readonly lanes: 1 | 2
  /** What comes after the dispatch. */
  readonly after: readonly Dispatch[]
}

/** `single`: of a kernel whose threads make one pixel. */
export function written(name: string, plane: Plane, room: Room, { single = false } = {}): Written {
  const { operands, whole } = geometryOf(name, plane)
  const put = (type: string, statement: string): string =>
    `fn put_${name}(image: u32, channel: u32, pixel: u32, value: ${type}) { ${statement} }`
  const index = (image: string): string => `image * call.${image} + channel * call.${name}_pixels + pixel`
  const plain = `fn stored_${name}(x: f32) -> f32 { return x; }`
  const { place, channels, pixels } = plane
  if (place.holds !== 'bfloat16') {
    const text = `${plain}\n${put('f32', `${name}[${index(`${name}_image`)}] = value;`)}`
    return { piece: { text, operands, whole, real: {} }, lanes: 1, after: [] }
  }
  const rounded = `fn stored_${name}(x: f32) -> f32 { return bitcast<f32>(narrowed(x) << 16u); }`
  if (pixels % 2 === 0 && !single) {
    const statement = `${name}_pairs[(${index(`${name}_image`)}) / 2] = narrowed(value.x) | (narrowed(value.y) << 16u);`
    const text = `${rounded}\n${put('vec2f', statement)}`
    return { piece: { text, operands: { [`${name}_pairs`]: pairsOf(place) }, whole, real: {} }, lanes: 2, after: [] }
  }
  const made = room.take(room.images * channels * pixels)
  const text = `${rounded}\n${put('f32', `${name}_made[${index(`${name}_made_image`)}] = value;`)}`
  return {
    piece: {
      text,
      operands: { [`${name}_made`]: made },
      whole: { ...whole, [`${name}_made_image`]: channels * pixels },
      real: {},
    },
    lanes: 1,
    after: [packed(plane, made)],
  }
}

/** The words in which a place of bfloat16 lies. */
function pairsOf({ buffer, offset, count }: Place): Place {
  const first = Math.floor(offset / 2)
  return { buffer, offset: first, count: Math.ceil((offset + count) / 2) - first, holds: 'pairs' }
}

/** A thread makes a word, of which the plane may have one half only. */
function packed({ place, image, channels, pixels }: Plane, made: Place): Dispatch {
  const own = channels * pixels
  const skipped = place.offset % 2
  const words = (batch: number): number => Math.ceil((skipped + (batch - 1) * image + own) / 2)
  return {
    name: 'floats to bfloat16',
    operands: { made, pairs: pairsOf(place) },
    whole: { images, image, own, skipped, words: ({ batch }) => words(batch) },
    real: {},
    groups(batch) {
      const [x, z] = spread(Math.ceil(words(batch) / THREADS))
      return [x, 1, z]
    },
    text: /* wgsl */ `
fn half_of(i: u32, old: u32) -> u32 {
  if (i < call.skipped) { return old; }
  let image = (i - call.skipped) / call.image;
  let at = (i - call.skipped) % call.image;
  if (image >= call.images || at >= call.own) { return old; }
  return narrowed(made[image * call.own + at]);
}
${MAIN} {
  let word = (${SPREAD_GROUP}) * ${THREADS}u + thread;
  if (word >= call.words) { return; }
  let old = pairs[word];
  let both = half_of(2 * word, old & 0xffffu) | (half_of(2 * word + 1, old >> 16u) << 16u);
  if (both != old) { pairs[word] = both; }
}`,
  }
}
