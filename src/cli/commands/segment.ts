// densenet segment: what each pixel of images is of, as pictures.
import { mkdir } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { Command, Option } from 'commander'
import { createBackend, weightsOf } from '../../entries/engine.js'
import {
  colourOf,
  colourText,
  createSegmenter,
  maskPicture,
  overlayPicture,
  readImage,
  type Segmentation,
  sharesOf,
} from '../../entries/inference.js'
import { openNetwork } from '../../entries/networks.js'
import { usageError } from '../../errors.js'
import { fileError, writeFileAtomically } from '../../node/files.js'
import { withCleanup } from '../../util/cleanup.js'
import { type Context, createContext } from '../context.js'
import { percent, rounded, table } from '../format.js'
import { listed, opened } from '../image-arguments.js'
import { type ComputeFlags, computeOptions, type OutputFlags, outputOptions } from '../options.js'
import { statisticsOption, takesOwn } from '../pixel-options.js'
import { openOptions, tellReport, type WeightFlags, weightOptions } from '../weight-options.js'

interface SegmentFlags extends ComputeFlags, OutputFlags, WeightFlags {
  readonly model: string
  readonly output: string
  readonly statistics?: string
}

export function segmentCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('segment')
    .description('say what each pixel of images is of: a mask and an overlay for each, as PNG files')
    .argument('<image...>', 'JPEG, PNG, WebP, GIF or TIFF files of any size, or folders of them')
    .requiredOption(
      '--model <run-or-checkpoint>',
      'a run of an FC-DenseNet, one of its checkpoints, or weights of PyTorch or safetensors',
    )
  const options = [
    new Option('--output <folder>', 'where the pictures are written').default('segmented'),
    statisticsOption(),
    ...weightOptions(),
    ...computeOptions(),
    ...outputOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  densenet segment --model runs/a street.png
  densenet segment --model runs/a/best.safetensors --output masks CamVid/test`,
    )
    .action(async (images: string[], flags: SegmentFlags) => finish(await segment(images, flags)))
}

function segment(given: readonly string[], flags: SegmentFlags): Promise<number> {
  const context = createContext(flags)
  return withCleanup(async later => {
    const images = await listed(given)
    const names = distinct(images)
    const { checkpoint, report } = await openNetwork(flags.model, openOptions(flags, null), context.warn)
    if (report) tellReport(flags.model, report, checkpoint.config, context.say)
    const { config, classes, normalisation, preprocessing } = checkpoint
    const { backend, threads, adapter, precision } = flags
    const on = await createBackend({ backend, threads, adapter, precision, onWarning: context.warn })
    later(() => on.dispose())
    const ownStatistics = takesOwn(flags.statistics, checkpoint)
    const network = {
      config,
      normalisation,
      preprocessing,
      state: weightsOf(checkpoint.state),
      backend: on,
      ownStatistics,
    }
    const segmenter = createSegmenter(network)
    later(() => segmenter.dispose())
    await mkdir(flags.output, { recursive: true }).catch(error => {
      throw fileError(error, `making the folder ${flags.output}`)
    })
    const failed: string[] = []
    for (const [i, path] of images.entries()) {
      const start = performance.now()
      try {
        const image = await readImage(await opened(path))
        const result = await segmenter.segment(image)
        const [mask, overlay] = ['mask', 'overlay'].map(kind => join(flags.output, `${names[i]}.${kind}.png`))
        await writeFileAtomically(mask!, maskPicture(result))
        await writeFileAtomically(overlay!, await overlayPicture(image, result))
        const seconds = (performance.now() - start) / 1000
        tell({ path, mask: mask!, overlay: overlay!, seconds }, result, classes, config.classes, context)
      } catch (error) {
        failed.push(`${path}: ${(error as Error).message}`)
      }
    }
    for (const line of failed) context.warn(line)
    return failed.length > 0 ? 1 : 0
  })
}

/** Names of files without their endings, which must differ. */
function distinct(paths: readonly string[]): string[] {
  const names = paths.map(path => (path === '-' ? 'image' : basename(path, extname(path))))
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice === undefined) return names
  throw usageError(`two of the images are called ${twice}, and so would be their masks`, 'segment one folder at a time')
}

interface Written {
  readonly path: string
  readonly mask: string
  readonly overlay: string
  readonly seconds: number
}

function tell(
  { path, mask, overlay, seconds }: Written,
  result: Segmentation,
  names: readonly string[],
  classes: number,
  { flags, out, say }: Context,
): void {
  const { height, width } = result
  const found = sharesOf(result, classes)
    .map((share, label) => ({ label: names[label] ?? String(label), share, colour: colourOf(label) }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share)
  if (flags.json)
    out.write(`${JSON.stringify({ image: path, height, width, mask, overlay, classes: found, seconds })}\n`)
  const rows = found.map(({ label, share, colour }) => ['', percent(100 * share), label, colourText(colour)])
  say(`${path}   ${width} x ${height}   ${rounded(seconds)} s\n    ${mask}\n    ${overlay}`)
  say(`${table(rows, [false, true, false, false])}\n`)
}
