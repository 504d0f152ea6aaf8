// densenet data: brings a data set and verifies it; without a name, says which there are.
import { Command } from 'commander'
import { prepareDataset } from '../../entries/data.js'
import { type DatasetName, datasetInfo, datasetNames } from '../../entries/images.js'
import { usageError } from '../../errors.js'
import { createContext } from '../context.js'
import { choosableDatasets, dataReporter } from '../datasets.js'
import { grouped, table } from '../format.js'
import { type OutputFlags, outputOptions } from '../options.js'
import { withSignals } from '../signals.js'

interface DataFlags extends OutputFlags {
  readonly data?: string
}

export function dataCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('data')
    .description('fetch a data set, verify it and keep it in the cache')
    .argument('[name]', `${datasetNames.join(', ')}; without one, a list`)
    .option('--data <folder>', 'where data sets are kept; default: the cache folder')
  for (const option of outputOptions()) command.addOption(option)
  return command
    .addHelpText('after', '\nExample:\n  densenet data cifar10')
    .action(async (name: string | undefined, flags: DataFlags) => finish(await data(name, flags)))
}

async function data(name: string | undefined, flags: DataFlags): Promise<number> {
  const { out, say } = createContext(flags)
  if (name === undefined) {
    list(flags)
    return 0
  }
  if (name === 'synthetic') {
    say('synthetic is generated, there is nothing to fetch')
    return 0
  }
  const known = catalogueName(name)
  const { onProgress, end } = dataReporter(out, flags.quiet === true || flags.json === true)
  return withSignals(
    () => {},
    async ({ signal }) => {
      const { folder, source, cached } = await prepareDataset(known, {
        ...(flags.data === undefined ? {} : { folder: flags.data }),
        signal,
        onProgress,
      }).finally(end)
      if (flags.json) out.write(`${JSON.stringify({ dataset: known, folder, source, cached })}\n`)
      say(`${known} is in ${folder} (${cached ? 'was there already, ' : ''}from ${source}), verified`)
      return 0
    },
  )
}

function catalogueName(name: string): DatasetName {
  try {
    return datasetInfo(name).name
  } catch {
    throw usageError(`there is no data set called "${name}"`, `the data sets are ${choosableDatasets.join(', ')}`)
  }
}

function list(flags: DataFlags): void {
  const { out } = createContext(flags)
  const all = datasetNames.map(name => datasetInfo(name))
  const generated = {
    name: 'synthetic',
    channels: 3,
    height: 32,
    width: 32,
    classes: 10,
    trainImages: 5000,
    testImages: 1000,
  }
  const facts = [...all.map(info => ({ ...info, classes: info.classes.length })), generated]
  if (flags.json) {
    out.write(`${JSON.stringify(facts)}\n`)
    return
  }
  const rows = facts.map(({ name, channels, height, width, classes, trainImages, testImages }) => [
    name,
    `${channels} x ${height} x ${width}`,
    `${classes} classes`,
    `${grouped(trainImages)} training`,
    `${grouped(testImages)} test images`,
    name === 'synthetic' ? 'generated, for trying things without a download' : '',
  ])
  out.write(`${table(rows, [false, true, true, true, true, false])}\n`)
}
