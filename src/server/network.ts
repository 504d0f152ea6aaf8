// A network that answers requests: decoding on threads of their own, then batches. Images of one request are worked on
// side by side with those of all others.
import { createBackend } from '../backends/registry.js'
import type { DenseNet } from '../densenet.js'
import { createFeatureExtractor, type FeatureExtractor } from '../engine/features.js'
import { checkNormalisation, inputSize, type NetworkInput } from '../images/network-input.js'
import { classNames } from '../inference/classify.js'
import { createRunner } from '../inference/runner.js'
import { architecture } from '../model/architecture.js'
import { withCleanup } from '../util/cleanup.js'
import { Batcher, type Question } from './batcher.js'
import { Decoders } from './decoders.js'
import type { Metrics } from './metrics.js'
import type { Limits, ServerOptions } from './options.js'

/** The network's numbers for an image, with why they may be wrong if that is so, or why the image cannot be read. */
export type NetworkAnswer =
  | { readonly values: Float32Array; readonly doubt?: string | undefined }
  | { readonly reason: string }

export interface ServedNetwork {
  /** "native: AVX-512, 2 threads" */
  readonly backend: string
  /** In label order. */
  readonly classes: readonly string[]
  /** Images that wait for the network. */
  readonly waiting: number
  /** Logits of an image file, or its pooled features. Rejects with the signal's reason when that aborts. */
  answer(question: Question, bytes: Uint8Array, signal: AbortSignal): Promise<NetworkAnswer>
  close(): Promise<void>
}

export async function serveNetwork(
  model: DenseNet,
  options: ServerOptions,
  limits: Limits,
  metrics: Metrics,
): Promise<ServedNetwork> {
  const { config, normalisation, preprocessing } = model
  const network: NetworkInput = { config, normalisation, preprocessing }
  checkNormalisation(network)
  const { batchSize, maxWaitMilliseconds, maxPixels, decoders } = limits
  const backend = await createBackend(options)
  const releases: (() => unknown)[] = [() => backend.dispose()]
  try {
    const runner = await createRunner({ config, state: model.state, backend, batchSize })
    releases.push(() => runner.dispose())
    // Features are for those who ask: until then they take no memory.
    let extractor: Promise<FeatureExtractor> | undefined
    releases.push(async () => (await extractor)?.dispose())
    const run = async (question: Question, images: Float32Array, size: number): Promise<Float32Array> => {
      if (question === 'classify') return (await runner.run(images, size)).logits
      extractor ??= createFeatureExtractor(architecture(config), backend, model.state, { batchSize })
      return Float32Array.from(await (await extractor).run(images, size))
    }
    const imageSize = inputSize(config)
    // The first run is slower than others: it is not to be a client's.
    await run('classify', new Float32Array(imageSize), 1)
    const onBatch = (size: number, seconds: number): void => metrics.batch(size, seconds)
    const batcher = new Batcher({ batchSize, maxWaitMilliseconds, imageSize, run, onBatch })
    releases.push(() => batcher.close())
    const pool = new Decoders(decoders)
    releases.push(() => pool.close())
    return {
      backend: backend.description,
      classes: classNames(model.classes, config),
      get waiting() {
        return batcher.waiting
      },
      async answer(question, bytes, signal) {
        const decoded = await pool.decode({ bytes, network, maxPixels }, signal)
        if ('reason' in decoded) return decoded
        return { values: await batcher.ask(question, decoded.input, signal), doubt: decoded.doubt }
      },
      close: () => release(releases),
    }
  } catch (error) {
    await release(releases)
    throw error
  }
}

const release = (releases: readonly (() => unknown)[]): Promise<void> =>
  withCleanup(async later => {
    for (const one of releases) later(one)
  })
