// A network made ready to answer: images in, logits out, any number of times, from anywhere in a program.

import type { Backend } from '../engine/backend.js'
import { createInference } from '../engine/inference.js'
import type { SessionState } from '../engine/session.js'
import { DenseNetError } from '../errors.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import { refusePixels } from '../model/describe.js'
import type { Quantization } from '../model/quantization.js'

/** What a runner is made of. */
export interface RunnerOptions {
  readonly config: DenseNetConfig
  readonly state: Pick<SessionState, 'parameters' | 'running'>
  /** The layers that are computed in int8; default: none. */
  readonly quantization?: Quantization | null | undefined
  readonly backend: Backend
  /** The most images that go through the network at once; what memory is taken for. */
  readonly batchSize: number
}

/** Its answer. */
export interface RunnerOutput {
  /** [size][classes], before softmax or sigmoid. */
  readonly logits: Float32Array
}

/** A network that is ready to answer. */
export interface Runner {
  readonly config: DenseNetConfig
  readonly batchSize: number
  /** `images` [size][channels][height][width], normalised; any number of them. Calls are answered one after the other. */
  run(images: Float32Array, size: number): Promise<RunnerOutput>
  /** Frees the network's memory as soon as what was asked for is answered; resolves then. */
  dispose(): Promise<void>
}

/** Makes a network ready to answer: norms folded, filters transformed, memory taken. */
export async function createRunner(options: RunnerOptions): Promise<Runner> {
  const { config, state, backend, batchSize } = options
  refusePixels(config, 'classifying')
  const quantization = options.quantization ?? []
  const inference = await createInference(architecture(config), backend, state, { batchSize, quantization })
  const { inputChannels, height, width, classes } = config
  const imageSize = inputChannels * height * width

  const answer = async (images: Float32Array, size: number): Promise<RunnerOutput> => {
    const logits = new Float32Array(size * classes)
    for (let first = 0; first < size; first += batchSize) {
      const count = Math.min(batchSize, size - first)
      const part = images.subarray(first * imageSize, (first + count) * imageSize)
      logits.set(await inference.run(part, count), first * classes)
    }
    return { logits }
  }

  let queue: Promise<unknown> = Promise.resolve()
  let disposed = false
  return {
    config,
    batchSize,
    run(images, size) {
      if (disposed) return Promise.reject(new DenseNetError('this network was disposed of'))
      if (images.length !== size * imageSize) {
        const shape = `${size} x ${inputChannels} x ${height} x ${width}`
        return Promise.reject(
          new DenseNetError(`${images.length} numbers are no images of ${shape}`, { code: 'usage' }),
        )
      }
      const result = queue.then(() => answer(images, size))
      queue = result.catch(() => {})
      return result
    },
    async dispose() {
      disposed = true
      await queue
      inference.dispose()
    },
  }
}
