// densenet devices: what there is to compute on, and why something is missing.
import { Command } from 'commander'
import { type DeviceReport, devices } from '../../entries/engine.js'
import { createContext } from '../context.js'
import { bytes, table } from '../format.js'

export function devicesCommand(finish: (exitCode: number) => void): Command {
  return new Command('devices')
    .description('what there is to compute on: instruction sets of the processor, GPUs with their numbers')
    .option('--json', 'print JSON')
    .option('--debug', 'show where an error came from')
    .addHelpText('after', '\nExamples:\n  densenet devices')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { out } = createContext({ json })
      const report = await devices()
      out.write(json ? `${JSON.stringify(report)}\n` : `${described(report)}\n`)
      finish(0)
    })
}

function described({ native, wasm, gpus }: DeviceReport): string {
  const engines = [
    ['native', native.missing ?? native.instructionSets.join(', ')],
    ...native.taken.map(({ precision, instructionSet, why }) => [
      `  ${precision}`,
      instructionSet === null ? why : `${instructionSet}: ${why}`,
    ]),
    ['wasm', wasm.missing ?? wasm.builds.join(', ')],
  ]
  const adapters = gpus.adapters.map(({ title, software, largestBuffer, largestBinding, features }, number) => [
    `webgpu ${number}`,
    software ? `${title} (software)` : title,
    `buffers up to ${bytes(largestBuffer)}, ${bytes(largestBinding)} at once`,
    features.join(', '),
  ])
  const missing = gpus.missing === null ? [] : [['webgpu', gpus.missing]]
  return [
    table(engines, [false, false]),
    ...[adapters, missing]
      .filter(rows => rows.length > 0)
      .map(rows =>
        table(
          rows,
          rows[0]!.map(() => false),
        ),
      ),
  ].join('\n')
}
