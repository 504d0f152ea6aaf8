// What the worker does for its page: the calls of DenseNet, on the network that it holds.

import { usageError } from '../errors.js'
import { evaluate } from '../evaluation/evaluate.js'
import { predict } from '../evaluation/predict.js'
import { encodeCheckpoint } from '../fitting/checkpoint.js'
import { type FitOptions, fitNetwork } from '../fitting/fit.js'
import type { Dataset } from '../images/dataset.js'
import { type ClassifyOptions, predictionsOf } from '../inference/classifier.js'
import { type FeatureOptions, featuresOf } from '../inference/features.js'
import { type ImageInput, imageList } from '../inference/image-input.js'
import { Ready } from '../inference/ready.js'
import { type ExportFormat, type ExportOptions, encodeWeights } from '../interop/encode-weights.js'
import { refuseHeadless } from '../interop/import-weights.js'
import type { DenseNetOptions } from '../model/config.js'
import { summarise, withoutClassifier } from '../model/summary.js'
import {
  checkpointOf,
  createNetwork,
  exportedOf,
  foundNetwork,
  type Network,
  renewedNetwork,
} from '../networks/network.js'
import { adapted, type BytesOptions, openBytes } from '../networks/open-bytes.js'
import { concatenate } from '../util/bytes.js'
import { Sha256 } from '../util/sha256.js'
import { computeNames, createWebBackend, type WebComputeOptions } from './backend.js'
import { webReading } from './decode.js'
import type { Beginning, Facts } from './messages.js'
import { createWebLoader, webPlace } from './place.js'
import { Seeing } from './seeing.js'

/** How many images of a call of classify go through the network at once: what its memory is for. */
const CLASSIFY_BATCH = 16

const createHash = (): Sha256 => new Sha256()
const ready = new Ready<WebComputeOptions>(createWebBackend, computeNames)
const seeing = new Seeing()

let network: Network

/** Its network; `what` needs a classifier. */
function own(what?: string): Network {
  if (what !== undefined) refuseHeadless(network.imported, what)
  return network
}

/** With what the page has changed. */
export function change(facts: Partial<Network>): void {
  network = { ...network, ...facts }
}

/** What the page is to know of it after a call of this name; null: nothing new. */
export function factsAfter(name: string): Facts | null {
  if (name !== 'begin' && name !== 'fit') return null
  const { state: _, ...facts } = network
  return facts
}

async function load(source: Blob | Uint8Array | string, options: BytesOptions): Promise<Network> {
  const named = typeof source === 'string' ? source : 'name' in source ? String(source.name) : 'the file'
  const bytes = typeof source === 'string' ? await fetched(source) : await bytesOf(source)
  return foundNetwork(adapted(await openBytes(bytes, named, options, { createHash }), options))
}

type Given<T> = T & WebComputeOptions

export const calls = {
  async begin(beginning: Beginning) {
    if ('network' in beginning) network = beginning.network
    else if ('create' in beginning) {
      network = createNetwork(beginning.create[0] as string | DenseNetOptions, beginning.create[1])
    } else network = await load(...beginning.load)
  },

  async fit(train: Dataset, options: Given<Omit<FitOptions, 'on'>>) {
    const begun = own('training')
    const warn = (message: string): void => options.onEvent?.({ type: 'warning', message })
    const backend = await ready.backend({ ...options, onWarning: options.onWarning ?? warn })
    const asked = { ...options, backend: undefined }
    const { result, state, learned } = await fitNetwork(begun, train, asked, backend, webPlace)
    network = { ...network, ...learned, state }
    return result
  },

  async evaluate(dataset: Dataset, options: Given<object>) {
    const judged = own('testing')
    const backend = await ready.backend(options)
    return evaluate({ ...options, ...judged, dataset, backend, createLoader: createWebLoader })
  },

  async predict(dataset: Dataset, options: Given<object>) {
    const judged = own('predicting')
    const backend = await ready.backend(options)
    return predict({ ...options, ...judged, dataset, backend, createLoader: createWebLoader })
  },

  async classify(given: ImageInput | readonly ImageInput[], options: Given<ClassifyOptions>) {
    const asked = own('classifying')
    const { onWarning = (text: string) => console.warn(text) } = options
    const runner = await ready.runner(await ready.backend(options), { ...asked, batchSize: CLASSIFY_BATCH })
    const all = await predictionsOf(imageList(given), { ...asked, runner }, webReading, options, onWarning)
    return Array.isArray(given) ? all : all[0]!
  },

  async gradCam(image: ImageInput, options: Given<object>) {
    return seeing.gradCam(own('Grad-CAM'), image, await ready.backend(options), webReading)
  },

  async features(
    given: Dataset | ImageInput | readonly ImageInput[],
    options: Given<Omit<FeatureOptions, 'backend' | 'on'>>,
  ) {
    const backend = await ready.backend(options)
    const asked = { ...options, backend: undefined }
    return featuresOf(given, own(), asked, backend, { reading: webReading, createLoader: createWebLoader })
  },

  async save() {
    return concatenate(encodeCheckpoint(checkpointOf(own('a checkpoint')), createHash))
  },

  async export(to: ExportFormat, options: Omit<ExportOptions, 'to'>) {
    return encodeWeights(exportedOf(own('writing it for other programs')), to, options)
  },

  async renewed(classes: number, { seed = 0 }: { readonly seed?: number }) {
    return renewedNetwork(own(), classes, seed)
  },

  async summary() {
    const { config, imported } = own()
    return imported?.headless ? withoutClassifier(summarise(config)) : summarise(config)
  },

  async state() {
    const { parameters, running } = own().state
    return { parameters, running }
  },
}

const bytesOf = async (source: Blob | Uint8Array): Promise<Uint8Array> =>
  source instanceof Uint8Array ? source : new Uint8Array(await source.arrayBuffer())

async function fetched(address: string): Promise<Uint8Array> {
  const answer = await fetch(address).catch((error: Error) => ({ ok: false as const, status: error.message }))
  if (answer.ok) return new Uint8Array(await answer.arrayBuffer())
  throw usageError(
    `${address} cannot be fetched: ${answer.status}`,
    'look at its address, and whether it may be asked from this page (CORS)',
  )
}
