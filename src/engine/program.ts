// A program: an ordered list of kernel calls on numbered buffers. Plain data: it can be printed, costed before anything
// is allocated, and run by any backend.
import type { KernelCall } from './kernels.js'

/** Buffers that outlive a run, bound by the caller. Everything else is `transient`: meaningful only from its first to
 * its last use within one run, laid out in one arena. */
export const EXTERNAL_ROLES = [
  'parameters', // all parameters, in parameter order
  'gradients', // their gradients, same order
  'velocity', // the optimizer's momentum buffer, same order
  'running', // running mean and variance of every batch norm
  'input', // images [batch][channels][height][width]
  'labels', // class numbers [batch], stored as the backend's element type
  'logits', // [batch][classes]
  'loss', // [batch]
  'rank', // [batch], see CrossEntropy
] as const

export type ExternalRole = (typeof EXTERNAL_ROLES)[number]

export interface BufferSpec {
  readonly name: string
  readonly elements: number
  readonly role: ExternalRole | 'transient'
}

export interface Program {
  /** The largest batch it can run; a run may be given fewer images. */
  readonly batchSize: number
  readonly buffers: readonly BufferSpec[]
  readonly calls: readonly KernelCall[]
  /** Offset of each buffer in the arena, in elements; -1 for external ones. Buffers may share memory when their
   * lifetimes do not overlap. */
  readonly offsets: readonly number[]
  readonly arenaElements: number
}
