// Loss and errors of a network on a data set, as a training tells them after an epoch.
import { createLoader } from '../data/loading/loader.js'
import type { Backend } from '../engine/backend.js'
import type { Loss } from '../engine/loss.js'
import { createSession, type SessionState } from '../engine/session.js'
import { DenseNetError } from '../errors.js'
import type { Dataset } from '../images/dataset.js'
import { checkDataset } from '../images/fits.js'
import { VIEWS, type ViewName } from '../images/transforms/preprocess.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import type { Metrics } from '../training/metrics.js'
import { evaluateBatches } from '../training/trainer.js'
import { evaluateViews } from '../training/views.js'
import { withCleanup } from '../util/cleanup.js'

export interface EvaluationOptions {
  readonly config: DenseNetConfig
  readonly state: SessionState
  readonly dataset: Dataset
  /** Whether each class has a probability of its own; else they exclude each other. */
  readonly multiLabel?: boolean
  readonly backend: Backend
  /** Views at a time; default 64. */
  readonly batchSize?: number | undefined
  /** What is shown of each image; default: single. */
  readonly views?: ViewName | undefined
  readonly loaderThreads?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((imagesDone: number) => void) | undefined
}

/** Loss and errors of given weights on a data set, with running statistics and without augmentation. Throws when
 * stopped. */
export function evaluate(options: EvaluationOptions): Promise<Metrics> {
  const { config, dataset, backend, signal, onProgress } = options
  checkDataset(config, dataset)
  return withCleanup(async later => {
    const views = VIEWS[options.views ?? 'single']
    const batchSize = Math.min(options.batchSize ?? 64, dataset.length * views.length)
    const loss = evaluatedLoss(dataset, options.multiLabel)
    const session = await createSession(architecture(config), backend, { batchSize, loss })
    later(() => session.dispose())
    await session.writeState(options.state)
    const workers = options.loaderThreads === undefined ? {} : { workers: options.loaderThreads }
    const loader = createLoader(dataset, { batchSize, seed: 0, shuffle: false, views, ...workers })
    later(() => loader.dispose())
    const imagesPerBatch = Math.ceil(dataset.length / loader.batchesPerEpoch)
    const goOn = (done: number): boolean => {
      onProgress?.(Math.min(done * imagesPerBatch, dataset.length))
      return !signal?.aborted
    }
    const evaluator = evaluateViews(views.length, loss.kind === 'binaryCrossEntropy')
    const metrics = await evaluateBatches(session, loader, goOn, evaluator)
    if (metrics === null) throw new DenseNetError('stopped before the evaluation was done', { code: 'aborted' })
    return metrics
  })
}

/** The loss of an evaluation: that of training, plain. */
export const evaluatedLoss = ({ targets }: Dataset, multiLabel = false): Loss =>
  multiLabel || targets ? { kind: 'binaryCrossEntropy', multiLabel: targets !== undefined } : { kind: 'crossEntropy' }
