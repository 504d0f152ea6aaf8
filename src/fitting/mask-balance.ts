// Class weights for pixels, so that roads and skies do not drown cyclists: median frequency balancing (Eigen and Fergus, "Predicting
// depth, surface normals and semantic labels", ICCV 2015; SegNet's for CamVid). A class's frequency is its share of the pixels of the
// images that have it, its weight the median of all frequencies over its own. Pixels without a label count nowhere.
import type { DecodeMask } from '../batches/mask-writer.js'
import { type Masks, maskImage } from '../images/masks.js'
import { median } from '../util/statistics.js'

/** Of so many classes. Masks that cannot be read are left out, as from training, which tells of them. */
export async function balancedWeights(masks: Masks, classes: number, decode: DecodeMask): Promise<number[]> {
  /** Pixels of each class, and with a label in the images that have it. */
  const [own, all] = [new Array<number>(classes).fill(0), new Array<number>(classes).fill(0)]
  for (const file of masks.files) {
    const mask = await decode(file)
      .then(read => maskImage(read, masks.meaning))
      .catch(() => null)
    if (mask === null) continue
    const counts = new Array<number>(classes).fill(0)
    for (const label of mask.data) if (label >= 0) counts[label]!++
    const labelled = counts.reduce((sum, count) => sum + count, 0)
    for (const [label, count] of counts.entries()) {
      own[label]! += count
      if (count > 0) all[label]! += labelled
    }
  }
  const frequencies = own.map((count, label) => count / all[label]!)
  const middle = median(frequencies.filter(frequency => frequency > 0))
  // A class without pixels has no say either way.
  return frequencies.map(frequency => (frequency > 0 ? middle / frequency : 1))
}
