// Which loss a program computes.

/** What is minimised; the default is plain cross entropy. The loss of a batch is the mean over its images. */
export interface Loss {
  /** `crossEntropy`: classes exclude each other; `binaryCrossEntropy`: every class for itself. */
  readonly kind: 'crossEntropy' | 'binaryCrossEntropy'
  /** Whether an image may have several labels: only for binaryCrossEntropy. */
  readonly multiLabel?: boolean
  /** Label smoothing: this share of a target is spread over all classes (for binaryCrossEntropy: over 0 and 1). */
  readonly smoothing?: number
  /** Whether classes count differently: buffer `classWeights`. */
  readonly weighted?: boolean
  /** Whether an image may be mixed of two: buffers `otherLabels` and `share`. For crossEntropy; for the other the targets say it. */
  readonly mixed?: boolean
}

/** The loss that evaluation reports: of the same kind, plain. */
export const plainLoss = ({ kind, multiLabel = false }: Loss): Loss => ({ kind, multiLabel })
