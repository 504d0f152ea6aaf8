// Transforms and preprocessing as checked data. In a file of its own: loader threads need no zod, which takes megabytes in
// each of them.

import * as z from 'zod'
import { interpolations } from './resize.js'

const size = z.int().min(1).max(10_000)
const share = z.number().min(0).max(1)
const positive = z.number().gt(0)
const interpolation = z.enum(interpolations)
const ordered = (pair: z.ZodNumber) => z.tuple([pair, pair]).refine(([low, high]) => low <= high)

export const transformSchema = z.discriminatedUnion('kind', [
  /** The shorter side to `size` pixels. */
  z.strictObject({ kind: z.literal('scale'), size, interpolation }),
  z.strictObject({ kind: z.literal('centerCrop'), size }),
  /** `pad` pixels of mean colour on each side, then a random square. */
  z.strictObject({ kind: z.literal('randomCrop'), size, pad: z.int().min(0).max(1000) }),
  /** A random share of the area in a random shape, resized to a square. */
  z.strictObject({
    kind: z.literal('randomSizedCrop'),
    size,
    area: ordered(positive.max(1)),
    ratio: ordered(positive),
    interpolation,
  }),
  z.strictObject({ kind: z.literal('horizontalFlip'), probability: share }),
  /** By an angle from U(-degrees / 2, degrees / 2), as the original's. */
  z.strictObject({ kind: z.literal('rotation'), degrees: z.number().min(0).max(360) }),
  z.strictObject({ kind: z.literal('colorJitter'), brightness: share, contrast: share, saturation: share }),
  z.strictObject({ kind: z.literal('lighting'), deviation: z.number().min(0) }),
  z.strictObject({
    kind: z.literal('randAugment'),
    operations: z.int().min(1).max(14),
    magnitude: z.int().min(0).max(30),
  }),
  z.strictObject({ kind: z.literal('trivialAugment') }),
  z.strictObject({
    kind: z.literal('randomErasing'),
    probability: share,
    area: ordered(share),
    ratio: ordered(positive),
  }),
  z.strictObject({ kind: z.literal('cutout'), size }),
])
/** One step of an augmentation as a plain object, such as `{ kind: 'randomCrop', size: 32, pad: 4 }`; sizes in pixels. */
export type Transform = z.infer<typeof transformSchema>

/** How an image gets to the network's size when it is evaluated. */
export const preprocessingSchema = z.strictObject({
  /** Pixels of the shorter side after scaling. */
  resize: z.int().min(1).max(10_000),
  /** Pixels of the square that is cut out. */
  crop: z.int().min(1).max(10_000),
  interpolation: z.enum(interpolations),
})
/** How an image gets to the network's size when it is evaluated: scaled, then cut out of the middle; sizes in pixels. */
export type Preprocessing = z.infer<typeof preprocessingSchema>
