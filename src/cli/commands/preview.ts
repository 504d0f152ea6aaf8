// densenet preview: a sheet of augmented images, so that a person can look at what training sees.
import { basename, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { drawSheet } from '../../entries/data.js'
import { type Blank, chosenAugmentation, describeAugmentation, type Uncertain } from '../../entries/images.js'
import { writeFileAtomically } from '../../node/files.js'
import { createContext } from '../context.js'
import {
  channelsOption,
  chooseDataset,
  DATASETS_HELP,
  dataReporter,
  IMAGE_SIZE_HELP,
  labelOptions,
  tellGrey,
} from '../datasets.js'
import { type AugmentFlag, augmentOptions, type OutputFlags, outputOptions, wholeOption } from '../options.js'
import { withSignals } from '../signals.js'
import { givenMixing, mixingOptions } from '../training-options.js'

interface PreviewFlags extends OutputFlags {
  readonly dataset: string
  readonly data?: string
  readonly imageSize?: number
  readonly channels?: number
  readonly uncertain?: Uncertain
  readonly blank?: Blank
  readonly augment?: AugmentFlag
  readonly mixup?: number
  readonly cutmix?: number
  readonly switchProbability?: number
  readonly images: number
  readonly seed: number
  readonly output?: string
}

export function previewCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('preview')
    .description('draw a sheet of augmented images to look at')
    .requiredOption('--dataset <name>', DATASETS_HELP)
    .option('--data <folder>', 'where data sets are kept; default: the cache folder')
  const options = [
    wholeOption('--image-size <n>', IMAGE_SIZE_HELP),
    channelsOption('3'),
    ...labelOptions(),
    ...augmentOptions(),
    ...mixingOptions(),
    wholeOption('--images <n>', 'rows of the sheet').default(8),
    wholeOption('--seed <n>', 'of the random numbers', 0).default(0),
    new Option('--output <file>', 'a PNG file; default: preview-NAME.png'),
    ...outputOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      '\nExamples:\n  densenet preview --dataset cifar10\n  densenet preview --dataset photos --augment randaugment,erasing --output sheet.png\n  densenet preview --dataset cifar10 --mixup 1 --cutmix 1',
    )
    .action(async (flags: PreviewFlags) => finish(await preview(flags)))
}

async function preview(flags: PreviewFlags): Promise<number> {
  const { out, say, warn } = createContext(flags)
  const { images, seed, imageSize, channels, uncertain, blank, mixup, cutmix } = flags
  const mixing = givenMixing(flags)
  return withSignals(
    () => {},
    async ({ signal }) => {
      const dataset = await chooseDataset(flags.dataset, { imageSize, channels, seed, uncertain, blank })
      const { onProgress, end } = dataReporter(out, flags.quiet === true || flags.json === true)
      const { train } = await dataset.splits({ folder: flags.data, signal, onProgress }).finally(end)
      const augmentation = chosenAugmentation(flags.augment, train)
      const output = resolve(flags.output ?? `preview-${basename(train.name).replace(/\.csv$/i, '')}.png`)
      const sheet = { images, columns: 8, augmentation, mixing, seed, onWarning: warn }
      const { png, classes, captions } = await drawSheet(train, sheet)
      await writeFileAtomically(output, png)
      const mixed = mixing ? { mixing, captions } : {}
      if (flags.json) out.write(`${JSON.stringify({ output, dataset: train.name, classes, augmentation, ...mixed })}\n`)
      const names = [...(mixup === undefined ? [] : ['mixup']), ...(cutmix === undefined ? [] : ['CutMix'])]
      const done = [describeAugmentation(augmentation), names.join(' or ')].filter(text => text !== '')
      say(`${output}: ${done.join(', ') || 'no augmentation'}`)
      tellGrey(train, say)
      say('left: as evaluated; right of it: as eight epochs of training see it; from the top:')
      if (!mixing) say(`    ${classes.join(', ')}`)
      captions.forEach((row, i) => {
        say(`    ${classes[i]}: ${row.join('; ')}`)
      })
      return 0
    },
  )
}
