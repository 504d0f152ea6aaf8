// The process that evaluates a checkpoint for the dashboard: one task in, lines of JSON out. A process of its own, of low
// priority, so that neither the pages nor a training that runs beside it wait for it.
import { constants, setPriority } from 'node:os'
import type { BackendChoice } from '../backends/registry.js'
import { chooseTestDataset } from '../data/sets/choose-dataset.js'
import { DenseNet } from '../densenet.js'
import { DenseNetError, usageError } from '../errors.js'
import { makeReport, trainingScores } from '../evaluation/report.js'
import { scorePredictions } from '../evaluation/scores.js'
import { thumbnails } from '../evaluation/thumbnails.js'
import { limitDataset } from '../images/dataset.js'
import { openNetwork } from '../networks/open-network.js'
import type { Evaluation, Failure } from './api.js'

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
  | { readonly evaluation: Evaluation }
  | { readonly failure: Failure }

const print = (line: EvaluationLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const PROGRESS_MILLISECONDS = 200

async function evaluate(task: EvaluationTask): Promise<Evaluation> {
  const { path, backend, dataFolder, name: network } = task
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
  using model = DenseNet.of(checkpoint)
  let printed = 0
  const predictions = await model.predict(dataset, {
    backend,
    onProgress: images => {
      if (performance.now() - printed < PROGRESS_MILLISECONDS) return
      printed = performance.now()
      print({ stage: 'testing', images, of: dataset.length })
    },
  })
  const scores = scorePredictions(predictions, dataset.classes)
  if (!Number.isFinite(scores.loss)) throw new DenseNetError(`the loss of ${path} on ${dataset.name} is ${scores.loss}`)
  const facts = { path, network, views: 'single', training: trainingScores(checkpoint, dataset) } as const
  const report = makeReport(facts, dataset, predictions, scores)
  const pictures = await thumbnails(dataset, report.worst)
  return {
    report,
    thumbnails: report.worst.map(({ index }) => pictures.get(index) ?? ''),
    epoch: checkpoint.progress && checkpoint.progress.epoch - 1,
    made: Date.now(),
  }
}

setPriority(constants.priority.PRIORITY_LOW)
try {
  print({ evaluation: await evaluate(JSON.parse(process.argv[2]!) as EvaluationTask) })
} catch (error) {
  if (!(error instanceof DenseNetError)) throw error
  print({ failure: { error: error.message, hint: error.hint } })
}
