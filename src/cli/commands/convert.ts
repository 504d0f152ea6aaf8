// densenet convert: weights of any known format, or a run's, into the files of other programs.
import { resolve } from 'node:path'
import { Command } from 'commander'
import { exportFormat, exportFormats, onnxPrecisions } from '../../entries/interop.js'
import { parameterError, usageError } from '../../errors.js'
import { DenseNet, type ExportFormat, type OnnxPrecision } from '../../index.js'
import { createContext } from '../context.js'
import { fetching } from '../fetching.js'
import { choiceOption, type OutputFlags, outputOptions } from '../options.js'
import { openOptions, tellReport, type WeightFlags, weightOptions } from '../weight-options.js'

interface ConvertFlags extends OutputFlags, WeightFlags {
  readonly to?: ExportFormat
  readonly precision: OnnxPrecision
  readonly fold: boolean
  readonly size?: { height: number; width: number }
}

export function convertCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('convert')
    .description('write a network for other programs: safetensors, PyTorch, timm, ONNX, transformers.js')
    .argument('<in>', 'a run, a checkpoint, or weights of PyTorch, Keras, Caffe, MXNet and others')
    .argument('<out>', 'NAME.safetensors, NAME.pth, NAME.onnx, or a new folder with --to timm or transformers.js')
    .option('--no-fold', 'onnx: keep every batch norm instead of folding those that can be')
    .option(
      '--size <h x w>',
      'onnx, timm: pixels of an image, such as 224x224; default: what the weights tell',
      imageSize,
    )
  const options = [
    choiceOption('--to <format>', 'default: by the ending of the name', exportFormats),
    choiceOption('--precision <p>', 'onnx: of the weights', onnxPrecisions).default('float32'),
    ...weightOptions(),
    ...outputOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  densenet convert runs/a model.onnx
  densenet convert densenet121-a639ec97.pth model.safetensors
  densenet convert keras.weights.h5 folder --to timm`,
    )
    .action(async (from: string, to: string, flags: ConvertFlags) => finish(await convert(from, to, flags)))
}

async function convert(from: string, path: string, flags: ConvertFlags): Promise<number> {
  const context = createContext(flags)
  const { out, say, warn } = context
  const { precision, fold, size, to = exportFormat(path) } = flags
  if (resolve(from) === resolve(path))
    throw usageError(`${path} cannot be read and written at once`, 'choose another name')
  const { fetch, end } = fetching(flags, context)
  const network = await DenseNet.load(from, { ...openOptions(flags, null), ...size, fetch, onWarning: warn }).finally(
    end,
  )
  if (network.imported) tellReport(from, network.imported, network.config, say)
  await network.export(path, { to, precision, fold, size })
  if (flags.json)
    out.write(`${JSON.stringify({ from, path, format: to, config: network.config, report: network.imported })}\n`)
  say(`written: ${path} (${to}${to === 'onnx' ? `, ${precision}${fold ? ', batch norms folded' : ''}` : ''})`)
  return 0
}

/** "224x224" or "224" */
function imageSize(text: string): { height: number; width: number } {
  const found = /^(\d{1,5})(?:\s*x\s*(\d{1,5}))?$/.exec(text.trim())
  if (!found) throw parameterError('--size', 'pixels such as 224x224', text)
  return { height: Number(found[1]), width: Number(found[2] ?? found[1]) }
}
