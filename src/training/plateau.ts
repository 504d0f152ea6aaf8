// The schedule that waits: PyTorch's ReduceLROnPlateau with its defaults (mode min, relative threshold 1e-4, factor 0.1).
// It needs the loss of images that are not trained on, and remembers; what it remembers is in the checkpoint.

export interface Plateau {
  /** What the rate is multiplied by. */
  readonly scale: number
  /** Lowest loss so far. */
  readonly best: number | null
  /** Epochs since then. */
  readonly waited: number
}

export const NO_PLATEAU: Plateau = { scale: 1, best: null, waited: 0 }

const THRESHOLD = 1e-4
const FACTOR = 0.1

/** After an epoch with this loss: more than `patience` epochs without a lower one make the rate a tenth. */
export function afterEpoch({ scale, best, waited }: Plateau, loss: number, patience: number): Plateau {
  if (best === null || loss < best * (1 - THRESHOLD)) return { scale, best: loss, waited: 0 }
  if (waited + 1 <= patience) return { scale, best, waited: waited + 1 }
  return { scale: scale * FACTOR, best, waited: 0 }
}
