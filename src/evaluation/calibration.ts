// Calibration: whether what is said with some confidence is right as often as that (15 bins: Guo et al. 2017).

/** Predictions of about the same confidence, and how often they are right. */
export interface CalibrationBin {
  /** Confidences above `from` and up to `to`. */
  readonly from: number
  readonly to: number
  /** Predictions. */
  readonly images: number
  /** Averages, 0..1; null in an empty bin. */
  readonly confidence: number | null
  readonly accuracy: number | null
}

export interface Calibration {
  /** Mean gap between confidence and accuracy, weighted by predictions, 0..1. */
  readonly expectedCalibrationError: number
  readonly calibration: readonly CalibrationBin[]
}

const BINS = 15

/** Of `count` predictions, each with its confidence and whether it was right. */
export function calibrationOf(count: number, prediction: (i: number) => readonly [number, boolean]): Calibration {
  const bins = Array.from({ length: BINS }, () => ({ images: 0, confidence: 0, right: 0 }))
  for (let i = 0; i < count; i++) {
    const [confidence, right] = prediction(i)
    const bin = bins[Math.min(BINS - 1, Math.max(0, Math.ceil(confidence * BINS) - 1))]!
    bin.images++
    bin.confidence += confidence
    if (right) bin.right++
  }
  return {
    expectedCalibrationError:
      bins.reduce((sum, { confidence, right }) => sum + Math.abs(confidence - right), 0) / count,
    calibration: bins.map(({ images, confidence, right }, i) => ({
      from: i / BINS,
      to: (i + 1) / BINS,
      images,
      confidence: images > 0 ? confidence / images : null,
      accuracy: images > 0 ? right / images : null,
    })),
  }
}
