// densenet bench: time and memory of networks on this machine, each in a process of its own.
import { cpus } from 'node:os'
import { Command } from 'commander'
import { completeWork, type KernelTime, type Measurement, measure, type Work } from '../../entries/bench.js'
import { type Context, createContext } from '../context.js'
import { bytes, grouped, rounded, table } from '../format.js'
import { choiceOption, computeOptions, outputOptions, wholeOption } from '../options.js'
import { StatusLine } from '../terminal.js'

interface BenchFlags {
  readonly inference?: boolean
  readonly kernels?: boolean
  readonly batchSize?: number
  readonly imageSize?: number
  readonly memory?: 'store' | 'recompute'
  readonly backend?: Work['backend']
  readonly threads?: number
  readonly adapter?: number
  readonly precision?: Work['precision']
  readonly iterations?: number
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Those of the original's own table. */
const DEFAULT_MODELS = [
  'densenet-bc-100-12',
  'wide-densenet-bc-40-36',
  'wide-densenet-bc-40-48',
  'wide-densenet-bc-40-60',
]

export function benchCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('bench')
    .description('time and memory of a training step on this machine, images and update included')
    .argument('[models...]', `presets; default: ${DEFAULT_MODELS.join(', ')}`)
    .option('--inference', 'evaluate instead of training')
    .option('--kernels', 'also what each kernel takes')
  const options = [
    wholeOption('--batch-size <n>', 'default: 64, and 8 for ImageNet networks'),
    wholeOption('--image-size <n>', "height and width of the images; default: the network's, 32 or 224"),
    choiceOption('--memory <mode>', 'of training; default: store', ['store', 'recompute']),
    ...computeOptions(),
    wholeOption('--iterations <n>', 'steps that count; default: 12, after 3 that do not'),
    ...outputOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      '\nExamples:\n  densenet bench\n  densenet bench densenet-bc-100-12 --memory recompute --kernels\n  densenet bench densenet-121 --inference --batch-size 1',
    )
    .action(async (models: string[], flags: BenchFlags) => finish(await bench(models, flags)))
}

async function bench(models: readonly string[], flags: BenchFlags): Promise<number> {
  const context = createContext(flags)
  const { inference, kernels, batchSize, imageSize, memory, backend, threads, adapter, precision, iterations } = flags
  const options = { kernels, batchSize, imageSize, memory, backend, threads, adapter, precision, iterations }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const task = inference ? 'infer' : 'train'
  const works = (models.length > 0 ? models : DEFAULT_MODELS).map(model => ({ ...given, model, task }) as Work)
  // A wrong name at the end of the list is found before the first is measured.
  for (const work of works) completeWork(work)

  const columns = columnsFor(works)
  const status = new StatusLine(context.out)
  for (const [i, work] of works.entries()) {
    if (!flags.json && !flags.quiet) status.show(`measuring ${work.model} …`)
    const result = await measure(work)
    status.clear()
    if (flags.json) {
      context.out.write(`${JSON.stringify(result)}\n`)
      continue
    }
    if (i === 0) for (const line of heading(result, columns)) context.say(line)
    context.say(aligned(columns, row(result)))
    if (result.kernels) sayKernels(context, result.kernels, result.medianSeconds)
  }
  return 0
}

/** Printed row by row, as they come: the widths are known beforehand. */
interface Column {
  readonly name: string
  readonly width: number
}

const columnsFor = (works: readonly Work[]): Column[] => [
  { name: 'network', width: Math.max(7, ...works.map(({ model }) => model.length)) },
  ...['batch', 'parameters', 'median of a step', 'fastest', 'images/s', 'peak memory'].map(name => ({
    name,
    width: Math.max(name.length, 9),
  })),
]

const aligned = (columns: readonly Column[], texts: readonly string[]): string =>
  columns.map(({ width }, i) => (i === 0 ? texts[i]!.padEnd(width) : texts[i]!.padStart(width))).join('   ')

function heading({ task, memory, backend }: Measurement, columns: readonly Column[]): string[] {
  const processor = cpus()[0]?.model.trim() ?? 'unknown processor'
  const what = task === 'train' ? `training, --memory ${memory}` : 'inference'
  return [
    `${backend}   ${processor}   ${new Date().toISOString().slice(0, 10)}`,
    `${what}; a step is all from one batch to the next; memory is the whole process without its images`,
    '',
    aligned(
      columns,
      columns.map(({ name }) => name),
    ),
  ]
}

const row = (result: Measurement): string[] => [
  result.model,
  String(result.batchSize),
  grouped(result.parameters),
  milliseconds(result.medianSeconds),
  milliseconds(result.fastestSeconds),
  rounded(result.batchSize / result.medianSeconds),
  bytes(result.peakBytes),
]

const milliseconds = (seconds: number): string => `${rounded(1000 * seconds)} ms`

function sayKernels({ say }: Context, kernels: readonly KernelTime[], step: number): void {
  const rows = kernels.map(({ kernel, size, height, width, calls, seconds, flops, bytes }) => [
    `  ${kernel}${size === null ? '' : ` ${size}x${size}`}${height === null ? '' : ` at ${height}x${width}`}`,
    `${calls}`,
    milliseconds(seconds),
    share(seconds / step),
    flops > 0 ? rounded(flops / seconds / 1e9) : '',
    rounded(bytes / seconds / 1e9),
  ])
  const rest = step - kernels.reduce((sum, { seconds }) => sum + seconds, 0)
  rows.push([
    '  all else: images, copies, waiting',
    '',
    milliseconds(Math.max(0, rest)),
    share(Math.max(0, rest) / step),
  ])
  const names = ['', 'calls', 'of a step', 'share', 'GFLOP/s', 'GB/s']
  say(`\n${table([names, ...rows], [false, true, true, true, true, true])}\n`)
}

const share = (part: number): string => `${(100 * part).toFixed(1)} %`
