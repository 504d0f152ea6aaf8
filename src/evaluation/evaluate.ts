// Loss and errors of a network on a data set, as a training tells them after an epoch.
import type { ComputeOptions } from '../backends/registry.js'
import type { CreateLoader } from '../batches/loader.js'
import type { Backend } from '../engine/backend.js'
import type { Loss } from '../engine/loss.js'
import { createSession, type SessionState } from '../engine/session.js'
import { DenseNetError } from '../errors.js'
import type { Dataset } from '../images/dataset.js'
import { checkDataset } from '../images/fits.js'
import { VIEWS, type ViewName } from '../images/transforms/preprocess.js'
import { architecture } from '../model/architecture.js'
import { type DenseNetConfig, resolveConfig } from '../model/config.js'
import { type Quantization, refuseQuantized } from '../model/quantization.js'
import type { Ranks } from '../ranks/ranks.js'
import { type EvaluatedBy, type EvaluatedMetrics, evaluateBatches } from '../training/evaluation.js'
import type { Metrics } from '../training/metrics.js'
import { evaluateViews } from '../training/views.js'
import { withCleanup } from '../util/cleanup.js'

export interface EvaluateOptions extends ComputeOptions {
  /** Views at a time, but at least one whole image; default 64. */
  readonly batchSize?: number | undefined
  /** `single`, `flip` (also mirrored) or `ten` (crops): probabilities are averaged; default: single. */
  readonly views?: ViewName | undefined
  /** Of networks that classify pixels: takes the statistics of each image, not the running ones; default false. */
  readonly ownStatistics?: boolean | undefined
  readonly loaderThreads?: number | undefined
  /** Of several that share the images out: each calls it, with its own rank and otherwise the same; all get the whole. */
  readonly ranks?: Ranks | undefined
  readonly signal?: AbortSignal | undefined
  /** Told after every batch how many images are done. */
  readonly onProgress?: ((imagesDone: number) => void) | undefined
}

/** A network, the images that it is shown, and how. */
export interface EvaluationJob extends Omit<EvaluateOptions, 'backend'> {
  readonly config: DenseNetConfig
  readonly state: Pick<SessionState, 'parameters' | 'running'>
  /** Of predictions: the layers that are computed in int8. */
  readonly quantization?: Quantization | null
  readonly dataset: Dataset
  /** Whether each class has a probability of its own; default: as the data set has it. */
  readonly multiLabel?: boolean
  readonly backend: Backend
  readonly createLoader: CreateLoader
  /** Where every pixel has a label: told of each batch, and which images of the data set it is of. */
  readonly onPixels?: EvaluatedBy['onPixels']
}

/** Loss and errors of given weights on a data set, with running statistics and without augmentation. Throws when
 * stopped. */
export const evaluate = async (job: EvaluationJob): Promise<Metrics> => (await evaluateAll(job)).metrics

/** With what pixels were taken for, where each has a label. */
export function evaluateAll(job: EvaluationJob): Promise<EvaluatedMetrics> {
  const { dataset, backend, createLoader, signal, onProgress, onPixels, loaderThreads: workers } = job
  const { ranks, ownStatistics = false } = job
  refuseQuantized(job.quantization, 'evaluating (predicting does not)')
  checkDataset(job.config, dataset)
  const { height, width } = dataset
  const config = job.config.family === 'fc-densenet' ? resolveConfig({ ...job.config, height, width }) : job.config
  return withCleanup(async later => {
    const views = VIEWS[job.views ?? 'single']
    const batchSize = Math.min(job.batchSize ?? 64, dataset.length * views.length)
    const loss = evaluatedLoss(dataset, job.multiLabel)
    const session = await createSession(architecture(config), backend, { batchSize, loss, ownStatistics })
    later(() => session.dispose())
    await session.writeState(job.state)
    const loader = createLoader(dataset, { batchSize, seed: 0, shuffle: false, views, workers })
    later(() => loader.dispose())
    const imagesPerBatch = Math.ceil(dataset.length / loader.batchesPerEpoch)
    const goOn = (done: number): boolean => {
      onProgress?.(Math.min(done * imagesPerBatch, dataset.length))
      return !signal?.aborted
    }
    const evaluator = evaluateViews(views.length, loss.kind === 'binaryCrossEntropy')
    const metrics = await evaluateBatches(session, loader, { evaluator, goOn, ranks, onPixels })
    if (metrics === null) throw new DenseNetError('stopped before the evaluation was done', { code: 'aborted' })
    return metrics
  })
}

/** The loss of an evaluation: that of training, plain. */
export const evaluatedLoss = ({ targets }: Dataset, multiLabel = false): Loss =>
  multiLabel || targets ? { kind: 'binaryCrossEntropy', multiLabel: targets !== undefined } : { kind: 'crossEntropy' }
