// What a page may ask, checked: a wrong question gets one sentence.
import * as z from 'zod'
import { usageError } from '../errors.js'
import { reuseMeasures, reuseScales } from '../inspect/feature-reuse.js'
import { stepMetrics } from './api.js'

const run = z.string().max(4096)
const whole = z.coerce.number().pipe(
  z
    .int()
    .min(0)
    .max(2 ** 32),
)
/** More than any screen is wide. */
const MOST_BUCKETS = 8192

export const runQuery = z.object({ run })
export const epochsQuery = z.object({ run, after: whole.default(0) })
export const evaluationQuery = z.object({ run, checkpoint: z.enum(['last', 'best']).default('last') })
export const inspectQuery = z
  .object({
    run,
    checkpoint: z.enum(['last', 'best']).default('last'),
    measure: z.enum(reuseMeasures).optional(),
    scale: z.enum(reuseScales).optional(),
    layer: z.string().max(200).optional(),
    /** A class's number. */
    class: whole.optional(),
    /** Patterns of names with commas between them. */
    tensors: z
      .string()
      .max(10_000)
      .transform(text => text.split(',').map(name => name.trim()))
      .optional(),
    /** Pixels that a picture may be wide. */
    room: whole.pipe(z.number().min(200).max(8192)).optional(),
  })
  .strict()
export const stepsQuery = z
  .object({
    run,
    metrics: z
      .string()
      .default(stepMetrics.join())
      .transform(text => text.split(','))
      .pipe(z.array(z.enum(stepMetrics)).min(1)),
    from: whole.default(0),
    /** Without it: to the last step. */
    to: whole.optional(),
    /** Steps in a bucket; without it: a power of two that makes at most so many `points`. */
    width: whole.pipe(z.number().min(1)).optional(),
    points: whole.pipe(z.number().min(1).max(MOST_BUCKETS)).default(512),
    smoothing: z.coerce.number().pipe(z.number().min(0).max(1e6)).default(0),
  })
  .strict()

export function parseQuery<T>(schema: z.ZodType<T>, query: Record<string, string>): T {
  const parsed = schema.safeParse(query)
  if (parsed.success) return parsed.data
  const { path, message } = parsed.error.issues[0]!
  throw usageError(
    `cannot answer this about ${path.join('.') || 'a run'}: ${message[0]!.toLowerCase()}${message.slice(1)}`,
  )
}

/** A grid of buckets for a question: their width and edges. */
export function bucketGrid(
  { from, to, width, points }: Pick<z.infer<typeof stepsQuery>, 'from' | 'to' | 'width' | 'points'>,
  lastStep: number,
): { from: number; to: number; width: number } {
  const end = Math.min(to ?? lastStep + 1, lastStep + 1)
  const steps = Math.max(1, end - from)
  const chosen = width ?? 2 ** Math.ceil(Math.log2(Math.max(1, steps / points)))
  const first = Math.floor(from / chosen) * chosen
  const last = Math.max(first, Math.ceil(end / chosen) * chosen)
  if ((last - first) / chosen > MOST_BUCKETS) throw usageError(`a curve has at most ${MOST_BUCKETS} points`)
  return { from: first, to: last, width: chosen }
}
