// What can be measured, and what comes out of it: plain data, since it travels to a process of its own and back.
import type { BackendChoice } from '../backends/registry.js'
import type { Precision } from '../engine/backend.js'
import type { MemoryMode } from '../engine/planner.js'
import { parameterError } from '../errors.js'
import type { DenseNetConfig } from '../model/config.js'
import { preset } from '../model/presets.js'

/** Steps of training, or batches of inference, of one network on generated images. */
export interface Work {
  /** A preset's name. */
  readonly model: string
  readonly task: 'train' | 'infer'
  /** Default: 64, or 8 for the ImageNet networks. */
  readonly batchSize?: number
  /** Height and width of the images; default: the network's. */
  readonly imageSize?: number
  /** Of training; default `store`. */
  readonly memory?: MemoryMode
  /** Default `auto`. */
  readonly backend?: BackendChoice
  /** Default: one per core. */
  readonly threads?: number
  /** Of webgpu: which GPU. */
  readonly adapter?: number
  /** Default `float32`. */
  readonly precision?: Precision
  /** Steps that count; default 12. */
  readonly iterations?: number
  /** Steps before them that do not; default 3. */
  readonly settle?: number
  /** Also measures each kernel; not of the reference backend. Default false. */
  readonly kernels?: boolean
}

/** One kind of kernel on maps of one size, all its calls within a step together. */
export interface KernelTime {
  /** As in engine/kernels.ts. */
  readonly kernel: string
  /** Of the window; null where there is none. */
  readonly size: number | null
  /** Of the output; null where there are no maps. */
  readonly height: number | null
  readonly width: number | null
  readonly calls: number
  /** Sum over its calls, each the median of all steps. */
  readonly seconds: number
  /** A multiply-add is two; 0 for kernels that do not convolve. */
  readonly flops: number
  /** Each operand moved once. */
  readonly bytes: number
}

/** What `measure` found: seconds and bytes of a network's training step or inference on this machine. */
export interface Measurement {
  readonly model: string
  readonly task: Work['task']
  readonly batchSize: number
  readonly imageSize: number
  /** null when nothing is trained. */
  readonly memory: MemoryMode | null
  /** "native: AVX-512, 2 threads" */
  readonly backend: string
  /** What it kept activations as. */
  readonly precision: Precision
  readonly parameters: number
  /** Of the network's definition, for one image, forward. */
  readonly multiplyAdds: number
  /** Of a step: from one batch to the next, images, loss and update included. */
  readonly medianSeconds: number
  readonly fastestSeconds: number
  /** Most resident bytes of the whole process, Node included, the images of the data set not. */
  readonly peakBytes: number
  readonly kernels: readonly KernelTime[] | null
}

export type CompleteWork = Required<Omit<Work, 'threads' | 'adapter'>> &
  Pick<Work, 'threads' | 'adapter'> & { readonly config: DenseNetConfig }

/** With all defaults; a usage error when a value is not possible. */
export function completeWork(work: Work): CompleteWork {
  const { imageSize } = work
  const config = preset(work.model, imageSize === undefined ? {} : { height: imageSize, width: imageSize })
  const defaults = {
    memory: 'store',
    backend: 'auto',
    precision: 'float32',
    iterations: 12,
    settle: 3,
    kernels: false,
  } as const
  const batchSize = work.batchSize ?? (config.stem === 'imagenet' ? 8 : 64)
  const complete = { ...defaults, ...work, batchSize, imageSize: config.height, config }
  if (!['train', 'infer'].includes(work.task)) throw parameterError('task', 'train or infer', work.task)
  if (!['store', 'recompute'].includes(complete.memory)) {
    throw parameterError('memory', 'store or recompute', complete.memory)
  }
  for (const [name, least] of Object.entries({ batchSize: 1, iterations: 1, settle: 0 } as const)) {
    const value = complete[name as 'batchSize' | 'iterations' | 'settle']
    if (!Number.isSafeInteger(value) || value < least) {
      throw parameterError(name, `a whole number of at least ${least}`, value)
    }
  }
  return complete
}
