// A batch as a session takes it: what it must hold, and what losses make of its labels.
import { DenseNetError } from '../errors.js'
import type { Numbers } from './backend.js'

/** `images` [size][channels][height][width], normalised; `labels` [size] class numbers, or [size][height][width], where negative
 * ones are of pixels without a label. */
export interface SessionBatch {
  readonly size: number
  readonly images: ArrayLike<number>
  readonly labels: ArrayLike<number>
  /** Of images mixed of two [size]: the other label, and the first label's share. */
  readonly otherLabels?: ArrayLike<number>
  readonly share?: ArrayLike<number>
  /** For binaryCrossEntropy [size][classes], 0 .. 1, NaN: not known; default: made of the labels. Multi-label losses need them. */
  readonly targets?: ArrayLike<number>
}

/** Per image: the loss, and how many classes scored above the right one (0: right, below 5: among the first five); for
 * multi-label losses how many classes are wrong. */
export interface StepResult {
  readonly losses: Numbers
  readonly ranks: Numbers
  /** Where every pixel is classified [size][height][width]: the likeliest classes. Ranks are 0 then. */
  readonly predicted?: Numbers
}

/** What the network and its loss make of a batch. */
export interface BatchShape {
  readonly batchSize: number
  readonly imageElements: number
  readonly classes: number
  /** More than one: every pixel has a label. */
  readonly labelsOfEach: number
  /** Labels are not looked at then. */
  readonly multiLabel: boolean
}

/** Refuses a batch that is of another shape, or that has a label which is no class: its loss would be of nothing. */
export function checkBatch(
  batch: SessionBatch,
  { batchSize, imageElements, classes, labelsOfEach, multiLabel }: BatchShape,
): void {
  const { size } = batch
  if (!Number.isInteger(size) || size < 1 || size > batchSize) fail(`has size ${size}; it may be 1 to ${batchSize}`)
  const lengths: [string, ArrayLike<number> | undefined, number][] = [
    ['images', batch.images, size * imageElements],
    ['labels', multiLabel ? undefined : batch.labels, size * labelsOfEach],
    ['otherLabels', multiLabel ? undefined : batch.otherLabels, size],
    ['share', batch.share, size],
    ['targets', batch.targets, size * classes],
  ]
  for (const [name, values, wanted] of lengths) {
    if (values && values.length < wanted) fail(`has ${values.length} numbers of ${name} where ${wanted} are needed`)
  }
  if (multiLabel && !batch.targets) fail('needs the targets of a multi-label loss')
  for (const name of multiLabel ? [] : (['labels', 'otherLabels'] as const)) {
    for (let n = 0; n < (batch[name] ? size * labelsOfEach : 0); n++) {
      const label = batch[name]![n]!
      if (Number.isInteger(label) && label >= 0 && label < classes) continue
      if (labelsOfEach > 1 && Number.isInteger(label) && label < 0) continue
      fail(`has ${name}[${n}] = ${label}, but the classes are 0 to ${classes - 1}`)
    }
  }
}

type Labels = Required<Pick<SessionBatch, 'size' | 'labels' | 'otherLabels' | 'share'>>

/** [size][classes]: 1 at the label, or its share and the rest at the other. */
export function targetsOf({ size, labels, otherLabels, share }: Labels, classes: number): Float32Array {
  const targets = new Float32Array(size * classes)
  for (let n = 0; n < size; n++) {
    targets[n * classes + labels[n]!]! += share[n]!
    targets[n * classes + otherLabels[n]!]! += 1 - share[n]!
  }
  return targets
}

function fail(what: string): never {
  throw new DenseNetError(`a batch ${what}`)
}
