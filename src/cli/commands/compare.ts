// densenet compare: how runs differ, in what was asked for and in how they went.
import { Command } from 'commander'
import { type ComparedRun, compareRuns, differences } from '../../entries/runs.js'
import { usageError } from '../../errors.js'
import { createContext } from '../context.js'
import { bytes, duration, table } from '../format.js'
import { type OutputFlags, outputOptions } from '../options.js'
import { plot } from '../plot.js'
import { judged } from '../scores.js'
import type { Terminal } from '../terminal.js'

export function compareCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('compare')
    .description('how runs differ: settings, curves, scores, time')
    .argument('<runs...>', 'two folders of runs or more')
  for (const option of outputOptions()) command.addOption(option)
  return command
    .addHelpText('after', '\nExamples:\n  densenet compare runs/a runs/b\n  densenet compare runs/* --json')
    .action(async (paths: string[], flags: OutputFlags) => finish(await compare(paths, flags)))
}

const MOST = 26

async function compare(paths: readonly string[], flags: OutputFlags): Promise<number> {
  const { out, say } = createContext(flags)
  if (paths.length < 2)
    throw usageError('one run alone cannot be compared', 'name two or more; densenet runs lists them')
  if (paths.length > MOST) throw usageError(`${paths.length} runs are too many: at most ${MOST} can be compared`)
  const compared = await compareRuns(paths)
  if (flags.json) {
    const runs = compared.map(({ settings, ...run }) => ({ ...run, settings: Object.fromEntries(settings) }))
    out.write(`${JSON.stringify({ runs, differences: Object.fromEntries(differences(compared)) })}\n`)
    return 0
  }
  for (const line of lines(compared, out)) say(line)
  return 0
}

const letter = (i: number): string => String.fromCharCode(65 + i)

function lines(runs: readonly ComparedRun[], terminal: Terminal): string[] {
  return [
    ...runs.map(({ path, summary }, i) => `${letter(i)}   ${path}   ${summary.state}`),
    ...titled('settings that differ', settingsTable(runs)),
    ...METRICS.flatMap(metric => titled(metric.title, curves(runs, metric, terminal))),
    ...titled('by the test or validation images, after so many epochs', milestones(runs)),
    ...titled('in all', totals(runs)),
  ]
}

const titled = (title: string, body: readonly string[]): string[] => (body.length === 0 ? [] : ['', title, ...body])
const tableLines = (rows: readonly (readonly string[])[]): string[] =>
  table(
    rows,
    rows[0]!.map((_, i) => i > 0),
  ).split('\n')

function settingsTable(runs: readonly ComparedRun[]): string[] {
  const rows = [...differences(runs)].map(([name, values]) => [name, ...values.map(value => shown(value))])
  return rows.length === 0 ? ['none'] : tableLines([['', ...runs.map((_, i) => letter(i))], ...rows])
}

const LONGEST = 40
function shown(value: unknown): string {
  if (value === undefined) return '-'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
}

interface Metric {
  readonly title: string
  readonly of: (epoch: ComparedRun['epochs'][number]) => number | undefined
}

const inPercent = (share: number | null | undefined): number | undefined => (share == null ? undefined : 100 * share)

const METRICS: readonly Metric[] = [
  { title: 'training loss by epoch', of: ({ train }) => train.loss },
  { title: 'test or validation loss by epoch', of: ({ test }) => test?.loss },
  { title: 'training error by epoch, %', of: ({ train }) => train.top1Error },
  { title: 'test or validation error by epoch, %', of: ({ test }) => test?.top1Error },
  { title: 'test or validation mean AP by epoch, %', of: ({ test }) => inPercent(test?.meanAveragePrecision) },
  { title: 'test or validation mean IoU by epoch, %', of: ({ test }) => inPercent(test?.meanIou) },
]

const PLOT = { width: 72, height: 10 }
const MARGIN = 10

function curves(runs: readonly ComparedRun[], { of }: Metric, { live, columns }: Terminal): string[] {
  const width = live ? Math.max(10, Math.min(PLOT.width, columns() - MARGIN)) : PLOT.width
  const all = runs.map(({ epochs }, i) => ({
    letter: letter(i),
    points: epochs.map(epoch => ({ x: epoch.epoch, y: of(epoch) ?? Number.NaN })),
  }))
  return plot(all, { ...PLOT, width })
}

/** The first epoch, and quarters of the longest run. */
function milestones(runs: readonly ComparedRun[]): string[] {
  const longest = Math.max(0, ...runs.map(({ summary }) => summary.epochsDone))
  if (longest === 0) return []
  const at = [...new Set([1, ...[0.25, 0.5, 0.75, 1].map(share => Math.max(1, Math.round(share * longest)))])]
  const rows = at.map(number => [
    String(number),
    ...runs.map(({ epochs }) => {
      const test = epochs.find(({ epoch }) => epoch === number)?.test
      return test ? judged(test) : ''
    }),
  ])
  return tableLines([['', ...runs.map((_, i) => letter(i))], ...rows])
}

function totals(runs: readonly ComparedRun[]): string[] {
  const score = (value: ComparedRun['summary']['last']): string =>
    value ? `${judged(value)} (epoch ${value.epoch})` : ''
  const rows: readonly (readonly [string, (run: ComparedRun) => string])[] = [
    ['last', ({ summary }) => score(summary.last)],
    ['best, so optimistic', ({ summary }) => score(summary.best)],
    ['judged on', ({ summary }) => `${summary.on} images`],
    ['epochs', ({ summary }) => `${summary.epochsDone}/${summary.epochs ?? '?'}`],
    ['parameters', ({ summary }) => summary.parameters?.toLocaleString('en-US') ?? ''],
    ['training', ({ trainSeconds }) => duration(trainSeconds)],
    ['testing', ({ testSeconds }) => duration(testSeconds)],
    ['images/s', ({ imagesPerSecond }) => (imagesPerSecond === null ? '' : imagesPerSecond.toFixed(1))],
    ['size', ({ summary }) => bytes(summary.bytes)],
  ]
  return tableLines([['', ...runs.map((_, i) => letter(i))], ...rows.map(([name, of]) => [name, ...runs.map(of)])])
}
