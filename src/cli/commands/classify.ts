// densenet classify: what is on images, by the network that comes with the package or any other.
import { Command } from 'commander'
import { createBackend, weightsOf } from '../../entries/engine.js'
import { checkNormalisation, inputPreprocessing } from '../../entries/images.js'
import { type Answer, type Classifier, classifyImages, classNames, createRunner } from '../../entries/inference.js'
import { refuseHeadless } from '../../entries/interop.js'
import { describe } from '../../entries/model.js'
import { openNetwork } from '../../entries/networks.js'
import { isMultiLabel } from '../../entries/runs.js'
import type { Preprocessing } from '../../index.js'
import { withCleanup } from '../../util/cleanup.js'
import { type Context, createContext } from '../context.js'
import { fetching } from '../fetching.js'
import { grouped, percent, rounded, table } from '../format.js'
import { listed, opened } from '../image-arguments.js'
import { modelOption } from '../model-argument.js'
import { type ComputeFlags, type OutputFlags, wholeOption } from '../options.js'
import { withSignals } from '../signals.js'
import { openOptions, tellReport, useOptions, type WeightFlags } from '../weight-options.js'

interface ClassifyFlags extends Omit<ComputeFlags, 'loaderThreads'>, OutputFlags, WeightFlags {
  readonly model: string
  readonly top: number
  readonly batchSize: number
}

export function classifyCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('classify')
    .description('say what is on images: the likeliest classes with their probabilities')
    .argument('<image...>', 'JPEG, PNG, WebP, GIF or TIFF files, folders of them, or - for an image on standard input')
  const options = [
    modelOption(),
    wholeOption('--top <n>', 'how many classes of each image').default(5),
    wholeOption('--batch-size <n>', 'images at a time').default(16),
    ...useOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  densenet classify photo.jpg
  densenet classify --model densenet121 --top 3 holidays/
  densenet classify --model runs/a *.png --json
  densenet classify - < photo.jpg`,
    )
    .action(async (images: string[], flags: ClassifyFlags) => finish(await classify(images, flags)))
}

function classify(given: readonly string[], flags: ClassifyFlags): Promise<number> {
  const context = createContext(flags)
  return withSignals(
    () => {},
    ({ signal }) =>
      withCleanup(async later => {
        const images = await listed(given)
        const inputs = await Promise.all(images.map(opened))
        const { classifier, close } = await makeClassifier(
          flags,
          context,
          Math.min(flags.batchSize, images.length),
          signal,
        )
        later(close)
        const times = { reading: 0, network: 0 }
        const start = performance.now()
        const failed: string[] = []
        for await (const answer of classifyImages(inputs, classifier, { top: flags.top, signal }, times)) {
          tell(images[answer.index]!, answer, context)
          if ('doubt' in answer && answer.doubt && !flags.json) context.warn(`${images[answer.index]}: ${answer.doubt}`)
          if ('reason' in answer) failed.push(`${images[answer.index]}: ${answer.reason}`)
        }
        const seconds = (performance.now() - start) / 1000
        tellTimes({ images: images.length, failed: failed.length, seconds, ...times }, context)
        if (failed.length === 0) return 0
        if (!flags.json) context.warn(failures(failed, images.length))
        return 1
      }),
  )
}

async function makeClassifier(
  flags: ClassifyFlags,
  context: Context,
  batchSize: number,
  signal: AbortSignal,
): Promise<{ classifier: Classifier; close: () => Promise<void> }> {
  const { fetch, end } = fetching(flags, context, signal)
  const open = { ...openOptions(flags, null), fetch }
  const { checkpoint, name, report } = await openNetwork(flags.model, open, context.warn).finally(end)
  const { config, classes, normalisation, preprocessing } = checkpoint
  refuseHeadless(report, 'classifying')
  checkNormalisation(checkpoint)
  if (report) tellReport(flags.model, report, config, context.say)
  else {
    const how = checkpoint.quantization ? `, ${checkpoint.quantization.length} layers in int8` : ''
    context.say(`${name ?? flags.model}: ${describe(config)}, ${config.classes} classes${how}`)
  }
  if (classes.length === 0 && classNames(classes, config).length > 0)
    context.say("  assumed: the classes are ImageNet's, in the usual order")
  const grey = config.inputChannels === 1 ? "; colours become grey as Pillow's L" : ''
  context.say(`images: ${described(inputPreprocessing(checkpoint))}${grey}\n`)
  const { backend, threads, adapter, precision } = flags
  const on = await createBackend({ backend, threads, adapter, precision, onWarning: context.warn })
  try {
    const { quantization } = checkpoint
    const runner = await createRunner({
      config,
      state: weightsOf(checkpoint.state),
      quantization,
      backend: on,
      batchSize,
    })
    const classifier = { config, classes, normalisation, preprocessing, multiLabel: isMultiLabel(checkpoint), runner }
    return { classifier, close: () => runner.dispose().finally(() => on.dispose()) }
  } catch (error) {
    on.dispose()
    throw error
  }
}

function described({ resize, crop, interpolation }: Preprocessing): string {
  return `the shorter side is scaled to ${resize} pixels (${interpolation}), the middle ${crop} x ${crop} cut out`
}

/** The likeliest class beside the image's name, or several below it. */
function tell(image: string, answer: Answer, { flags, out, say }: Context): void {
  const { reason, predictions, doubt } = { reason: undefined, predictions: undefined, doubt: undefined, ...answer }
  const about = predictions ? { predictions, warning: doubt } : { error: reason }
  if (flags.json) out.write(`${JSON.stringify({ image, ...about })}\n`)
  if (predictions === undefined) return
  const rows = predictions.map(({ label, probability }) => [percent(100 * probability), label])
  if (rows.length === 1) say(`${image}   ${rows[0]![1]}   ${rows[0]![0]}`)
  else
    say(
      `${image}\n${table(
        rows.map(row => ['', ...row]),
        [false, true, false],
      )}\n`,
    )
}

interface Times {
  readonly images: number
  readonly failed: number
  /** By the clock. */
  readonly seconds: number
  readonly reading: number
  readonly network: number
}

function tellTimes({ images, failed, seconds, reading, network }: Times, { flags, out, say }: Context): void {
  const read = images - failed
  if (flags.json) {
    out.write(`${JSON.stringify({ images, failed, seconds: { reading, network, all: seconds } })}\n`)
    return
  }
  if (read === 0) return
  const each = (time: number): string => `${rounded((1000 * time) / Math.max(1, images))} ms an image`
  const rows = [
    ['reading and scaling', each(reading)],
    ['network', each(network)],
    [`all ${grouped(read)} image${read === 1 ? '' : 's'}`, `${rounded(read / seconds)} images/s`],
  ]
  say(table(rows, [false, true]))
}

function failures(failed: readonly string[], images: number): string {
  const count = images === 1 ? 'the image' : `${grouped(failed.length)} of ${grouped(images)} images`
  return `${count} could not be read\n${failed.map(line => `  ${line}`).join('\n')}`
}
