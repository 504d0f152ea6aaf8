// densenet export-log: a run's log for other programs.
import { Command, Option } from 'commander'
import { exportLog, type LogFormat, logFormats } from '../../entries/runs.js'
import { createContext } from '../context.js'
import { choiceOption, type OutputFlags, outputOptions } from '../options.js'

interface ExportFlags extends OutputFlags {
  readonly to: LogFormat
  readonly output?: string
}

export function exportLogCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('export-log')
    .description("write a run's log for other programs: event files of TensorBoard, tables as CSV or JSON lines")
    .argument('<run>', "a run's folder")
  const options = [
    choiceOption('--to <format>', 'what to write', logFormats).makeOptionMandatory(),
    new Option('--output <folder>', 'where; default: a folder of the name of the format, in the run'),
    ...outputOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      '\nExamples:\n  densenet export-log runs/a --to tensorboard\n  densenet export-log runs/a --to csv --output tables',
    )
    .action(async (run: string, flags: ExportFlags) => finish(await exportRun(run, flags)))
}

async function exportRun(run: string, flags: ExportFlags): Promise<number> {
  const { out, say, warn } = createContext(flags)
  const { files, damaged } = await exportLog(run, flags.to, flags.output)
  if (damaged > 0) warn(`${damaged} line${damaged > 1 ? 's' : ''} of the log could not be read and were left out`)
  if (flags.json) out.write(`${JSON.stringify({ run, format: flags.to, files, damaged })}\n`)
  for (const file of files) say(`written: ${file}`)
  return 0
}
