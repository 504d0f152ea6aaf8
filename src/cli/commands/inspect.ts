// densenet inspect: a look inside a network, as a picture or as numbers.
import { basename, extname } from 'node:path'
import { Command, Option } from 'commander'
import {
  type GradCam,
  type Inspection,
  inspection,
  inspectionEnding,
  layersInspection,
  type ReuseMeasure,
  type ReuseScale,
  reuseMeasures,
  reuseScales,
  type Subject,
  subjects,
  type WeightStatistics,
  writeInspection,
} from '../../entries/inspect.js'
import { parameterError, usageError } from '../../errors.js'
import { DenseNet } from '../../index.js'
import { createContext } from '../context.js'
import { grouped, percent, table } from '../format.js'
import { type ComputeFlags, choiceOption, type OutputFlags, wholeOption } from '../options.js'
import { openOptions, tellReport, useOptions, type WeightFlags } from '../weight-options.js'

interface InspectFlags extends Omit<ComputeFlags, 'loaderThreads'>, OutputFlags, WeightFlags {
  readonly class?: readonly string[]
  readonly top?: number
  readonly layer?: string
  readonly maps?: number
  readonly measure?: ReuseMeasure
  readonly scale?: ReuseScale
  readonly tensors?: readonly string[]
  readonly output?: string
}

/** Which options each subject has, beside those of all. */
const OWN = {
  reuse: ['measure', 'scale'],
  gradcam: ['class', 'top', 'layer'],
  filters: [],
  activations: ['layer', 'maps'],
  weights: ['tensors'],
  layers: ['tensors'],
} as const satisfies Readonly<Record<Subject, readonly (keyof InspectFlags)[]>>

export function inspectCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('inspect')
    .description('look inside a network')
    .argument('<model>', 'a run, a checkpoint, or weights of PyTorch, Keras, Caffe, MXNet and others')
    .argument('<what>', subjects.join(', '))
    .argument('[image]', 'gradcam, activations: an image file')
  const options = [
    new Option(
      '--class <name>',
      'gradcam: a class by name or number, may be repeated; default: the likeliest',
    ).argParser((text: string, before: readonly string[] = []) => [...before, text]),
    wholeOption('--top <n>', 'gradcam: how many of the likeliest classes; default: 3'),
    new Option('--layer <name>', 'gradcam, activations: whose feature maps; default: features.relu5, the last'),
    wholeOption('--maps <n>', 'activations: how many feature maps are drawn; default: 64'),
    choiceOption('--measure <name>', 'reuse: of absolute weights; default: mean', reuseMeasures),
    choiceOption('--scale <name>', 'reuse: each column from 0 to 1, or as measured; default: column', reuseScales),
    new Option(
      '--tensors <name,...>',
      'weights, layers: which ones, such as "features.denseblock1.*"; default: all; layers: convolutions and classifier',
    ).argParser(text => {
      const names = text.split(',').map(name => name.trim())
      if (names.every(name => name !== '')) return names
      throw parameterError('--tensors', 'names of tensors with commas between them', text)
    }),
    new Option(
      '--output <file>',
      'a .svg or .png picture, or numbers as .json or .csv; default: a picture named after it',
    ),
    ...useOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
What:
  reuse         how much each layer of a dense block uses of each earlier one: the paper's figure 5
  gradcam       where in an image it sees a class (Selvaraju et al., 2017)
  filters       the filters of the first convolution
  activations   the feature maps that a layer makes of an image
  weights       statistics and histograms of every tensor
  layers        weights and gradients over the epochs of a run trained with --layer-statistics

Examples:
  densenet inspect runs/a reuse
  densenet inspect runs/a gradcam photo.jpg --class frog --output frog.png
  densenet inspect densenet121.pth activations photo.jpg --layer features.denseblock2
  densenet inspect runs/a weights`,
    )
    .action(async (model: string, what: string, image: string | undefined, flags: InspectFlags) =>
      finish(await inspect(model, what, image, flags)),
    )
}

async function inspect(model: string, what: string, image: string | undefined, flags: InspectFlags): Promise<number> {
  const { out, say } = createContext(flags)
  const subject = subjects.find(known => known === what)
  if (subject === undefined) throw parameterError('what', `one of ${subjects.join(', ')}`, what)
  checkFlags(subject, image, flags)
  const output = flags.output ?? (flags.json || subject === 'weights' ? null : defaultName(model, subject, image))
  if (output !== null) inspectionEnding(output)
  const looked = await look(model, subject, image, flags)
  if (flags.json) out.write(`${JSON.stringify(looked.data)}\n`)
  if (subject === 'gradcam') say(camTable(looked.data as GradCam))
  if (subject === 'weights') say(weightTable(looked.data as readonly WeightStatistics[]))
  if (output !== null) {
    await writeInspection(output, looked)
    say(`written: ${output}`)
  }
  return 0
}

/** Refuses what the subject has no use for. */
function checkFlags(subject: Subject, image: string | undefined, flags: InspectFlags): void {
  const takesImage = subject === 'gradcam' || subject === 'activations'
  if (takesImage && image === undefined) {
    throw usageError(`${subject} needs an image`, `densenet inspect MODEL ${subject} photo.jpg`)
  }
  if (!takesImage && image !== undefined) throw usageError(`${subject} takes no image, got ${image}`)
  for (const name of new Set(Object.values(OWN).flat())) {
    const own: readonly (keyof InspectFlags)[] = OWN[subject]
    if (flags[name] === undefined || own.includes(name)) continue
    const of = subjects.filter(other => (OWN[other] as readonly string[]).includes(name))
    throw usageError(`--${name} is an option of ${of.join(' and ')}, not of ${subject}`)
  }
  if (flags.class !== undefined && flags.top !== undefined) throw usageError('give either --class or --top, not both')
}

async function look(
  model: string,
  subject: Subject,
  image: string | undefined,
  flags: InspectFlags,
): Promise<Inspection> {
  const { measure, scale, class: classes, top, layer, maps, tensors, backend, threads, adapter, precision } = flags
  if (subject === 'layers') return layersInspection(model, tensors)
  const { say, warn } = createContext(flags)
  const network = await DenseNet.load(model, { ...openOptions(flags, null), onWarning: warn })
  if (network.imported) tellReport(model, network.imported, network.config, say)
  const compute = { backend, threads, adapter, precision, onWarning: warn }
  switch (subject) {
    case 'reuse':
      return inspection(network, { what: subject, measure, scale })
    case 'gradcam':
      return inspection(network, { what: subject, image: image!, classes, top, layer }, compute)
    case 'activations':
      return inspection(network, { what: subject, image: image!, layer, maps }, compute)
    case 'filters':
      return inspection(network, { what: subject })
    case 'weights':
      return inspection(network, { what: subject, tensors })
  }
}

/** runs/a, gradcam, photo.jpg: a-gradcam-photo.png */
function defaultName(model: string, subject: Subject, image: string | undefined): string {
  const stem = (path: string): string => basename(path).slice(0, basename(path).length - extname(path).length)
  const drawn = subject === 'reuse' || subject === 'layers'
  return `${[stem(model), subject, ...(image === undefined ? [] : [stem(image)])].join('-')}${drawn ? '.svg' : '.png'}`
}

function camTable({ maps }: GradCam): string {
  const rows = maps.map(({ label, probability, score }) => [label, percent(100 * probability), score.toFixed(3)])
  return table([['class', 'probability', 'score'], ...rows], [false, true, true])
}

function weightTable(tensors: readonly WeightStatistics[]): string {
  const number = (value: number | null): string => (value === null ? '–' : value.toPrecision(3))
  const odd = tensors.some(({ nonFinite }) => nonFinite > 0)
  const rows = tensors.map(({ name, shape, mean, standardDeviation, smallest, largest, nonFinite }) => [
    name,
    shape.join(' x '),
    ...[mean, standardDeviation, smallest, largest].map(number),
    ...(odd ? [grouped(nonFinite)] : []),
  ])
  const head = ['tensor', 'shape', 'mean', 'deviation', 'smallest', 'largest', ...(odd ? ['not finite'] : [])]
  return table([head, ...rows], [false, false, true, true, true, true, true])
}
