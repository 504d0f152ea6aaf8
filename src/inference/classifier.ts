// Many images through a network: the next ones are decoded while it works on the ones before. An image that cannot be
// read is said so, and does not keep the others from their answers.
import { DenseNetError, parameterError } from '../errors.js'
import { checkNormalisation, inputSize, type NetworkInput, writeInput } from '../images/network-input.js'
import { abortedError } from '../util/abort.js'
import { classNames, type Prediction, topClasses } from './classify.js'
import { type ImageInput, imageName, type Reading, readBy, unreadable } from './image-input.js'
import type { Runner } from './runner.js'

/** A network that answers, and what of it decides the answer. */
export interface Classifier extends NetworkInput {
  readonly runner: Runner
  /** Names in label order; empty: not known, which for 1000 classes means ImageNet's. */
  readonly classes: readonly string[]
  readonly multiLabel: boolean
}

/** How images are classified. */
export interface ClassifyOptions {
  /** How many classes of each image, likeliest first; default 5. */
  readonly top?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** The answer for one image, with why it may be wrong if that is so, or why there is none. */
export type Answer =
  | { readonly index: number; readonly predictions: Prediction[]; readonly doubt?: string | undefined }
  | { readonly index: number; readonly reason: string }

/** Answers in the order of `images`. `times` sums up the seconds that reading and the network took: both at once, so they
 * may be more than the clock's. */
export async function* answersOf(
  images: readonly ImageInput[],
  classifier: Classifier,
  reading: Reading,
  { top, signal }: ClassifyOptions = {},
  times = { reading: 0, network: 0 },
): AsyncGenerator<Answer> {
  checkNormalisation(classifier)
  const { runner, config, multiLabel } = classifier
  const classes = classNames(classifier.classes, config)
  const count = config.classes
  const read = async (first: number) => {
    const start = performance.now()
    const batch = await readBatch(images.slice(first, first + runner.batchSize), classifier, reading)
    times.reading += (performance.now() - start) / 1000
    return batch
  }
  let next = read(0)
  for (let first = 0; first < images.length; first += runner.batchSize) {
    const { input, read: good, failed, doubts } = await next
    if (signal?.aborted) throw abortedError('classifying images')
    const start = performance.now()
    const running = runner.run(input.subarray(0, good.length * inputSize(config)), good.length)
    if (first + runner.batchSize < images.length) {
      next = read(first + runner.batchSize)
      // Whoever stops asking, or an error of the network, leaves this one behind.
      next.catch(() => {})
    }
    const { logits } = await running
    times.network += (performance.now() - start) / 1000
    const answers: Answer[] = [...failed].map(([i, reason]) => ({ index: first + i, reason }))
    good.forEach((i, place) => {
      const own = logits.subarray(place * count, (place + 1) * count)
      const predictions = topClasses(own, { top, classes, multiLabel })
      answers.push({ index: first + i, predictions, doubt: doubts.get(i) })
    })
    yield* answers.sort((a, b) => a.index - b.index)
  }
}

/** The likeliest classes of each image. Throws a sentence when one cannot be read; `onWarning` hears of doubts. */
export async function predictionsOf(
  images: readonly ImageInput[],
  classifier: Classifier,
  reading: Reading,
  { top = 5, signal }: ClassifyOptions,
  onWarning: (message: string) => void,
): Promise<Prediction[][]> {
  if (!Number.isInteger(top) || top < 1) throw parameterError('top', 'a whole number of at least 1', top)
  const all: Prediction[][] = []
  for await (const answer of answersOf(images, classifier, reading, { top, signal })) {
    if ('reason' in answer) throw unreadable(images, answer.index, answer.reason)
    if (answer.doubt !== undefined) onWarning(`${imageName(images[answer.index]!)}: ${answer.doubt}`)
    all.push(answer.predictions)
  }
  return all
}

interface ReadBatch {
  /** [read.length][channels][height][width] */
  readonly input: Float32Array
  /** Which images are in it, in its order. */
  readonly read: readonly number[]
  /** Which cannot be read, and why. */
  readonly failed: ReadonlyMap<number, string>
  /** Which may not look as was meant, and why. */
  readonly doubts: ReadonlyMap<number, string>
}

export async function readBatch(
  images: readonly ImageInput[],
  network: NetworkInput,
  reading: Reading,
): Promise<ReadBatch> {
  const size = inputSize(network.config)
  const input = new Float32Array(images.length * size)
  const read: number[] = []
  const failed = new Map<number, string>()
  const doubts = new Map<number, string>()
  let next = 0
  const reader = async (): Promise<void> => {
    while (next < images.length) {
      const i = next++
      try {
        const image = await readBy(reading, images[i]!)
        writeInput(image, network, input, read.length * size)
        read.push(i)
        if (image.doubt !== undefined) doubts.set(i, image.doubt)
      } catch (error) {
        if (!(error instanceof DenseNetError)) throw error
        failed.set(i, error.message)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(reading.together, images.length) }, reader))
  return { input, read, failed, doubts }
}
