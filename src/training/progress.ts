// How far a run is: all that the loop remembers between two steps, as checkpoints keep it.
import * as z from 'zod'
import { NO_METRICS } from './metrics.js'
import { NO_PLATEAU } from './plateau.js'

const sums = z.strictObject({
  images: z.number(),
  loss: z.number(),
  top1Wrong: z.number(),
  top5Wrong: z.number(),
  confusion: z.array(z.number()).readonly().optional(),
})
const score = z.strictObject({
  epoch: z.int(),
  loss: z.number(),
  top1Error: z.number(),
  top5Error: z.number(),
  meanAveragePrecision: z.number().nullable().optional(),
  meanAuc: z.number().nullable().optional(),
  meanIou: z.number().nullable().optional(),
})
export const progressSchema = z.strictObject({
  /** The epoch in progress, from 1; epochs + 1 when all are done. */
  epoch: z.int().min(1),
  /** Batches of it that are done. */
  nextBatch: z.int().min(0),
  /** Steps of the whole run that are done. */
  step: z.int().min(0),
  /** Updates of the weights that are made; fewer than steps where gradients are accumulated. */
  updates: z.int().min(0),
  /** Images whose gradients are summed up for the next one. */
  pendingImages: z.int().min(0),
  plateau: z.strictObject({ scale: z.number(), best: z.number().nullable(), waited: z.int().min(0) }),
  sums,
  /** After the last whole epoch. */
  final: score.nullable(),
  /** The best epochs so far, best first, as many as are kept. */
  ranking: z.array(score),
  /** Length of the log when this was saved. */
  logBytes: z.int().min(0),
})

/** How far a run is. */
export type Progress = z.infer<typeof progressSchema>

/** Before the first step. */
export const BEGINNING: Progress = {
  epoch: 1,
  nextBatch: 0,
  step: 0,
  updates: 0,
  pendingImages: 0,
  plateau: NO_PLATEAU,
  sums: NO_METRICS,
  final: null,
  ranking: [],
  logBytes: 0,
}

/** Whether so many epochs are done, or so many in a row without a better one. */
export function isFinished(epochs: number, patience: number | null, { epoch, ranking }: Progress): boolean {
  const best = ranking[0]
  return epoch > epochs || (patience !== null && best !== undefined && epoch - 1 - best.epoch >= patience)
}
