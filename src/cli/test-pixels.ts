// densenet test, of a network that classifies pixels: how its classes overlap with their labels.
import { createLoader } from '../entries/data.js'
import { createBackend, weightsOf } from '../entries/engine.js'
import { evaluatePixels, trainingScores, writePixelReport } from '../entries/evaluation.js'
import { type Checkpoint, leads } from '../entries/runs.js'
import { pixelScores } from '../entries/training.js'
import { usageError } from '../errors.js'
import type { Dataset } from '../index.js'
import type { Context } from './context.js'
import { grouped, percent, rounded, table } from './format.js'
import type { ComputeFlags } from './options.js'
import { takesOwn } from './pixel-options.js'
import type { Party } from './ranks.js'
import { figure, trainedWords } from './scores.js'
import { StatusLine } from './terminal.js'

interface PixelTest {
  readonly path: string
  /** What the network is called. */
  readonly network: string
  readonly checkpoint: Checkpoint
  readonly dataset: Dataset
  readonly flags: ComputeFlags & {
    readonly batchSize: number
    readonly statistics?: string
    readonly crops: string
    readonly report?: string
  }
  readonly context: Context
  readonly party: Party
  readonly signal: AbortSignal
}

export async function testPixels(test: PixelTest): Promise<number> {
  const { path, network, checkpoint, dataset, flags, context, party, signal } = test
  const { out, say, warn } = context
  if (flags.crops !== 'single') throw usageError('images with masks are shown once each', 'leave out --crops')
  const ownStatistics = takesOwn(flags.statistics, checkpoint)
  const { backend, threads = party.threads, adapter = party.adapter, precision, loaderThreads } = flags
  const on = await createBackend({ backend, threads, adapter, precision, onWarning: warn })
  const status = new StatusLine(out)
  const start = performance.now()
  try {
    const predictions = await evaluatePixels({
      ...checkpoint,
      state: weightsOf(checkpoint.state),
      dataset,
      backend: on,
      createLoader,
      batchSize: Math.min(flags.batchSize, 8),
      ownStatistics,
      loaderThreads,
      ranks: party.ranks,
      signal,
      onProgress: done =>
        context.flags.json || context.flags.quiet || status.show(`testing ${grouped(done)}/${grouped(dataset.length)}`),
    })
    status.clear()
    const seconds = (performance.now() - start) / 1000
    const { metrics, confusion } = predictions
    const { accuracy, iou, meanIou } = pixelScores(confusion)
    const classes = dataset.classes.map((label, i) => ({ label, iou: iou[i] ?? null }))
    const statistics = ownStatistics ? 'own' : 'running'
    const { length: images, name, split } = dataset
    const training = trainingScores(checkpoint, dataset)
    const facts = { path, network, views: 'single', training, statistics } as const
    const report =
      flags.report && leads(party.ranks) && (await writePixelReport(flags.report, facts, dataset, predictions))
    const printed = {
      path,
      dataset: name,
      split,
      images,
      statistics,
      loss: metrics.loss,
      meanIou,
      accuracy,
      classes,
      seconds,
    }
    if (context.flags.json) out.write(`${JSON.stringify({ ...printed, ...(report ? { report } : {}) })}\n`)
    say(`${path} on ${name}, ${grouped(images)} ${split} images (${rounded(images / seconds)} images/s)`)
    say(`batch norms take ${ownStatistics ? "each image's own statistics, as published" : 'the running statistics'}`)
    say(`loss ${metrics.loss.toFixed(4)}   ${figure(metrics)}   pixel accuracy ${percent(100 * accuracy)}`)
    for (const line of trainedWords(training, { path, checkpoint, dataset })) say(`    ${line}`)
    const rows = classes.map(({ label, iou }) => ['', label, iou === null ? '–' : percent(100 * iou)])
    say(table([['', 'class', 'IoU'], ...rows], [false, false, true]))
    if (report) say(`report: ${report.html}\n        ${report.json}\n        ${report.csv}`)
    return 0
  } finally {
    status.clear()
    on.dispose()
  }
}
