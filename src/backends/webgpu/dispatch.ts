// What a call becomes: dispatches, each one text of WGSL with its operands and numbers. Plain data; nothing of a device.
import type { RunArguments } from '../../engine/backend.js'
import type { Ref, View } from '../../engine/kernels.js'
import type { Tile } from './tiles.js'

/** `count` elements of a buffer of the program, of the arena as a whole, or of the scratch that it is run with. */
export interface Place {
  readonly buffer: number | 'arena' | 'scratch'
  /** In elements. */
  readonly offset: number
  readonly count: number
  /** What they are; default: float32. */
  readonly holds?: Holds
}

/** `bfloat16`: kernels read floats. `pairs`: two bfloat16 as the u32 in which they lie, by which they are written. */
type Holds = 'float32' | 'bfloat16' | 'pairs'

/** Bytes of an element. */
export const sizeOf = ({ holds }: Pick<Place, 'holds'>): number => (holds === 'bfloat16' ? 2 : 4)

/** An activation: pixel p of channel c of image n is element n * image + c * pixels + p of the place. */
export interface Plane {
  readonly place: Place
  readonly image: number
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly pixels: number
}

export type Run = Required<RunArguments>
/** Either always the same, or of the run. */
export type Value = number | ((run: Run) => number)

export interface Dispatch {
  /** For people. */
  readonly name: string
  /** In it `name[i]` is element i of the operand, read or, but of bfloat16, assigned to; `call.name` is a number. */
  readonly text: string
  readonly operands: Readonly<Record<string, Place>>
  /** u32 */
  readonly whole: Readonly<Record<string, Value>>
  /** f32 */
  readonly real: Readonly<Record<string, Value>>
  /** u32, of each of many things that are done alike: `call.rows[i].name`. */
  readonly rows?: readonly Readonly<Record<string, number>>[]
  /** Workgroups in x, y and z for so many images. */
  groups(batch: number): readonly [x: number, y: number, z: number]
}

/** What lowering a call needs to know. */
export interface Room {
  /** The most images of a run. */
  readonly images: number
  /** What activations are kept as. */
  readonly activations: 'float32' | 'bfloat16'
  /** Scratch that is the call's until it has ended. */
  take(count: number): Place
  /** Of a backward pass: what was computed before it. */
  readonly coefficients: Coefficients
  /** Of a product with so many rows. */
  tileFor(rows: number): Tile
}

/** Of a backward pass, for each channel: of the input's norm (scale, mean, beta, invstd), where scale = gamma * invstd; of the deferred
 * gradient (invstd, mean). */
export interface Coefficients {
  readonly norm: Place | null
  readonly deferred: Place | null
}

export const at = ({ buffer, offset }: Ref, count: number): Place => ({ buffer, offset, count })

/** Of activations. */
export const planeOf = (view: View, { images, activations }: Pick<Room, 'images' | 'activations'>): Plane =>
  laidOut(view, images, activations)

/** Of scores, which are floats. */
export const scoresOf = (view: View, { images }: Pick<Room, 'images'>): Plane => laidOut(view, images, 'float32')

function laidOut({ buffer, stride, first, channels, height, width }: View, images: number, holds: Holds): Plane {
  const pixels = height * width
  const image = stride * pixels
  const place = { buffer, offset: first * pixels, count: (images - 1) * image + channels * pixels, holds }
  return { place, image, channels, height, width, pixels }
}

/** Floats in scratch. */
export function scratchPlane(room: Room, channels: number, height: number, width: number): Plane {
  const pixels = height * width
  const image = channels * pixels
  return { place: room.take(room.images * image), image, channels, height, width, pixels }
}

/** Numbers of images, which lie at the start of a run's arguments. */
export const images = (run: Pick<Run, 'batch'>): number => run.batch

/** The most workgroups of one dimension; more of them go on in z, where `spread` is how many. */
const MOST_GROUPS = 65535
export const spread = (count: number): readonly [x: number, z: number] => [
  Math.min(count, MOST_GROUPS),
  Math.ceil(count / MOST_GROUPS),
]
/** In WGSL: the number of a workgroup that was spread. */
export const SPREAD_GROUP = `group.x + group.z * ${MOST_GROUPS}u`
