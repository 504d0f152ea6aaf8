// A run's log for other programs: event files of TensorBoard, or tables of its epochs and steps as CSV or JSON lines.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseNetError } from '../errors.js'
import { LOG_FILE } from '../fitting/run-files.js'
import { encodeEvent, encodeRecord } from '../interop/tensorboard.js'
import { fileError, writeFileAtomically } from '../node/files.js'
import { nextEventFile, refuseEventFiles } from './board-log.js'
import { boardEvent } from './board-values.js'
import { type LogLine, readLog } from './log-lines.js'
import { readSettings } from './run-settings.js'
import { type EpochLine, readCourse } from './run-summary.js'

/** All formats that logs are written in. */
export const logFormats = ['tensorboard', 'csv', 'jsonl'] as const
/** A format that logs are written in. */
export type LogFormat = (typeof logFormats)[number]

export interface ExportedLog {
  readonly files: readonly string[]
  /** Lines of the log that could not be read and were left out. */
  readonly damaged: number
}

type StepLine = Extract<LogLine, { readonly type: 'step' }>
type Columns<T> = Readonly<Record<string, (line: T) => string | number | boolean | null>>

/** Of epochs.csv and epochs.jsonl. Losses are means over images, errors percent, means over classes 0 .. 1. */
export const EPOCH_COLUMNS: Columns<EpochLine> = {
  epoch: line => line.epoch,
  step: line => line.step,
  time: line => line.time,
  learning_rate: line => line.learningRate,
  train_loss: line => line.train.loss,
  train_top1_error: line => line.train.top1Error,
  train_top5_error: line => line.train.top5Error,
  train_mean_iou: line => line.train.meanIou ?? null,
  judged_on: line => line.on,
  test_loss: line => line.test?.loss ?? null,
  test_top1_error: line => line.test?.top1Error ?? null,
  test_top5_error: line => line.test?.top5Error ?? null,
  test_mean_iou: line => line.test?.meanIou ?? null,
  test_mean_ap: line => line.test?.meanAveragePrecision ?? null,
  test_mean_auc: line => line.test?.meanAuc ?? null,
  best_epoch: line => line.best?.epoch ?? null,
  best_top1_error: line => line.best?.top1Error ?? null,
  train_seconds: line => line.seconds,
  test_seconds: line => line.testSeconds,
  waiting_share: line => line.waitingShare,
}

/** Of steps.csv and steps.jsonl. */
export const STEP_COLUMNS: Columns<StepLine> = {
  step: line => line.step,
  epoch: line => line.epoch,
  batch: line => line.batch,
  time: line => line.time,
  learning_rate: line => line.learningRate,
  loss: line => line.loss,
  top1_error: line => line.top1Error,
  images: line => line.images,
  seconds: line => line.seconds,
  waited_seconds: line => line.waitedSeconds,
}

/** Writes the log of the run in `path` into the folder `output`. */
export async function exportLog(path: string, to: LogFormat, output = join(path, to)): Promise<ExportedLog> {
  await readSettings(path)
  const log = join(path, LOG_FILE)
  const { start, epochs } = await readCourse(path)
  if (start === null) throw new DenseNetError(`${log} tells nothing: the run has not begun, or its log is lost`)
  if (to === 'tensorboard') await refuseEventFiles(output)
  await mkdir(output, { recursive: true }).catch(error => {
    throw fileError(error, `making the folder ${output}`)
  })
  let damaged = 0
  const onDamaged = (): void => void damaged++
  if (to === 'tensorboard') {
    const file = await nextEventFile(output)
    await writeFileAtomically(file, records(log, onDamaged))
    return { files: [file], damaged }
  }
  const [epochFile, stepFile] = [join(output, `epochs.${to}`), join(output, `steps.${to}`)]
  await writeFileAtomically(epochFile, rows(epochs, EPOCH_COLUMNS, to))
  await writeFileAtomically(stepFile, rows(readLog(log, ['step'], onDamaged), STEP_COLUMNS, to))
  return { files: [epochFile, stepFile], damaged }
}

async function* records(log: string, onDamaged: () => void): AsyncGenerator<Uint8Array> {
  let first = true
  for await (const line of readLog(log, ['start', 'step', 'epoch', 'layers'], onDamaged)) {
    const seconds = Date.parse(line.time) / 1000
    if (first) yield encodeRecord(encodeEvent({ version: true }, seconds))
    first = false
    const event = boardEvent(line)
    if (event) yield encodeRecord(encodeEvent(event, seconds))
  }
}

async function* rows<T>(
  lines: Iterable<T> | AsyncIterable<T>,
  columns: Columns<T>,
  to: 'csv' | 'jsonl',
): AsyncGenerator<string> {
  const names = Object.keys(columns)
  if (to === 'csv') yield `${names.join(',')}\n`
  for await (const line of lines) {
    const values = Object.values(columns).map(of => of(line))
    // No value holds a comma, a quote or a line's end.
    if (to === 'csv') yield `${values.map(value => value ?? '').join(',')}\n`
    else yield `${JSON.stringify(Object.fromEntries(names.map((name, i) => [name, values[i]])))}\n`
  }
}
