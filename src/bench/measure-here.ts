// Measures in this process: a run of DenseNet itself, as a user would make it, watched through its events.
import { type BackendOptions, createBackend } from '../backends/registry.js'
import type { ArrayDataset } from '../data/dataset.js'
import { DenseNet } from '../densenet.js'
import type { Backend } from '../engine/backend.js'
import { createInference } from '../engine/inference.js'
import { usageError } from '../errors.js'
import { architecture } from '../model/architecture.js'
import { summarise } from '../model/summary.js'
import { withCleanup } from '../util/cleanup.js'
import { randomStream } from '../util/random.js'
import { peakResidentBytes } from '../util/resident.js'
import { measureKernels } from './kernels.js'
import { type CompleteWork, completeWork, type Measurement, median, type Work } from './work.js'

/** Peak memory is that of this process since it began: for a figure of this work alone call `measure`. */
export function measureHere(work: Work, options: Pick<BackendOptions, 'onWarning'> = {}): Promise<Measurement> {
  return withCleanup(later => measureWith(completeWork(work), options, later))
}

async function measureWith(
  work: CompleteWork,
  { onWarning }: Pick<BackendOptions, 'onWarning'>,
  later: (release: () => unknown) => void,
): Promise<Measurement> {
  const { model, task, batchSize, imageSize, memory, threads, settle, kernels, config } = work
  const images = noise(work)
  const backend = await createBackend({ threads, onWarning })
  later(() => backend.dispose())
  if (kernels && backend.name !== 'native') {
    throw usageError('only the native backend can say where its time goes', 'build it with: npm run build:native')
  }
  const network = DenseNet.create(config, { name: model })
  const measured = task === 'train' ? trainingSteps : inferenceSteps
  const seconds = (await measured(network, images, backend, work)).slice(settle)
  const { parameters, multiplyAdds } = summarise(config)
  const result = {
    ...{ model, task, batchSize, imageSize, parameters, multiplyAdds },
    memory: task === 'train' ? memory : null,
    backend: backend.description,
    medianSeconds: median(seconds),
    fastestSeconds: Math.min(...seconds),
    peakBytes: peakResidentBytes() - images.images.byteLength,
  }
  return { ...result, kernels: kernels ? await measureKernels(work) : null }
}

async function trainingSteps(
  network: DenseNet,
  images: ArrayDataset,
  on: Backend,
  { batchSize, memory }: CompleteWork,
): Promise<number[]> {
  const seconds: number[] = []
  await network.fit(images, {
    ...{ epochs: 1, batchSize, memory, on },
    onEvent: event => {
      if (event.type === 'step') seconds.push(event.seconds)
    },
  })
  return seconds
}

/** Normalised images in, logits out. */
async function inferenceSteps(
  network: DenseNet,
  { images }: ArrayDataset,
  backend: Backend,
  { batchSize, settle, iterations, config }: CompleteWork,
): Promise<number[]> {
  const inference = await createInference(architecture(config), backend, network.state, { batchSize })
  const each = images.length / (settle + iterations)
  const seconds: number[] = []
  for (let i = 0; i < settle + iterations; i++) {
    const batch = Float32Array.from(images.subarray(i * each, (i + 1) * each), pixel => (pixel - 128) / 64)
    const start = performance.now()
    await inference.run(batch, batchSize)
    seconds.push((performance.now() - start) / 1000)
  }
  inference.dispose()
  return seconds
}

/** An epoch of as many batches as are measured. */
function noise({ batchSize, iterations, settle, config }: CompleteWork): ArrayDataset {
  const { inputChannels: channels, height, width } = config
  const length = batchSize * (settle + iterations)
  const images = new Uint8Array(new SharedArrayBuffer(length * channels * height * width))
  const random = randomStream(0, 'split')
  for (let i = 0; i < images.length; i++) images[i] = random.uint32() >>> 24
  const labels = Uint16Array.from({ length }, (_, i) => i % config.classes)
  return {
    ...{ name: 'noise', split: 'train', length, channels, height, width, images, labels },
    classes: Array.from({ length: config.classes }, (_, i) => `class ${i}`),
    normalisation: { mean: Array(channels).fill(128), deviation: Array(channels).fill(64) },
  }
}
