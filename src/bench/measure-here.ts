// Measures in this process: a training of DenseNet itself, as a user would make it, watched through its events; or a network
// made ready to answer.
import { type BackendOptions, createBackend } from '../backends/registry.js'
import { DenseNet } from '../densenet.js'
import type { Backend } from '../engine/backend.js'
import { createInference } from '../engine/inference.js'
import { usageError } from '../errors.js'
import type { ArrayDataset } from '../images/dataset.js'
import { architecture } from '../model/architecture.js'
import { initialParameters, initialRunning } from '../model/initialise.js'
import { parameterTable } from '../model/parameters.js'
import { summarise } from '../model/summary.js'
import { peakResidentBytes } from '../node/resident.js'
import { withCleanup } from '../util/cleanup.js'
import { randomStream } from '../util/random.js'
import { median } from '../util/statistics.js'
import { computeOf, measureKernels, tellsTimes } from './kernels.js'
import { type CompleteWork, completeWork, type Measurement, type Work } from './work.js'

/** Peak memory is that of this process since it began: for a figure of this work alone call `measure`. */
export function measureHere(work: Work, options: Pick<BackendOptions, 'onWarning'> = {}): Promise<Measurement> {
  return withCleanup(later => measureWith(completeWork(work), options, later))
}

async function measureWith(
  work: CompleteWork,
  { onWarning }: Pick<BackendOptions, 'onWarning'>,
  later: (release: () => unknown) => void,
): Promise<Measurement> {
  const { model, task, batchSize, imageSize, memory, settle, kernels, config } = work
  const backend = await createBackend({ ...computeOf(work), onWarning })
  later(() => backend.dispose())
  if (kernels && !tellsTimes(backend)) {
    throw usageError('the reference backend cannot say where its time goes', 'build the others: npm run build:native')
  }
  const measured = task === 'train' ? trainingSteps : inferenceSteps
  const { steps, imageBytes } = await measured(backend, work)
  const seconds = steps.slice(settle)
  const { parameters, multiplyAdds } = summarise(config)
  const result = {
    model,
    task,
    batchSize,
    imageSize,
    parameters,
    multiplyAdds,
    memory: task === 'train' ? memory : null,
    backend: backend.description,
    precision: backend.precision,
    medianSeconds: median(seconds),
    fastestSeconds: Math.min(...seconds),
    peakBytes: peakResidentBytes() - imageBytes,
  }
  return { ...result, kernels: kernels ? await measureKernels(work) : null }
}

interface Measured {
  /** Seconds of each. */
  readonly steps: readonly number[]
  /** Of the data set. */
  readonly imageBytes: number
}

async function trainingSteps(on: Backend, work: CompleteWork): Promise<Measured> {
  const { model, config, batchSize, memory } = work
  if (config.family === 'fc-densenet') {
    throw usageError(
      `${model} says the class of each pixel, and the images that are made up here have no masks: its training is not measured`,
      'measure its answers with --inference',
    )
  }
  const images = noise(work)
  const steps: number[] = []
  await DenseNet.create(config, { name: model }).fit(images, {
    epochs: 1,
    batchSize,
    memory,
    on,
    onEvent: event => {
      if (event.type === 'step') steps.push(event.seconds)
    },
  })
  return { steps, imageBytes: images.images.byteLength }
}

/** Normalised images in, logits out. */
async function inferenceSteps(backend: Backend, work: CompleteWork): Promise<Measured> {
  const { config, batchSize, settle, iterations } = work
  const network = architecture(config)
  const table = parameterTable(network)
  const fresh = { parameters: initialParameters(table, 0), running: initialRunning(table) }
  const inference = await createInference(network, backend, fresh, { batchSize })
  const random = randomStream(0, 'split')
  const images = new Float32Array(batchSize * config.inputChannels * config.height * config.width)
  for (let i = 0; i < images.length; i++) images[i] = random.uniform() * 4 - 2
  const steps: number[] = []
  for (let i = 0; i < settle + iterations; i++) {
    const start = performance.now()
    await inference.run(images, batchSize)
    steps.push((performance.now() - start) / 1000)
  }
  inference.dispose()
  return { steps, imageBytes: 0 }
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
    name: 'noise',
    split: 'train',
    length,
    channels,
    height,
    width,
    images,
    labels,
    classes: Array.from({ length: config.classes }, (_, i) => `class ${i}`),
    normalisation: { mean: Array(channels).fill(128), deviation: Array(channels).fill(64) },
  }
}
