// Weights from elsewhere on the command line: what their files do not tell, and how they were understood.
import { Option } from 'commander'
import { colourOrders, nameChoices, weightChoices } from '../entries/interop.js'
import { CONFIG, describe } from '../entries/model.js'
import type { OpenOptions } from '../entries/networks.js'
import { parameterError } from '../errors.js'
import type { ColourOrder, DenseNetConfig, ImportReport, NameChoice, WeightChoice } from '../index.js'
import { type FetchFlags, fetchOptions } from './fetching.js'
import { grouped } from './format.js'
import { choiceOption, computeOptions, outputOptions, settingOption, wholeOption } from './options.js'

export interface WeightFlags extends FetchFlags {
  readonly strict: boolean
  readonly weights?: WeightChoice
  readonly names?: NameChoice
  readonly colours?: ColourOrder
  readonly bnEpsilon?: number
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  readonly imageSize?: number
}

/** Of every command that uses a network. */
export const useOptions = (): Option[] => [
  wholeOption('--image-size <n>', 'show images larger or smaller than those it was trained on, n x n pixels'),
  ...weightOptions(),
  ...computeOptions(),
  ...outputOptions(),
]

/** How a file of weights is read: of training with --pretrained, too. */
export const readingOptions = (): Option[] => [
  new Option('--no-strict', 'weights from elsewhere: allow missing and unexpected tensors'),
  settingOption(CONFIG.bnEpsilon),
  choiceOption('--weights <which>', 'of a file with averaged (EMA) and raw ones; default: average', weightChoices),
  choiceOption('--names <how>', 'what names of nobody are taken for; default: known, which refuses them', nameChoices),
  choiceOption(
    '--colours <order>',
    "colours as the first convolution reads them; default: rgb, of Caffe's networks bgr",
    colourOrders,
  ),
]

export const weightOptions = (): Option[] => [
  ...readingOptions(),
  channelsOption('--mean <m,m,...>', 'of the images, for each channel from 0 to 1'),
  channelsOption('--std <s,s,...>', 'of the images, for each channel above 0 and up to 1'),
  ...fetchOptions(),
]

/** "0.485,0.456,0.406" */
function channelsOption(flags: string, text: string): Option {
  const name = flags.split(' ')[0]!
  const range = name === '--mean' ? 'from 0 to 1' : 'above 0 and up to 1'
  const fits = (n: number): boolean => n <= 1 && (name === '--mean' ? n >= 0 : n > 0)
  return new Option(flags, `weights from elsewhere: ${text}; default: what is usual`).argParser(value => {
    const numbers = value.split(',').map(part => (part.trim() === '' ? Number.NaN : Number(part)))
    if (numbers.every(fits)) return numbers
    const pixels = numbers.every(n => n >= 0 && n <= 255)
    const divided = numbers.map(n => Number((n / 255).toPrecision(4)))
    const hint = pixels ? `of pixels from 0 to 255 these are ${name} ${divided}` : undefined
    throw parameterError(name, `numbers ${range} with commas between them, such as 0.485,0.456,0.406`, value, hint)
  })
}

/** `images`: the size that the network is to take, where its weights leave that open. */
export function openOptions(flags: WeightFlags, images: { height: number; width: number } | null): OpenOptions {
  const { strict, weights, names, colours, bnEpsilon, mean, std, imageSize } = flags
  if ((mean === undefined) !== (std === undefined) || mean?.length !== std?.length) {
    throw parameterError(
      mean ? '--std' : '--mean',
      'as many numbers as for the other of the two',
      (mean ? std : mean) ?? '',
    )
  }
  return {
    strict,
    ...(weights === undefined ? {} : { weights }),
    ...(names === undefined ? {} : { names }),
    ...(colours === undefined ? {} : { colours }),
    ...(bnEpsilon === undefined ? {} : { bnEpsilon }),
    ...(mean && std ? { normalisation: { mean: mean.map(x => x * 255), deviation: std.map(x => x * 255) } } : {}),
    ...(imageSize === undefined ? {} : { imageSize }),
    ...(images ? { height: images.height, width: images.width } : {}),
  }
}

/** How weights were understood, in a few lines. */
export function tellReport(
  path: string,
  report: ImportReport,
  config: DenseNetConfig,
  say: (line: string) => void,
): void {
  const { format, family, within, headless, matched, missing, unexpected, reshaped, unused, places, assumed } = report
  const place = within === '' ? '' : `, under ${within}`
  say(
    `${path}: ${format}, names: ${family}${place}; ${describe(config)}, ${headless ? 'no classifier' : `${config.classes} classes`}`,
  )
  if (headless) say(`  ${headless}: features only, until it is given a new one`)
  say(`${grouped(matched.length)} tensors matched, ${missing.length} missing, ${unexpected.length} unexpected`)
  for (const name of missing) say(`  missing, given fresh values: ${name}`)
  for (const name of unexpected) say(`  unexpected, left out: ${name}`)
  for (const text of reshaped) say(`  reshaped: ${text}`)
  for (const [theirs, ours] of places) say(`  ${theirs} is ${ours}`)
  const counters = unused.filter(text => text.includes('num_batches_tracked'))
  if (counters.length > 0) say(`  unused: ${counters.length} counters of training steps (num_batches_tracked)`)
  for (const text of unused) if (!counters.includes(text)) say(`  unused: ${text}`)
  for (const text of assumed) say(`  assumed: ${text}`)
}
