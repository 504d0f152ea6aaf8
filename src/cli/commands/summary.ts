// densenet summary: what a network consists of and what training it takes; without a name, all networks there are.
import { stat } from 'node:fs/promises'
import { Command } from 'commander'
import { architecture, type FeatureLayer, featureLayers, preset, presetNames, summarise } from '../../entries/model.js'
import { namedModel, SHIPPED } from '../../entries/networks.js'
import { usageError } from '../../errors.js'
import {
  DenseNet,
  type DenseNetOptions,
  type ModelSummary,
  type SummaryOptions,
  type TrainingMemory,
} from '../../index.js'
import { type Context, createContext } from '../context.js'
import { chooseDataset } from '../datasets.js'
import { fetching } from '../fetching.js'
import { bytes, grouped, short, table } from '../format.js'
import { describedNetwork, type ModelFlags, modelOptions } from '../model-options.js'
import { choiceOption, precisionOption, wholeOption } from '../options.js'
import { openOptions, tellReport, type WeightFlags, weightOptions } from '../weight-options.js'

interface SummaryFlags extends ModelFlags, WeightFlags {
  readonly batchSize: number
  readonly dataset?: string
  readonly imageSize?: number
  readonly backend?: SummaryOptions['backend']
  readonly precision?: SummaryOptions['precision']
  readonly layers?: boolean
  readonly json?: boolean
}

export function summaryCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('summary')
    .description('layers, shapes, parameters, multiply-adds and memory of a network')
    .argument(
      '[model]',
      'a preset such as densenet-bc-100-12, a run, a checkpoint, weights from elsewhere, or a name (densenet models); without one, all presets',
    )
    .addOption(wholeOption('--batch-size <n>', 'for the memory of a training step').default(64))
    .addOption(
      wholeOption('--image-size <n>', "pixels on each side of an image; default: the network's, or the data set's"),
    )
    .option('--dataset <name>', 'image size and classes of this data set; default: CIFAR-10, or ImageNet')
  for (const option of [...modelOptions(), ...weightOptions()]) command.addOption(option)
  return command
    .addOption(choiceOption('--backend <name>', 'whose scratch is counted; default: native', ['native', 'webgpu']))
    .addOption(precisionOption())
    .option('--layers', 'every layer whose output densenet features can write')
    .option('--json', 'print JSON')
    .option('--debug', 'show where an error came from')
    .addHelpText(
      'after',
      '\nExamples:\n  densenet summary\n  densenet summary densenet-bc-100-12 --batch-size 64\n  densenet summary weights.pth',
    )
    .action(async (model: string | undefined, flags: SummaryFlags) => finish(await summary(model, flags)))
}

async function summary(model: string | undefined, flags: SummaryFlags): Promise<number> {
  const context = createContext({ json: flags.json === true })
  const { out } = context
  const described = describedNetwork(flags)
  if (model === undefined && Object.keys(described).length === 0) {
    const all = presetNames.map(name => ({ name, ...summarise(preset(name)) }))
    const facts = all.map(({ name, depth, parameters, multiplyAdds }) => ({ name, depth, parameters, multiplyAdds }))
    out.write(flags.json ? `${JSON.stringify(facts)}\n` : `${presetTable(facts)}\n`)
    return 0
  }
  const network = await networkOf(model, described, flags, context)
  if (flags.layers) {
    const layers = featureLayers(architecture(network.config))
    out.write(flags.json ? `${JSON.stringify(layers)}\n` : `${layerTable(layers)}\n`)
    return 0
  }
  const facts = network.summary({ batchSize: flags.batchSize, backend: flags.backend, precision: flags.precision })
  const { name, imported } = network
  const text = flags.json
    ? JSON.stringify({ name, ...facts, ...(imported ? { report: imported } : {}) })
    : networkTable(name, facts, imported?.headless ? 'no classifier' : undefined)
  out.write(`${text}\n`)
  return 0
}

/** A preset, or what is described by options; else weights that are somewhere. */
async function networkOf(
  model: string | undefined,
  described: DenseNetOptions,
  flags: SummaryFlags,
  context: Context,
): Promise<DenseNet> {
  const { dataset, imageSize } = flags
  const square = imageSize === undefined ? null : { height: imageSize, width: imageSize }
  const size = dataset === undefined ? square : await inputOf(dataset, imageSize)
  if (model === undefined) return DenseNet.create(described, size ?? {})
  if (isPreset(model) || !(await isOpenable(model))) return DenseNet.create(model, { ...described, ...size })
  if (Object.keys(described).length > 0) {
    throw usageError('weights come with their own network', 'leave out what describes another one')
  }
  const { fetch, end } = fetching(flags, context)
  const open = { ...openOptions(flags, size), fetch, onWarning: context.warn }
  const network = await DenseNet.load(model, open).finally(end)
  if (network.imported) {
    tellReport(model, network.imported, network.config, context.say)
    context.say('')
  }
  return network
}

/** `densenet121` is a preset, and needs no weights for a summary. */
function isPreset(name: string): boolean {
  try {
    preset(name)
    return true
  } catch {
    return false
  }
}

const isOpenable = async (name: string): Promise<boolean> =>
  name === SHIPPED.name || namedModel(name) !== null || (await stat(name).catch(() => null)) !== null

async function inputOf(dataset: string, imageSize: number | undefined) {
  const { channels, height, width, classes } = await chooseDataset(dataset, {
    imageSize,
    usual: { uncertain: 'ignore' },
  })
  return { inputChannels: channels, height, width, classes }
}

const layerTable = (layers: readonly FeatureLayer[]): string =>
  table(
    [
      ['layer', 'channels', 'pixels'],
      ...layers.map(({ name, channels, height, width }) => [name, grouped(channels), `${height} x ${width}`]),
    ],
    [false, true, true],
  )

function presetTable(
  all: readonly { name: string; depth: number; parameters: number; multiplyAdds: number }[],
): string {
  const rows = all.map(({ name, depth, parameters, multiplyAdds }) => [
    name,
    `${depth} layers`,
    grouped(parameters),
    short(multiplyAdds),
  ])
  return table([['network', '', 'parameters', 'multiply-adds'], ...rows], [false, true, true, true])
}

function networkTable(name: string, facts: ModelSummary, answers = `${facts.config.classes} classes`): string {
  const { config, rows, depth, parameters, multiplyAdds, batchSize, training } = facts
  const lines = rows.map(row => [
    row.name,
    `${row.height} x ${row.width}`,
    `${row.layers} layer${row.layers > 1 ? 's' : ''}`,
    `${row.inChannels} -> ${row.outChannels} channels`,
    `${grouped(row.parameters)} parameters`,
    `${short(row.multiplyAdds)} multiply-adds`,
  ])
  const { inputChannels, height, width } = config
  return [
    `${name}   ${depth} layers   input ${inputChannels} x ${height} x ${width}   ${answers}`,
    '',
    table(lines, [false, true, true, true, true, true]),
    '',
    `${grouped(parameters)} parameters, ${short(multiplyAdds)} multiply-adds for an image`,
    `training at batch ${batchSize} takes ${bytes(training.store.total)} (store) or ${bytes(training.recompute.total)} (recompute) besides the images of the data set`,
    '',
    memoryTable(training),
  ].join('\n')
}

/** What each part of the prediction is: see TrainingMemory. */
const PARTS: Readonly<Record<Exclude<keyof TrainingMemory, 'total'>, string>> = {
  node: 'Node and this program',
  activations: 'feature maps, their gradients, bottleneck outputs',
  parameters: 'parameters, gradients, momentum',
  scratch: "the kernels' scratch",
  batches: 'batches in use and prepared ahead',
  loaders: 'threads that prepare them',
  copies: 'weights in JavaScript, for checkpoints',
}

function memoryTable({ store, recompute }: ModelSummary['training']): string {
  const rows = Object.entries(PARTS).map(([part, what]) => {
    const of = (memory: TrainingMemory): string => bytes(memory[part as keyof typeof PARTS])
    return [what, of(store), of(recompute)]
  })
  return table([['of which', 'store', 'recompute'], ...rows], [false, true, true])
}
