// The process that evaluates a checkpoint for the dashboard: one task in, lines of JSON out. A process of its own, of low
// priority, so that neither the pages nor a training that runs beside it wait for it.
import { constants, setPriority } from 'node:os'
import { type BackendChoice, createBackend } from '../backends/registry.js'
import { createLoader } from '../data/loading/loader.js'
import { chooseTestDataset } from '../data/sets/choose-dataset.js'
import { DenseNet } from '../densenet.js'
import { weightsOf } from '../engine/session.js'
import { DenseNetError, usageError } from '../errors.js'
import { evaluatePixels } from '../evaluation/evaluate-pixels.js'
import { maskPictures } from '../evaluation/mask-pictures.js'
import { makePixelReport } from '../evaluation/pixel-report.js'
import { makeReport, trainingScores } from '../evaluation/report.js'
import { scorePredictions } from '../evaluation/scores.js'
import { thumbnails } from '../evaluation/thumbnails.js'
import { type Checkpoint, takesOwnStatistics } from '../fitting/checkpoint.js'
import { type Dataset, limitDataset } from '../images/dataset.js'
import { openNetwork } from '../networks/open-network.js'
import type { Evaluation, Failure, PixelEvaluation } from './api.js'

export interface EvaluationTask {
  /** A checkpoint's file. */
  readonly path: string
  /** What the network is called. */
  readonly name: string
  /** As in the run's config.json: what it is asked to compute on, and where its data are. */
  readonly backend: BackendChoice
  readonly dataFolder: string | null
}

/** A line that the process prints. */
export type EvaluationLine =
  | { readonly stage: string; readonly images: number; readonly of: number }
  | { readonly evaluation: Evaluation | PixelEvaluation }
  | { readonly failure: Failure }

const print = (line: EvaluationLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const PROGRESS_MILLISECONDS = 200
/** Images at a time: of pixels each takes hundreds of megabytes. */
const PIXEL_BATCH = 1

async function evaluate(task: EvaluationTask): Promise<Evaluation | PixelEvaluation> {
  const { path, dataFolder } = task
  print({ stage: 'reading', images: 0, of: 0 })
  const { checkpoint } = await openNetwork(path, {}, () => {})
  const name = checkpoint.dataset?.name
  if (name === undefined) throw usageError(`${path} does not say which data set it is for`)
  const load = await chooseTestDataset(name, checkpoint, path)
  const { signal } = new AbortController()
  const all = await load({
    folder: dataFolder ?? undefined,
    signal,
    onProgress: ({ stage }) => print({ stage: `data set: ${stage}`, images: 0, of: 0 }),
  })
  const dataset = limitDataset(all, checkpoint.recipe?.testLimit ?? null, checkpoint.recipe?.limitBy)
  if (dataset.targets) {
    const instead = `densenet test ${path} --report report`
    throw usageError(
      `images of ${dataset.name} may have several labels, and this page is for one label an image`,
      instead,
    )
  }
  const found = checkpoint.config.family === 'fc-densenet' ? ofPixels : ofImages
  const epoch = checkpoint.progress && checkpoint.progress.epoch - 1
  return { ...(await found(task, checkpoint, dataset)), epoch, made: Date.now() }
}

async function ofImages(task: EvaluationTask, checkpoint: Checkpoint, dataset: Dataset) {
  using model = DenseNet.of(checkpoint)
  const predictions = await model.predict(dataset, { backend: task.backend, onProgress: progressOf(dataset) })
  const scores = scorePredictions(predictions, dataset.classes)
  checkLoss(scores.loss, task, dataset)
  const report = makeReport(factsOf(task, checkpoint, dataset), dataset, predictions, scores)
  const pictures = await thumbnails(dataset, report.worst)
  return { report, thumbnails: report.worst.map(({ index }) => pictures.get(index) ?? '') }
}

/** By the statistics that its training was judged by. */
async function ofPixels(task: EvaluationTask, checkpoint: Checkpoint, dataset: Dataset) {
  const ownStatistics = takesOwnStatistics(checkpoint)
  const backend = await createBackend({ backend: task.backend })
  try {
    const predictions = await evaluatePixels({
      ...checkpoint,
      state: weightsOf(checkpoint.state),
      dataset,
      backend,
      createLoader,
      batchSize: PIXEL_BATCH,
      ownStatistics,
      onProgress: progressOf(dataset),
    })
    checkLoss(predictions.metrics.loss, task, dataset)
    const facts = { ...factsOf(task, checkpoint, dataset), statistics: ownStatistics ? 'own' : 'running' } as const
    const shown = [...predictions.worst, ...predictions.best]
    const pictures = await maskPictures(dataset, shown)
    return {
      report: makePixelReport(facts, dataset, predictions),
      pictures: shown.map(({ index }) => pictures.get(index)!),
    }
  } finally {
    backend.dispose()
  }
}

function progressOf({ length }: Dataset): (images: number) => void {
  let printed = 0
  return images => {
    if (performance.now() - printed < PROGRESS_MILLISECONDS) return
    printed = performance.now()
    print({ stage: 'testing', images, of: length })
  }
}

const factsOf = ({ path, name }: EvaluationTask, checkpoint: Checkpoint, dataset: Dataset) =>
  ({ path, network: name, views: 'single', training: trainingScores(checkpoint, dataset) }) as const

function checkLoss(loss: number, { path }: EvaluationTask, { name }: Dataset): void {
  if (!Number.isFinite(loss)) throw new DenseNetError(`the loss of ${path} on ${name} is ${loss}`)
}

setPriority(constants.priority.PRIORITY_LOW)
try {
  print({ evaluation: await evaluate(JSON.parse(process.argv[2]!) as EvaluationTask) })
} catch (error) {
  if (!(error instanceof DenseNetError)) throw error
  print({ failure: { error: error.message, hint: error.hint } })
}
