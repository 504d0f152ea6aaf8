// densenet quantize: a network in int8, with what that does to its answers.
import { stat } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { hasTargets, scorePredictions } from '../../entries/evaluation.js'
import { limitDataset } from '../../entries/images.js'
import { usageError } from '../../errors.js'
import type { Dataset, DenseNet, LayerLoss, Predictions } from '../../index.js'
import { likeliest } from '../../util/ranking.js'
import { createContext } from '../context.js'
import { chooseDataset, DATASETS_HELP, dataReporter, knownDataset, suited } from '../datasets.js'
import { bytes, grouped, percent } from '../format.js'
import { listed } from '../image-arguments.js'
import { loadModel, MODEL_HELP } from '../model-argument.js'
import { type ComputeFlags, type OutputFlags, wholeOption } from '../options.js'
import { withSignals } from '../signals.js'
import { StatusLine } from '../terminal.js'
import { useOptions, type WeightFlags } from '../weight-options.js'

interface QuantizeFlags extends ComputeFlags, OutputFlags, WeightFlags {
  readonly output: string
  readonly dataset?: string
  readonly data?: string
  readonly images: number
  readonly testLimit?: number
}

export function quantizeCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('quantize')
    .description('write a network in int8, which answers faster, and tell what that costs')
    .argument('<model>', MODEL_HELP)
    .requiredOption('--output <file>', 'the network in int8: NAME.safetensors')
  const options = [
    new Option(
      '--data <images>',
      'images like those that it will see: a folder of them, or the name of a data set; with --dataset: where data sets are kept',
    ),
    new Option('--dataset <name>', `${DATASETS_HELP}: layers look at training images, test images tell what it costs`),
    wholeOption('--images <n>', 'how many images its layers look at').default(256),
    wholeOption('--test-limit <n>', 'only n test images, of all classes in proportion'),
    ...useOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  densenet quantize densenet121 --data photos --output densenet121.int8.safetensors
  densenet quantize runs/a --dataset cifar10 --output int8.safetensors
  densenet test int8.safetensors --dataset cifar10
  densenet convert int8.safetensors int8.onnx`,
    )
    .action(async (model: string, flags: QuantizeFlags) => finish(await quantize(model, flags)))
}

/** Images with labels that are split, or some without. */
type Images = { readonly train: Dataset; readonly test: Dataset } | { readonly files: readonly string[] }

async function quantize(path: string, flags: QuantizeFlags): Promise<number> {
  const context = createContext(flags)
  const { out, say, warn } = context
  const { output, json, quiet, backend, threads, adapter } = flags
  if (!output.endsWith('.safetensors')) throw usageError(`${output} must end in .safetensors`)
  const status = new StatusLine(out)
  return withSignals(
    () => {},
    async ({ signal }) => {
      using network = await loadModel(path, flags, context, signal)
      network.requireClassifier('making int8')
      const images = await imagesOf(network, flags, context, signal)
      const compute = { backend, threads, adapter, signal, onWarning: warn }
      const show = (doing: string) => (part: number) =>
        quiet || json || status.show(`${doing} ${percent(100 * part, 0)}`)
      const source = 'files' in images ? images.files.slice(0, flags.images) : images.train
      const made = await network
        .quantize(source, { ...compute, images: flags.images, onProgress: show('looking at layers') })
        .finally(() => status.clear())
      using int8 = made.network
      await int8.save(output)
      const size = (await stat(output)).size
      const compared: Compared =
        'files' in images
          ? await compareAnswers(network, int8, images.files, compute)
          : await compareErrors(network, int8, images.test, { ...compute, onProgress: show('testing') })
      status.clear()
      const floats = made.layers.filter(layer => !layer.int8)
      if (json) out.write(`${JSON.stringify({ output, bytes: size, layers: made.layers, ...compared })}\n`)
      say(
        `${output}: ${made.layers.length - floats.length} of ${made.layers.length} dense layers in int8, ${bytes(size)}`,
      )
      tellLosses(made.layers, say)
      const { images: count, agreement, error } = compared
      say(`the same class as in float32 for ${percent(100 * agreement)} of ${grouped(count)} images`)
      if (error) say(`error: float32 ${percent(error.float32)}, int8 ${percent(error.int8)}`)
      return 0
    },
  )
}

function tellLosses(layers: readonly LayerLoss[], say: (line: string) => void): void {
  const worst = layers.reduce((a, b) => (b.loss > a.loss ? b : a))
  say(`  one layer in int8 changes logits by ${percent(100 * worst.loss)} at most (${worst.name})`)
  for (const { name, loss, int8 } of layers)
    if (!int8) say(`  ${name} stays in float32: it changes them by ${percent(100 * loss)}`)
}

async function imagesOf(
  network: DenseNet,
  flags: QuantizeFlags,
  { out }: ReturnType<typeof createContext>,
  signal: AbortSignal,
): Promise<Images> {
  const { dataset, data, testLimit, quiet, json } = flags
  if (dataset === undefined && data === undefined)
    throw usageError('which images?', 'densenet quantize MODEL --data photos --output int8.safetensors')
  const name = dataset ?? data!
  const known = knownDataset(name) !== null
  if (dataset === undefined && !known) return { files: await listed([name]) }
  const { config, normalisation } = network
  const chosen = suited(await chooseDataset(name, known ? {} : { imageSize: config.height }), { config, normalisation })
  const { onProgress, end } = dataReporter(out, quiet === true || json === true)
  const folder = dataset === undefined ? undefined : data
  const { train, test } = await chosen.splits({ folder, signal, onProgress }).finally(end)
  return { train, test: limitDataset(test, testLimit ?? null) }
}

interface Compared {
  readonly images: number
  /** The share of images whose likeliest class is the same. */
  readonly agreement: number
  /** In percent, where there are labels. */
  readonly error?: { readonly float32: number; readonly int8: number }
}

type Compute = Parameters<DenseNet['predict']>[1]

async function compareErrors(
  network: DenseNet,
  int8: DenseNet,
  test: Dataset,
  compute: Compute & { onProgress: (part: number) => unknown },
): Promise<Compared> {
  const predict = (which: DenseNet, first: number) =>
    which.predict(test, {
      ...compute,
      onProgress: done => void compute.onProgress(first + (0.5 * done) / test.length),
    })
  const [before, after] = [await predict(network, 0), await predict(int8, 0.5)]
  const { images } = before
  const classOf = ({ scores, classes }: Predictions, i: number): number =>
    likeliest(scores.subarray(i * classes, (i + 1) * classes))
  let same = 0
  for (let i = 0; i < images; i++) if (classOf(before, i) === classOf(after, i)) same++
  const agreement = same / images
  // Of images with several labels there is no error of one.
  if (hasTargets(before) || hasTargets(after)) return { images, agreement }
  const errorOf = (found: Predictions): number => scorePredictions(found, test.classes).top1Error
  return { images, agreement, error: { float32: errorOf(before), int8: errorOf(after) } }
}

async function compareAnswers(
  network: DenseNet,
  int8: DenseNet,
  files: readonly string[],
  compute: Compute,
): Promise<Compared> {
  const [before, after] = await Promise.all([network, int8].map(which => which.classify(files, { ...compute, top: 1 })))
  const same = before!.filter(([answer], i) => answer!.index === after![i]![0]!.index).length
  return { images: files.length, agreement: same / files.length }
}
