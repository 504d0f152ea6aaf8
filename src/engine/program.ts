// A program: an ordered list of kernel calls on numbered buffers. Plain data: it can be printed, costed before anything
// is allocated, and run by any backend.
import type { KernelCall } from './kernels.js'

/** Buffers that outlive a run, bound by the caller. Everything else is `transient`: meaningful only from its first to
 * its last use within one run, laid out in one arena. */
export type ExternalRole =
  | 'parameters' // all parameters, in parameter order
  | 'gradients' // their gradients, same order
  | 'accumulated' // their gradients, summed over the batches of a step so far, same order
  | 'velocity' // the optimizer's momentum buffer, same order
  | 'firstMoment' // its running mean of gradients, same order
  | 'secondMoment' // its running mean of their squares, same order
  | 'average' // the moving average of the parameters, same order
  | 'running' // running mean and variance of every batch norm
  | 'averageRunning' // their moving average, same order
  | 'batchStatistics' // mean and (biased) variance of one batch, same order
  | 'input' // images [batch][channels][height][width]
  | 'features' // what a layer makes of them [batch][channels][height][width]
  | 'featureGradients' // the gradient of a score with respect to that, same order
  | 'labels' // class numbers [batch], or [batch][height][width], stored as the backend's element type
  | 'otherLabels' // of mixed images [batch]
  | 'share' // the first label's share of mixed images [batch]
  | 'targets' // several labels an image, or what each class counts in a score [batch][classes]
  | 'classWeights' // [classes]
  | 'logits' // [batch][classes], or [batch][classes][height][width]
  | 'predicted' // the likeliest class of each pixel [batch][height][width]
  | 'loss' // [batch]
  | 'rank' // [batch], see CrossEntropy

/** How numbers are stored. */
export type ElementType = 'float32' | 'float64' | 'bfloat16'

/** What activations are kept as. Parameters, statistics and losses are float32, beside activations in float64 that, too. */
export type Precision = ElementType

/** All of them, by their numbers in encodings. */
export const PRECISIONS = ['float32', 'float64', 'bfloat16'] as const satisfies readonly Precision[]

/** What parameters, statistics and losses are kept as. */
export const parameterType = (precision: Precision): ElementType => (precision === 'float64' ? 'float64' : 'float32')

export interface BufferSpec {
  readonly name: string
  /** Of each image if `perImage`, in all otherwise. */
  readonly elements: number
  readonly perImage?: boolean
  /** Default: float32. */
  readonly elementType?: ElementType
  readonly role: ExternalRole | 'transient'
}

/** Elements that a buffer takes for so many images. */
export function roomOf({ elements, perImage }: Pick<BufferSpec, 'elements' | 'perImage'>, images: number): number {
  return perImage ? images * elements : elements
}

export function bytesPerElement({ elementType = 'float32' }: Pick<BufferSpec, 'elementType'> = {}): number {
  return BYTES[elementType]
}

const BYTES: Readonly<Record<ElementType, number>> = { float32: 4, float64: 8, bfloat16: 2 }

/** Kernel calls on numbered buffers, as plain data: what a planner makes and a backend runs. */
export interface Program {
  /** The largest batch it can run; a run may be given fewer images. */
  readonly batchSize: number
  /** No call mixes images: transient buffers hold one image, and the batch is run image by image, in any order and as many
   * at a time as the backend likes. Activations of one image stay in a cache, those of a batch do not. */
  readonly imageByImage?: boolean
  /** The parameters are written before the first run, and never again, and nothing reads them but this program: what a
   * backend makes of them may take their place. */
  readonly fixedParameters?: boolean
  /** Which kernels run it: what views point to is of this type, but for scores, and what refs point to is parameterType() of it.
   * Default: float32. */
  readonly precision?: Precision
  readonly buffers: readonly BufferSpec[]
  readonly calls: readonly KernelCall[]
  /** Of a segment: the calls of all segments, between which transient buffers keep what is in them. */
  readonly wholeCalls?: readonly KernelCall[]
  /** Offset of each buffer in the arena, in bytes; -1 for external ones. Buffers may share memory when their lifetimes do not
   * overlap. */
  readonly offsets: readonly number[]
  readonly arenaBytes: number
}

/** Images that its calls see at a time, and that its transient buffers hold. */
export function imagesAtOnce({ imageByImage, batchSize }: Pick<Program, 'imageByImage' | 'batchSize'>): number {
  return imageByImage ? 1 : batchSize
}
