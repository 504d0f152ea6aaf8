// densenet test: loss and errors of a checkpoint on the test images of a data set.
import { Command } from 'commander'
import { createBackend } from '../../backends/registry.js'
import { limitDataset } from '../../data/dataset.js'
import { DenseNet } from '../../densenet.js'
import { DenseNetError, usageError } from '../../errors.js'
import { openCheckpoint } from '../../training/run-folder.js'
import { createContext } from '../context.js'
import { chooseTestDataset, DATASETS_HELP, dataReporter } from '../datasets.js'
import { grouped, percent, rounded } from '../format.js'
import { type ComputeFlags, computeOptions, type OutputFlags, outputOptions, wholeOption } from '../options.js'
import { withSignals } from '../signals.js'
import { StatusLine } from '../terminal.js'

interface TestFlags extends ComputeFlags, OutputFlags {
  readonly dataset?: string
  readonly data?: string
  readonly batchSize: number
  readonly testLimit?: number
}

export function testCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('test')
    .description('evaluate a run or a checkpoint on test images')
    .argument('<run-or-checkpoint>', "a run's folder (its last checkpoint) or a file, such as runs/a/best.safetensors")
    .option('--dataset <name>', `${DATASETS_HELP}; default: the one it was trained on`)
    .option('--data <folder>', 'where data sets are kept; default: the cache folder')
  const options = [
    wholeOption('--batch-size <n>', 'images at a time').default(64),
    wholeOption('--test-limit <n>', 'only the first n test images'),
    ...computeOptions(),
    ...outputOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText('after', '\nExample:\n  densenet test runs/a --dataset cifar10')
    .action(async (path: string, flags: TestFlags) => finish(await test(path, flags)))
}

async function test(path: string, flags: TestFlags): Promise<number> {
  const { out, say, warn } = createContext(flags)
  const status = new StatusLine(out)
  return withSignals(
    () => {},
    async ({ signal }) => {
      const { checkpoint } = await openCheckpoint(path, warn)
      const name = flags.dataset ?? checkpoint.dataset?.name
      if (name === undefined) throw usageError(`${path} does not say which data set it is for`, 'give --dataset')
      const open = await chooseTestDataset(name, checkpoint, path)
      const data = dataReporter(out, flags.quiet === true || flags.json === true)
      const dataset = limitDataset(
        await open({ folder: flags.data, signal, onProgress: data.onProgress }).finally(data.end),
        flags.testLimit ?? null,
      )
      using network = await DenseNet.load(path, { onWarning: () => {} })
      const { backend, threads, loaderThreads, batchSize } = flags
      const on = await createBackend({ backend, threads, onWarning: warn })
      const start = performance.now()
      try {
        const quiet = flags.quiet || flags.json
        const metrics = await network.evaluate(dataset, {
          on,
          batchSize,
          loaderThreads,
          signal,
          onProgress: done => quiet || status.show(`testing ${grouped(done)}/${grouped(dataset.length)}`),
        })
        status.clear()
        const seconds = (performance.now() - start) / 1000
        const { loss, top1Error, top5Error } = metrics
        if (!Number.isFinite(loss)) throw new DenseNetError(`the loss of ${path} on ${dataset.name} is ${loss}`)
        const facts = { path, dataset: dataset.name, images: dataset.length, ...metrics, seconds }
        if (flags.json) out.write(`${JSON.stringify(facts)}\n`)
        const speed = rounded(dataset.length / seconds)
        say(`${path} on ${dataset.name}, ${grouped(dataset.length)} test images (${speed} images/s)`)
        say(`loss ${loss.toFixed(4)}   error ${percent(top1Error)}   top-5 error ${percent(top5Error)}`)
        return 0
      } finally {
        status.clear()
        on.dispose()
      }
    },
  )
}
