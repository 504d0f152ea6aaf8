// How well scores rank the images of a class before the others, for classes that do not exclude each other: average
// precision and area under the ROC curve, both as scikit-learn defines them, equal scores counting as one threshold.

/** Of the classes for which they exist, 0 .. 1. */
export interface RankingMeans {
  /** Null when no class has an image. */
  readonly meanAveragePrecision: number | null
  /** Null when each class has all images or none. */
  readonly meanAuc: number | null
}

/** How well the scores of a class put its images before others. */
export interface ClassRanking {
  /** Images of the class. */
  readonly images: number
  /** sum over thresholds of (recall gained) * precision; null when the class has no images. */
  readonly averagePrecision: number | null
  /** How likely an image of the class scores above one of no such class, a tie counting half; null when either is missing. */
  readonly auc: number | null
}

/** `scores` and `targets` (0 or 1; any other: not known, the image is left out) [images][classes]: of each class. */
export function rankClasses(scores: ArrayLike<number>, targets: ArrayLike<number>, classes: number): ClassRanking[] {
  const images = scores.length / classes
  const order = Uint32Array.from({ length: images }, (_, i) => i)
  return Array.from({ length: classes }, (_, c) => {
    const score = (image: number): number => scores[image * classes + c]!
    const target = (image: number): number => targets[image * classes + c]!
    const known = order.filter(image => target(image) === 0 || target(image) === 1)
    known.sort((a, b) => score(b) - score(a))
    return rankingOf(known, score, image => target(image) === 1)
  })
}

/** `order`: images by falling score. */
function rankingOf(
  order: Uint32Array,
  score: (image: number) => number,
  isOfClass: (image: number) => boolean,
): ClassRanking {
  const all = order.reduce((count, image) => count + (isOfClass(image) ? 1 : 0), 0)
  const others = order.length - all
  let [found, passed, precisions, pairs] = [0, 0, 0, 0]
  for (let start = 0; start < order.length; ) {
    const threshold = score(order[start]!)
    let [right, wrong] = [0, 0]
    let end = start
    for (; end < order.length && (end === start || score(order[end]!) === threshold); end++) {
      if (isOfClass(order[end]!)) right++
      else wrong++
    }
    // Of the class: before them came `passed` others, `wrong` score the same.
    pairs += right * (others - passed - wrong / 2)
    found += right
    passed += wrong
    precisions += right * (found / (found + passed))
    start = end
  }
  return {
    images: all,
    averagePrecision: all > 0 ? precisions / all : null,
    auc: all > 0 && others > 0 ? pairs / (all * others) : null,
  }
}

/** Means over the classes for which there is a value. */
export function meanRanking(classes: readonly ClassRanking[]): RankingMeans {
  const mean = (values: readonly (number | null)[]): number | null => {
    const known = values.filter(value => value !== null)
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
  }
  return {
    meanAveragePrecision: mean(classes.map(({ averagePrecision }) => averagePrecision)),
    meanAuc: mean(classes.map(({ auc }) => auc)),
  }
}

/** Collects logits and targets [size][classes] batch by batch. */
export class RankingCollector {
  private readonly scores: Float32Array[] = []
  private readonly targets: Float32Array[] = []
  private classes = 0

  add(logits: ArrayLike<number>, targets: ArrayLike<number>, size: number): void {
    this.classes = targets.length / size
    this.scores.push(Float32Array.from(logits))
    this.targets.push(Float32Array.from(targets))
  }

  /** Undefined when there was nothing. */
  means(): RankingMeans | undefined {
    if (this.scores.length === 0) return undefined
    const [scores, targets] = [this.scores, this.targets].map(parts => parts.flatMap(part => [...part]))
    return meanRanking(rankClasses(scores!, targets!, this.classes))
  }
}
