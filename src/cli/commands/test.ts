// densenet test: loss and errors of a checkpoint on the test images of a data set.
import { Command, Option } from 'commander'
import { createBackend } from '../../entries/engine.js'
import { hasTargets, scoreMultiLabel, scorePredictions, trainingScores, writeReport } from '../../entries/evaluation.js'
import { type Blank, limitDataset, type Uncertain, VIEWS } from '../../entries/images.js'
import { refuseHeadless } from '../../entries/interop.js'
import { describe } from '../../entries/model.js'
import { openNetwork } from '../../entries/networks.js'
import { leads } from '../../entries/runs.js'
import { hasOwnProbabilities } from '../../entries/training.js'
import { DenseNetError, usageError } from '../../errors.js'
import { DenseNet, type Predictions, type ViewName } from '../../index.js'
import { createContext } from '../context.js'
import { chooseTestDataset, DATASETS_HELP, dataReporter, knownDataset, labelOptions, tellGrey } from '../datasets.js'
import { fetching } from '../fetching.js'
import { grouped, percent, rounded } from '../format.js'
import {
  type ComputeFlags,
  choiceOption,
  loaderOption,
  type OutputFlags,
  ranksOption,
  wholeOption,
} from '../options.js'
import { statisticsOption } from '../pixel-options.js'
import { flagsOf, type Party, withRanks } from '../ranks.js'
import { figure, trainedWords } from '../scores.js'
import { withSignals } from '../signals.js'
import { StatusLine } from '../terminal.js'
import { testPixels } from '../test-pixels.js'
import { openOptions, tellReport, useOptions, type WeightFlags } from '../weight-options.js'

interface TestFlags extends ComputeFlags, OutputFlags, WeightFlags {
  readonly dataset?: string
  readonly data?: string
  readonly batchSize: number
  readonly testLimit?: number
  readonly uncertain?: Uncertain
  readonly blank?: Blank
  readonly crops: ViewName
  readonly report?: string
  readonly ranks?: number
  readonly statistics?: string
}

export function testCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('test')
    .description('evaluate a run, a checkpoint or weights from elsewhere on test images')
    .argument(
      '<run-or-checkpoint>',
      "a run's folder (its last checkpoint) or a file: a checkpoint, or weights of PyTorch, Keras, Caffe, MXNet and others",
    )
    .option('--dataset <name>', `${DATASETS_HELP}; default: the one it was trained on`)
    .option('--data <folder>', 'where data sets are kept; default: the cache folder')
  const options = [
    wholeOption('--batch-size <n>', 'images at a time').default(64),
    ...labelOptions(),
    wholeOption('--test-limit <n>', 'only n test images, of all classes in proportion'),
    choiceOption(
      '--crops <which>',
      'what is shown of each image; probabilities are averaged',
      Object.keys(VIEWS),
    ).default('single'),
    new Option('--report <folder>', 'write report.html, report.json and predictions.csv there'),
    statisticsOption(),
    loaderOption(),
    ranksOption(),
    ...useOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      '\nExamples:\n  densenet test runs/a\n  densenet test runs/a/best.safetensors --dataset photos --crops ten --report report\n  densenet test weights.pth --dataset cifar10',
    )
    .action(async (path: string, flags: TestFlags) => finish(await test(path, flags)))
}

const test = (path: string, flags: TestFlags): Promise<number> =>
  withRanks(flags.ranks, party => testBy(party, path, flagsOf(flags, party.ranks)))

async function testBy(party: Party, path: string, flags: TestFlags): Promise<number> {
  const context = createContext(flags, party.who)
  const { out, say, warn } = context
  const status = new StatusLine(out)
  const quiet = flags.quiet || flags.json
  return withSignals(
    () => {},
    async ({ signal }) => {
      const known = flags.dataset === undefined ? null : knownDataset(flags.dataset)
      const { fetch, end } = fetching(flags, context, signal)
      const open = { ...openOptions(flags, known), fetch }
      const { checkpoint, name: called, report: understood } = await openNetwork(path, open, warn).finally(end)
      refuseHeadless(understood, 'testing')
      const name = flags.dataset ?? checkpoint.dataset?.name
      if (name === undefined) throw usageError(`${path} does not say which data set it is for`, 'give --dataset')
      const load = await chooseTestDataset(name, checkpoint, path, flags)
      if (understood) {
        tellReport(path, understood, checkpoint.config, say)
        if (!checkpoint.normalisation) say(`  assumed: images normalised as is usual for ${name} (--mean, --std)`)
      }
      const data = dataReporter(out, quiet === true)
      const loaded = limitDataset(
        await load({ folder: flags.data, signal, onProgress: data.onProgress }).finally(data.end),
        flags.testLimit ?? null,
      )
      const dataset = open.normalisation ? { ...loaded, normalisation: open.normalisation } : loaded
      tellGrey(dataset, say)
      for (const line of ('files' in dataset && dataset.decided) || []) say(`${dataset.name}: ${line}`)
      if (dataset.targets && checkpoint.recipe && !hasOwnProbabilities(checkpoint.recipe)) {
        throw usageError(`${path} was trained for one label an image, those of ${dataset.name} may have several`)
      }
      if (checkpoint.config.family === 'fc-densenet') {
        const network = called ?? describe(checkpoint.config)
        return await testPixels({ path, network, checkpoint, dataset, flags, context, party, signal })
      }
      using network = DenseNet.of(checkpoint, called, understood)
      const {
        backend,
        threads = party.threads,
        adapter = party.adapter,
        precision,
        loaderThreads,
        batchSize,
        crops: views,
      } = flags
      const { ranks } = party
      const on = await createBackend({ backend, threads, adapter, precision, onWarning: warn })
      const start = performance.now()
      try {
        const predictions = await network.predict(dataset, {
          on,
          batchSize,
          views,
          loaderThreads,
          ranks,
          signal,
          onWarning: warn,
          onProgress: done => quiet || status.show(`testing ${grouped(done)}/${grouped(dataset.length)}`),
        })
        status.clear()
        const seconds = (performance.now() - start) / 1000
        const { scores, metrics, words } = scored(predictions, dataset.classes)
        const { loss, images } = scores
        if (!Number.isFinite(loss)) throw new DenseNetError(`the loss of ${path} on ${dataset.name} is ${loss}`)
        const training = trainingScores(checkpoint, dataset)
        const facts = { path, network: network.name, views, training }
        const report =
          flags.report && leads(ranks) && (await writeReport(flags.report, facts, dataset, predictions, scores))
        const printed = {
          path,
          dataset: dataset.name,
          images,
          split: dataset.split,
          where: 'files' in dataset ? dataset.where : undefined,
          views,
          ...metrics,
          training,
          seconds,
        }
        if (flags.json) out.write(`${JSON.stringify({ ...printed, ...(report ? { report } : {}) })}\n`)
        const shown = views === 'single' ? '' : `, ${views === 'ten' ? 'ten crops' : 'mirrored too'}`
        const place = 'files' in dataset && dataset.where ? ` (${dataset.where})` : ''
        const speed = rounded(images / seconds)
        say(
          `${path} on ${dataset.name}, ${grouped(images)} ${dataset.split} images${place}${shown} (${speed} images/s)`,
        )
        say([`loss ${loss.toFixed(4)}`, ...words].join('   '))
        for (const line of trainedWords(training, { path, checkpoint, dataset })) say(`    ${line}`)
        const crops = checkpoint.recipe?.crops
        if (training && crops !== views) say(`    those in training are by --crops ${crops}`)
        if (report) say(`report: ${report.html}\n        ${report.json}\n        ${report.csv}`)
        return 0
      } finally {
        status.clear()
        on.dispose()
      }
    },
  )
}

/** Scores, those that are printed as JSON, and as words. */
function scored(predictions: Predictions, classes: readonly string[]) {
  if (hasTargets(predictions)) {
    const scores = scoreMultiLabel(predictions, classes)
    const { loss, meanAveragePrecision, meanAuc, subsetError, labelError, expectedCalibrationError } = scores
    const words = [
      figure({ ...scores, top1Error: subsetError, top5Error: 0 }),
      `AUC ${meanAuc?.toFixed(4) ?? '–'}`,
      `subset error ${percent(subsetError)}`,
      `label error ${percent(labelError)}`,
      `calibration error ${percent(100 * expectedCalibrationError)}`,
    ]
    const metrics = { loss, meanAveragePrecision, meanAuc, subsetError, labelError, expectedCalibrationError }
    return { scores, metrics, words }
  }
  const scores = scorePredictions(predictions, classes)
  const { loss, top1Error, top5Error, expectedCalibrationError } = scores
  const words = [
    `error ${percent(top1Error)}`,
    `top-5 error ${percent(top5Error)}`,
    `calibration error ${percent(100 * expectedCalibrationError)}`,
  ]
  return { scores, metrics: { loss, top1Error, top5Error, expectedCalibrationError }, words }
}
