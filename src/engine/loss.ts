// Which loss a program computes.

export interface Loss {
  /** `crossEntropy`: one label an image; `binaryCrossEntropy`: a 0 or 1 for every class of every image. */
  readonly kind: 'crossEntropy' | 'binaryCrossEntropy'
  /** Label smoothing: this share of a target is spread over all classes (for binaryCrossEntropy: over 0 and 1). */
  readonly smoothing?: number
  /** Whether classes count differently: buffer `classWeights`. */
  readonly weighted?: boolean
  /** Whether an image may be mixed of two: buffers `otherLabels` and `share`. Only for crossEntropy. */
  readonly mixed?: boolean
}

/** The loss that evaluation reports: of the same kind, plain. */
export const plainLoss = ({ kind }: Loss): Loss => ({ kind })
