// Which class is ahead of which: the higher score, of equal scores the smaller number. What the kernels' `rank`
// (src/engine/kernels.ts) counts by, and PyTorch's argmax; its topk leaves the order of equal scores open. Scores are
// logits, never probabilities: rounded, those of a sure network are equal where its logits are not.

type Scores = ArrayLike<number>

/** For sorting classes, the likeliest first. */
export const byScore =
  (scores: Scores) =>
  (a: number, b: number): number =>
    scores[b]! - scores[a]! || a - b

/** How many classes are ahead of `label`. */
export function rankOf(scores: Scores, label: number): number {
  const compare = byScore(scores)
  let rank = 0
  for (let c = 0; c < scores.length; c++) if (compare(c, label) < 0) rank++
  return rank
}

/** The class that no other is ahead of. */
export function likeliest(scores: Scores): number {
  let best = 0
  for (let c = 1; c < scores.length; c++) if (scores[c]! > scores[best]!) best = c
  return best
}

/** The `count` likeliest classes, the likeliest first. For few of many: it does not sort the others. */
export function likeliestFew(scores: Scores, count: number): number[] {
  const compare = byScore(scores)
  const best: number[] = []
  for (let c = 0; c < scores.length; c++) {
    if (best.length === count && compare(best.at(-1)!, c) < 0) continue
    let place = best.length
    while (place > 0 && compare(c, best[place - 1]!) < 0) place--
    best.splice(place, 0, c)
    if (best.length > count) best.pop()
  }
  return best
}
