// densenet features: what a layer makes of images, as a file of numbers.
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import type { Blank, Uncertain } from '../../entries/images.js'
import {
  type FeatureRows,
  featureFormat,
  featureFormats,
  featureShape,
  writeFeatures,
} from '../../entries/inference.js'
import { architecture, featureLayer } from '../../entries/model.js'
import { DenseNetError, usageError } from '../../errors.js'
import type { Dataset, DenseNet } from '../../index.js'
import { createContext } from '../context.js'
import { chooseDataset, DATASETS_HELP, dataReporter, knownDataset, labelOptions, suited } from '../datasets.js'
import { grouped, rounded } from '../format.js'
import { listed, opened } from '../image-arguments.js'
import { loadModel, modelOption } from '../model-argument.js'
import { type ComputeFlags, choiceOption, loaderOption, type OutputFlags, wholeOption } from '../options.js'
import { withSignals } from '../signals.js'
import { StatusLine } from '../terminal.js'
import { useOptions, type WeightFlags } from '../weight-options.js'

interface FeaturesFlags extends ComputeFlags, OutputFlags, WeightFlags {
  readonly model: string
  readonly output: string
  readonly layer: string
  readonly dataset?: string
  readonly split: 'train' | 'test'
  readonly data?: string
  readonly uncertain?: Uncertain
  readonly blank?: Blank
  readonly batchSize: number
}

export function featuresCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('features')
    .description('write what a layer of a network makes of images')
    .argument('[image-or-folder...]', 'image files, folders of them, or - for an image on standard input')
    .requiredOption('--output <file>', `what to write: a file that ends in ${featureFormats.join(', ')}`)
  const options = [
    modelOption(),
    new Option('--layer <name>', 'densenet summary MODEL --layers lists them').default('pooled'),
    new Option('--dataset <name>', `instead of images: ${DATASETS_HELP}`),
    choiceOption('--split <name>', 'which images of the data set', ['train', 'test']).default('test'),
    new Option('--data <folder>', 'where data sets are kept; default: the cache folder'),
    ...labelOptions(),
    wholeOption('--batch-size <n>', 'images at a time').default(16),
    loaderOption(),
    ...useOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  densenet features photos --output photos.npy
  densenet features cat.jpg --model densenet121 --layer features.transition2 --output cat.safetensors
  densenet features --dataset cifar10 --split train --model runs/a --output train.csv`,
    )
    .action(async (images: string[], flags: FeaturesFlags) => finish(await features(images, flags)))
}

async function features(images: readonly string[], flags: FeaturesFlags): Promise<number> {
  const context = createContext(flags)
  const { out, say, warn } = context
  if (images.length > 0 === (flags.dataset !== undefined)) {
    throw usageError(images.length > 0 ? 'give either images or --dataset, not both' : 'which images?', HINT)
  }
  featureFormat(flags.output)
  const status = new StatusLine(out)
  return withSignals(
    () => {},
    async ({ signal }) => {
      const known = flags.dataset === undefined ? null : knownDataset(flags.dataset)
      using network = await loadModel(flags.model, flags, context, signal, known)
      featureLayer(architecture(network.config), flags.layer)
      const files = flags.dataset === undefined ? await listed(images) : []
      const dataset = flags.dataset === undefined ? null : await chosen(network, flags, context, signal)
      const source = dataset ?? (await Promise.all(files.map(opened)))
      const total = source.length
      const unreadable: string[] = []
      const start = performance.now()
      const { layer, backend, threads, adapter, precision, batchSize, loaderThreads } = flags
      const found = await network
        .features(source, {
          layer,
          backend,
          threads,
          adapter,
          precision,
          batchSize,
          loaderThreads,
          signal,
          onWarning: warn,
          onProgress: done => flags.quiet || flags.json || status.show(`features ${grouped(done)}/${grouped(total)}`),
          onUnreadable: (index, reason) => unreadable.push(`${files[index]}: ${reason}`),
        })
        .finally(() => status.clear())
      for (const line of unreadable) warn(line)
      if (found.images === 0) throw new DenseNetError('none of the images can be read')
      const rows = dataset ? datasetRows(dataset, found.indices) : fileRows(files, found.indices)
      const written = await writeFeatures(flags.output, found, rows)
      const seconds = (performance.now() - start) / 1000
      const shape = featureShape(found)
      if (flags.json)
        out.write(`${JSON.stringify({ files: written, layer: found.layer, shape, unreadable, seconds })}\n`)
      say(`${written.join(', ')}: ${layer} of ${grouped(found.images)} images, ${shape.join(' x ')}`)
      say(`${rounded(found.images / seconds)} images/s`)
      return unreadable.length > 0 ? 1 : 0
    },
  )
}

const HINT = 'densenet features photos --model runs/a --output photos.npy, or --dataset cifar10'

async function chosen(
  { config, normalisation, preprocessing }: DenseNet,
  { dataset: name, split, data, quiet, json, uncertain, blank }: FeaturesFlags,
  { out }: ReturnType<typeof createContext>,
  signal: AbortSignal,
): Promise<Dataset> {
  const isKnown = knownDataset(name!) !== null
  const dataset = suited(
    await chooseDataset(name!, { ...(isKnown ? {} : { imageSize: config.height }), uncertain, blank }),
    {
      config,
      normalisation,
    },
  )
  const { onProgress, end } = dataReporter(out, quiet === true || json === true)
  const loaded = (await dataset.splits({ folder: data, signal, onProgress }).finally(end))[split]
  return 'files' in loaded && preprocessing?.crop === config.height ? { ...loaded, preprocessing } : loaded
}

const fileRows = (files: readonly string[], indices: Uint32Array): FeatureRows => ({
  names: Array.from(indices, i => (files[i] === '-' ? '-' : resolve(files[i]!))),
})

function datasetRows(dataset: Dataset, indices: Uint32Array): FeatureRows {
  const { classes, labels } = dataset
  const nameOf = (i: number): string => ('files' in dataset ? dataset.files[i]! : String(i))
  return { names: Array.from(indices, nameOf), labels: Array.from(indices, i => classes[labels[i]!]!) }
}
