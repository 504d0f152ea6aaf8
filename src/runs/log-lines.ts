// Reading a run's log. A line that is torn or damaged is no line; whoever cares hears how many there were.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { errorCode, fileError } from '../node/files.js'
import type {
  EndEvent,
  EpochEvent,
  LayersEvent,
  StartEvent,
  StepEvent,
  StopEvent,
  WarningEvent,
} from '../training/events.js'

/** `memoryBytes` is younger than the first logs. */
type Younger<T extends { readonly memoryBytes: number }> = Omit<T, 'memoryBytes'> & { readonly memoryBytes?: number }
/** Without what a log line leaves out. */
export type LoggedStep = Younger<Omit<StepEvent, 'running' | 'batchesPerEpoch'>>
type Logged = StartEvent | LoggedStep | Younger<EpochEvent> | LayersEvent | WarningEvent | StopEvent | EndEvent
/** A line of log.jsonl: an event, and when it was (ISO 8601). */
export type LogLine = { readonly time: string } & Logged
export type LogType = LogLine['type']
export type LineOf<T extends LogType> = Extract<LogLine, { readonly type: T }>

/** The numbers without which a line is damaged. */
const NUMBERS: Readonly<Record<LogType, readonly string[]>> = {
  start: ['epochs', 'batchesPerEpoch', 'trainImages', 'epoch', 'batch', 'step'],
  step: ['epoch', 'batch', 'step', 'learningRate', 'loss', 'top1Error', 'images', 'seconds', 'waitedSeconds'],
  epoch: ['epoch', 'epochs', 'step', 'learningRate', 'seconds', 'testSeconds', 'waitingShare'],
  layers: ['epoch', 'step'],
  warning: [],
  stop: ['epoch', 'batch', 'step'],
  end: [],
}
/** And what else must be there, if only as null. */
const PARTS: Partial<Record<LogType, readonly string[]>> = {
  start: ['network', 'recipe', 'compute'],
  epoch: ['train', 'test', 'best'],
  layers: ['tensors'],
  end: ['final', 'best'],
}

const isLogType = (type: string): type is LogType => Object.hasOwn(NUMBERS, type)

const ALL = Object.keys(NUMBERS) as readonly LogType[]

/** A line of one of these types. `other`: of another type, perhaps one that this version does not know; null: damaged. */
export function parseLogLine<T extends LogType = LogType>(
  text: string,
  types: readonly T[] = ALL as readonly T[],
): LineOf<T> | 'other' | null {
  const wanted: readonly string[] = types
  // The type is near the beginning of a line: long ones of other types need not be read to the end.
  const type = /"type":"([\w-]+)"/.exec(text.slice(0, 100))?.[1]
  if (type !== undefined && !wanted.includes(type)) return text.endsWith('}') ? 'other' : null
  let line: Record<string, unknown>
  try {
    line = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof line !== 'object' || line === null) return null
  const { type: own, time } = line
  if (typeof own !== 'string' || !isLogType(own) || !Number.isFinite(Date.parse(String(time)))) return null
  if (!wanted.includes(own)) return 'other'
  if (NUMBERS[own].some(name => typeof line[name] !== 'number')) return null
  if (PARTS[own]?.some(name => typeof line[name] !== 'object')) return null
  return line as unknown as LineOf<T>
}

/** The lines of these types, in their order; none when there is no log. `onDamaged` hears of each line that is none. */
export async function* readLog<T extends LogType>(
  path: string,
  types: readonly T[],
  onDamaged: () => void = () => {},
): AsyncGenerator<LineOf<T>> {
  const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 })
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (text === '') continue
      const line = parseLogLine(text, types)
      if (line === null) onDamaged()
      else if (line !== 'other') yield line
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileError(error, `reading ${path}`)
  } finally {
    stream.destroy()
  }
}
