// What a layer of a network makes of images: of a list of them, or of a data set. Images that cannot be read are left
// out and told.

import type { ComputeOptions } from '../backends/registry.js'
import type { CreateLoader } from '../batches/loader.js'
import type { Backend } from '../engine/backend.js'
import { createFeatureExtractor, type FeatureExtractor } from '../engine/features.js'
import type { SessionState } from '../engine/session.js'
import { parameterError, usageError } from '../errors.js'
import type { Dataset } from '../images/dataset.js'
import { checkNormalisation, inputSize, type NetworkInput } from '../images/network-input.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import { type FeatureLayer, featureCount } from '../model/feature-layers.js'
import type { Quantization } from '../model/quantization.js'
import { abortedError } from '../util/abort.js'
import { withCleanup } from '../util/cleanup.js'
import { readBatch } from './classifier.js'
import { type ImageInput, imageList, imageName, type Reading, unreadable } from './image-input.js'

/** What a layer made of images. */
export interface Features {
  /** Whose output they are, with the shape for one image. */
  readonly layer: FeatureLayer
  /** Images that could be read. */
  readonly images: number
  /** [images][channels][height][width] of the layer */
  readonly data: Float32Array
  /** Of each image, which it was of those that were given. */
  readonly indices: Uint32Array
}

export interface FeatureOptions extends ComputeOptions {
  /** A name of featureLayers; default: `pooled`. */
  readonly layer?: string | undefined
  /** Default 16. */
  readonly batchSize?: number | undefined
  readonly loaderThreads?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Told after every batch how many images are done. */
  readonly onProgress?: ((imagesDone: number) => void) | undefined
  /** Of a list: leaves out images that cannot be read, and hears of each; default: the first one is an error. */
  readonly onUnreadable?: ((index: number, reason: string) => void) | undefined
}

/** How images are read here, and data sets loaded. */
export interface FeaturePlace {
  readonly reading: Reading
  readonly createLoader: CreateLoader
}

/** Of a data set, or of one image or several. */
export async function featuresOf(
  given: Dataset | ImageInput | readonly ImageInput[],
  network: NetworkInput & { readonly state: SessionState; readonly quantization?: Quantization | null },
  options: FeatureOptions,
  backend: Backend,
  place: FeaturePlace,
): Promise<Features> {
  const { layer, batchSize = 16, onUnreadable } = options
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw parameterError('batchSize', 'a whole number of at least 1', batchSize)
  }
  const { config, state } = network
  const how = { batchSize, layer, quantization: network.quantization ?? [] }
  const extractor = await createFeatureExtractor(architecture(config), backend, state, how)
  try {
    if (isDataset(given)) return await featuresOfDataset(given, config, extractor, options, place.createLoader)
    const images = imageList(given)
    return await featuresOfImages(images, network, extractor, { ...options, ...place }, (index, reason) => {
      if (!onUnreadable) throw unreadable(images, index, reason)
      onUnreadable(index, reason)
    })
  } finally {
    extractor.dispose()
  }
}

export const isDataset = (given: unknown): given is Dataset =>
  typeof given === 'object' && given !== null && 'split' in given && 'labels' in given

/** `failed` hears of each image that cannot be read: its number, and why. */
async function featuresOfImages(
  images: readonly ImageInput[],
  network: NetworkInput,
  extractor: FeatureExtractor,
  { signal, onProgress, onWarning, reading }: FeatureOptions & FeaturePlace,
  failed: (index: number, reason: string) => void,
): Promise<Features> {
  checkNormalisation(network)
  const { batchSize } = extractor
  const read = (first: number) => readBatch(images.slice(first, first + batchSize), network, reading)
  const gathered = gather(extractor, images.length)
  let next = read(0)
  for (let first = 0; first < images.length; first += batchSize) {
    const batch = await next
    if (signal?.aborted) throw abortedError('computing features')
    // The next images are decoded while the network works on these.
    next = first + batchSize < images.length ? read(first + batchSize) : next
    next.catch(() => {})
    const count = batch.read.length
    for (const [i, reason] of batch.failed) failed(first + i, reason)
    for (const [i, doubt] of batch.doubts) onWarning?.(`${imageName(images[first + i]!)}: ${doubt}`)
    if (count > 0) {
      const values = await extractor.run(batch.input.subarray(0, count * inputSize(network.config)), count)
      const width = values.length / count
      // They lie in the order in which they were decoded.
      const order = [...batch.read.keys()].sort((a, b) => batch.read[a]! - batch.read[b]!)
      for (const place of order) {
        gathered.add(values.subarray(place * width, (place + 1) * width), [first + batch.read[place]!])
      }
    }
    onProgress?.(Math.min(images.length, first + batchSize))
  }
  return gathered.result()
}

/** Of all images of a data set, without augmentation, in its order. */
function featuresOfDataset(
  dataset: Dataset,
  config: DenseNetConfig,
  extractor: FeatureExtractor,
  { loaderThreads: workers, signal, onProgress, onWarning }: FeatureOptions,
  createLoader: CreateLoader,
): Promise<Features> {
  const wanted = [config.inputChannels, config.height, config.width].join(' x ')
  const theirs = [dataset.channels, dataset.height, dataset.width].join(' x ')
  if (wanted !== theirs) {
    throw usageError(`the network reads images of ${wanted}, those of ${dataset.name} are ${theirs}`)
  }
  return withCleanup(async later => {
    const { batchSize } = extractor
    const loader = createLoader(dataset, { batchSize, seed: 0, shuffle: false, onWarning, workers })
    later(() => loader.dispose())
    const gathered = gather(extractor, dataset.length)
    let done = 0
    for await (const { images, size, indices } of loader.epoch(1)) {
      if (signal?.aborted) throw abortedError('computing features')
      gathered.add(await extractor.run(images, size), indices)
      done += size
      onProgress?.(done)
    }
    return gathered.result()
  })
}

function gather({ layer }: FeatureExtractor, most: number) {
  const width = featureCount(layer)
  const data = room(most, width)
  const numbers = new Uint32Array(most)
  let images = 0
  return {
    add(values: ArrayLike<number>, indices: ArrayLike<number>): void {
      data.set(values, images * width)
      numbers.set(indices, images)
      images += indices.length
    },
    result: (): Features => ({
      layer,
      images,
      data: data.subarray(0, images * width),
      indices: numbers.subarray(0, images),
    }),
  }
}

function room(images: number, width: number): Float32Array {
  try {
    return new Float32Array(images * width)
  } catch {
    throw usageError(
      `the features of ${images} images, ${width} numbers each, do not fit into memory`,
      'take fewer images at a time, or a layer with fewer numbers such as pooled',
    )
  }
}
