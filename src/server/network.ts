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
import type { ServedNetwork } from './answers.js'
import { Batcher, type Question } from './batcher.js'
import { Decoders } from './decoders.js'
import type { Metrics } from './metrics.js'
import type { Limits, ServerOptions } from './options.js'
import { servePixels } from './pixels.js'

export async function serveNetwork(
  model: DenseNet,
  options: ServerOptions,
  limits: Limits,
  metrics: Metrics,
): Promise<ServedNetwork> {
  if (model.config.family === 'fc-densenet') return servePixels(model, options, limits)
  const { config, normalisation, preprocessing, quantization } = model
  const network: NetworkInput = { config, normalisation, preprocessing }
  checkNormalisation(network)
  const { batchSize, maxWaitMilliseconds, maxPixels, decoders } = limits
  const backend = await createBackend(options)
  const releases: (() => unknown)[] = [() => backend.dispose()]
  try {
    const runner = await createRunner({ config, state: model.state, quantization, backend, batchSize })
    releases.push(() => runner.dispose())
    // Features are for those who ask: until then they take no memory.
    let extractor: Promise<FeatureExtractor> | undefined
    releases.push(async () => (await extractor)?.dispose())
    const run = async (question: Question, images: Float32Array, size: number): Promise<Float32Array> => {
      if (question === 'classify') return (await runner.run(images, size)).logits
      const how = { batchSize, quantization: quantization ?? [] }
      extractor ??= createFeatureExtractor(architecture(config), backend, model.state, how)
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
        if (question === 'segment') return { reason: 'this network says the class of an image' }
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
