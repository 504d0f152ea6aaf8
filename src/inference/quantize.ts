// From a network to the same one in int8: activations are looked at on some images, and a layer that changes answers too much stays in
// float32.
import type { ComputeOptions } from '../backends/registry.js'
import type { Backend, Numbers } from '../engine/backend.js'
import { calibrate, type ImageBatch } from '../engine/calibrate.js'
import { createInference } from '../engine/inference.js'
import type { SessionState } from '../engine/session.js'
import { DenseNetError, parameterError, usageError } from '../errors.js'
import { type Dataset, limitDataset } from '../images/dataset.js'
import { checkDataset } from '../images/fits.js'
import { checkNormalisation, inputSize, type NetworkInput } from '../images/network-input.js'
import { architecture } from '../model/architecture.js'
import { type Quantization, quantizableLayers, refuseQuantized } from '../model/quantization.js'
import { abortedError } from '../util/abort.js'
import { withCleanup } from '../util/cleanup.js'
import { readBatch } from './classifier.js'
import { type FeaturePlace, isDataset } from './features.js'
import { type ImageInput, imageList, unreadable } from './image-input.js'

/** What one layer in int8 does to the answers. */
export interface LayerLoss {
  readonly name: string
  /** The square root of the mean square of what it changes logits by, relative to how far those of an image lie apart. */
  readonly loss: number
  readonly int8: boolean
}

export interface QuantizeOptions extends ComputeOptions {
  /** Of a data set so many images are looked at, of all classes in proportion; default 256. */
  readonly images?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Told how much is done, of 1. */
  readonly onProgress?: ((part: number) => void) | undefined
}

/** A layer whose own loss is above this stays in float32. Those of sound networks are about a hundredth (docs/quantize.md). */
const MOST_LOSS = 0.1

/** Images that layers are judged by, and how many go through the network at once. */
const JUDGED = 32
const BATCH = 8

/** A network with its weights. */
interface Given extends NetworkInput {
  readonly state: SessionState
  readonly quantization: Quantization | null
}

/** Which layers can be in int8, and in which steps; what each alone does to the answers. */
export async function quantize(
  given: Dataset | ImageInput | readonly ImageInput[],
  { state, quantization: before, ...network }: Given,
  { images = 256, signal, onProgress = () => {} }: QuantizeOptions,
  backend: Backend,
  place: FeaturePlace,
): Promise<{ quantization: Quantization; layers: readonly LayerLoss[] }> {
  if (!Number.isInteger(images) || images < 1) throw parameterError('images', 'a whole number of at least 1', images)
  refuseQuantized(before, 'making int8')
  const described = architecture(network.config)
  const count = quantizableLayers(described).length
  if (count === 0) throw usageError('int8 is for dense layers with a bottleneck, and this network has none')
  const tell = (part: number): void => {
    if (signal?.aborted) throw abortedError('quantising')
    onProgress(part)
  }
  const batches = isDataset(given)
    ? await ofDataset(limitDataset(given, images), network, place)
    : await ofImages(imageList(given), network, place)
  const all = await calibrate(described, backend, state, batches, done => tell((0.5 * done) / count))
  const judged = batches.slice(0, JUDGED / BATCH)
  const logits = async (quantization: Quantization): Promise<Numbers[]> => {
    const inference = await createInference(described, backend, state, { batchSize: BATCH, quantization })
    try {
      const answers: Numbers[] = []
      for (const { images, size } of judged) answers.push(await inference.run(images, size))
      return answers
    } finally {
      inference.dispose()
    }
  }
  const exact = await logits([])
  const layers: LayerLoss[] = []
  for (const layer of all) {
    const loss = lossOf(exact, await logits([layer]), network.config.classes)
    layers.push({ name: layer.name, loss, int8: loss <= MOST_LOSS })
    tell(0.5 + (0.5 * layers.length) / count)
  }
  if (!layers.some(({ int8 }) => int8)) {
    const least = Math.min(...layers.map(({ loss }) => loss))
    throw new DenseNetError(
      `no layer of this network can be in int8: each alone changes logits by ${(100 * least).toFixed()} % or more`,
    )
  }
  const kept = new Set(layers.filter(({ int8 }) => int8).map(({ name }) => name))
  return { quantization: all.filter(({ name }) => kept.has(name)), layers }
}

function ofDataset(dataset: Dataset, { config }: NetworkInput, place: FeaturePlace): Promise<ImageBatch[]> {
  checkDataset(config, dataset)
  return withCleanup(async later => {
    const loader = place.createLoader(dataset, { batchSize: BATCH, seed: 0, shuffle: false })
    later(() => loader.dispose())
    const batches: ImageBatch[] = []
    for await (const { images, size } of loader.epoch(1)) batches.push({ images: images.slice(), size })
    return batches
  })
}

/** Throws a sentence when one cannot be read. */
async function ofImages(
  images: readonly ImageInput[],
  network: NetworkInput,
  { reading }: FeaturePlace,
): Promise<ImageBatch[]> {
  checkNormalisation(network)
  if (images.length === 0) throw usageError('there are no images to look at')
  const batches: ImageBatch[] = []
  for (let first = 0; first < images.length; first += BATCH) {
    const { input, read, failed } = await readBatch(images.slice(first, first + BATCH), network, reading)
    for (const [i, reason] of failed) throw unreadable(images, first + i, reason)
    batches.push({ images: input.subarray(0, read.length * inputSize(network.config)), size: read.length })
  }
  return batches
}

function lossOf(exact: readonly Numbers[], changed: readonly Numbers[], classes: number): number {
  let [errors, squares] = [0, 0]
  for (const [batch, logits] of exact.entries()) {
    for (let first = 0; first < logits.length; first += classes) {
      const own = [...logits.subarray(first, first + classes)]
      // Of one class alone: how far from 0.
      const mean = classes === 1 ? 0 : own.reduce((sum, value) => sum + value, 0) / classes
      for (const [i, value] of own.entries()) {
        errors += (changed[batch]![first + i]! - value) ** 2
        squares += (value - mean) ** 2
      }
    }
  }
  return squares === 0 ? 0 : Math.sqrt(errors / squares)
}
