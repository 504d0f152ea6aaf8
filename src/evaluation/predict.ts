// What a network says of every image of a data set: probabilities of the classes, averaged over the views of an image.

import type { Numbers } from '../engine/backend.js'
import { createInference } from '../engine/inference.js'
import { type Dataset, targetBytes } from '../images/dataset.js'
import { checkDataset } from '../images/fits.js'
import { VIEWS } from '../images/transforms/preprocess.js'
import { architecture } from '../model/architecture.js'
import { refusePixels } from '../model/describe.js'
import { gather } from '../ranks/message.js'
import { ALONE, type Ranks } from '../ranks/ranks.js'
import { averageViews } from '../training/views.js'
import { abortedError } from '../util/abort.js'
import { withCleanup } from '../util/cleanup.js'
import { type EvaluationJob, evaluatedLoss } from './evaluate.js'

/** What a network says of the images of a data set. */
export interface Predictions {
  readonly images: number
  readonly classes: number
  /** Of each image: which image of the data set; those whose files cannot be decoded are missing. */
  readonly indices: Uint32Array
  /** [images] */
  readonly labels: Uint16Array
  /** Of images that may have several labels [images][classes], 0 or 1, or MISSING. */
  readonly targets?: Uint8Array
  /** [images][classes]; of an image they add up to 1, unless each class has its own. */
  readonly probabilities: Float32Array
  /** [images][classes]: what classes and images are ranked by. Of one view the logits; of several the logarithms of the
   * averaged probabilities, or, where each class has its own, of their odds. */
  readonly scores: Float32Array | Float64Array
  /** Of each image: cross entropy, or the mean binary one, of the averaged probabilities. */
  readonly losses: Float64Array
}

export function predict(job: EvaluationJob): Promise<Predictions> {
  const { config, dataset, backend, createLoader, signal, onProgress, onWarning, loaderThreads: workers } = job
  const { ranks = ALONE } = job
  refusePixels(config, 'predicting')
  checkDataset(config, dataset)
  const loss = evaluatedLoss(dataset, job.multiLabel)
  const own = loss.kind === 'binaryCrossEntropy'
  const views = VIEWS[job.views ?? 'single']
  return withCleanup(async later => {
    const batchSize = Math.max(views.length, Math.min(job.batchSize ?? 64, dataset.length * views.length))
    const loader = createLoader(dataset, { batchSize, seed: 0, shuffle: false, views, onWarning, workers })
    later(() => loader.dispose())
    const quantization = job.quantization ?? []
    const inference = await createInference(architecture(config), backend, job.state, { batchSize, quantization })
    later(() => inference.dispose())
    let predictions: Predictions | undefined
    let images = 0
    const wanted = (batch: number): boolean => batch % ranks.size === ranks.rank
    for await (const batch of loader.epoch(1, { wanted })) {
      const logits = await inference.run(batch.images, batch.size)
      // Single precision would make equal what only double tells apart.
      const single = logits instanceof Float32Array && views.length === 1
      predictions ??= emptyPredictions(dataset, config.classes, single ? Float32Array : Float64Array)
      for (let first = 0; first < batch.size; first += views.length) {
        const { classes } = config
        const label = batch.labels[first]!
        const targets = batch.targets?.subarray(first * classes, (first + 1) * classes)
        const shown = logits.subarray(first * classes, (first + views.length) * classes)
        const answer = averageViews(shown, classes, { label, targets, own })
        predictions.indices[images] = batch.indices[first]!
        predictions.labels[images] = label
        if (targets) predictions.targets!.set(targetBytes(targets), images * classes)
        predictions.probabilities.set(answer.probabilities, images * classes)
        predictions.scores.set(answer.scores, images * classes)
        predictions.losses[images++] = answer.loss
      }
      if (signal?.aborted) throw abortedError('testing')
      onProgress?.(Math.min(images * ranks.size, dataset.length))
    }
    return inOrder(ranks, firstOf(predictions ?? emptyPredictions(dataset, config.classes, Float32Array), images))
  })
}

function emptyPredictions(
  { length: images, targets }: Dataset,
  classes: number,
  Scores: typeof Float32Array | typeof Float64Array,
): Predictions {
  return {
    images,
    classes,
    ...(targets ? { targets: new Uint8Array(images * classes) } : {}),
    indices: new Uint32Array(images),
    labels: new Uint16Array(images),
    probabilities: new Float32Array(images * classes),
    scores: new Scores(images * classes),
    losses: new Float64Array(images),
  }
}

function firstOf(predictions: Predictions, images: number): Predictions {
  const { classes, indices, labels, targets, probabilities, scores, losses } = predictions
  return {
    images,
    classes,
    ...(targets ? { targets: targets.subarray(0, images * classes) } : {}),
    indices: indices.subarray(0, images),
    labels: labels.subarray(0, images),
    probabilities: probabilities.subarray(0, images * classes),
    scores: scores.subarray(0, images * classes),
    losses: losses.subarray(0, images),
  }
}

/** Everybody's, in the order of the data set. */
async function inOrder(ranks: Ranks, own: Predictions): Promise<Predictions> {
  if (ranks.size === 1) return own
  const { classes, targets } = own
  const rows = [own.indices, own.labels, own.losses, own.probabilities, own.scores, targets ?? []]
  const told = await gather(ranks, null, rows)
  const parts = told.map(({ numbers }) => numbers as readonly [Numbers, Numbers, Numbers, Numbers, Numbers, Numbers])
  const order = parts
    .flatMap(([indices], rank) => [...indices].map((index, at) => ({ index, rank, at })))
    .sort((a, b) => a.index - b.index)
  /** Row by row, of so many numbers each. */
  const put = <T extends Numbers | Uint32Array | Uint16Array | Uint8Array>(into: T, part: number, width = 1): T => {
    for (const [row, { rank, at }] of order.entries()) {
      into.set(parts[rank]![part]!.subarray(at * width, (at + 1) * width), row * width)
    }
    return into
  }
  const images = order.length
  // Whoever had no image does not know which they are.
  const single = parts.some(([indices, , , , scores]) => indices.length > 0 && scores instanceof Float32Array)
  const scores = single ? new Float32Array(images * classes) : new Float64Array(images * classes)
  return {
    images,
    classes,
    ...(targets ? { targets: put(new Uint8Array(images * classes), 5, classes) } : {}),
    indices: put(new Uint32Array(images), 0),
    labels: put(new Uint16Array(images), 1),
    probabilities: put(new Float32Array(images * classes), 3, classes),
    scores: put(scores, 4, classes),
    losses: put(new Float64Array(images), 2),
  }
}
