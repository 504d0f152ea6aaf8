// The lines of a run's log, and only those: what is not a whole line of JSON of a known type is null.
import type { EndEvent, EpochEvent, StartEvent, StepEvent, StopEvent, WarningEvent } from '../training/events.js'

/** As written: without what a log line leaves out; `memoryBytes` is younger than the first logs. */
type LoggedStep = Omit<StepEvent, 'running' | 'batchesPerEpoch' | 'memoryBytes'> & { readonly memoryBytes?: number }
type LoggedEpoch = Omit<EpochEvent, 'memoryBytes'> & { readonly memoryBytes?: number }
export type LogLine = { readonly time: string } & (
  | StartEvent
  | LoggedStep
  | LoggedEpoch
  | WarningEvent
  | StopEvent
  | EndEvent
)

/** What must be there for a line to be used; what else there is may be missing in a damaged or older log. */
const NUMBERS = {
  start: ['epochs', 'batchesPerEpoch', 'epoch', 'step'],
  step: ['epoch', 'batch', 'step', 'loss', 'top1Error', 'learningRate', 'images', 'seconds'],
  epoch: ['epoch', 'epochs', 'step', 'learningRate', 'seconds', 'testSeconds'],
  warning: [],
  stop: [],
  end: [],
} as const satisfies Record<LogLine['type'], readonly string[]>

/** `unknown`: an event of another type, which is none of our business; null: damaged. */
export function parseLogLine(text: string): LogLine | 'unknown' | null {
  // Large events of no interest here need not be parsed.
  const type = /"type":"([\w-]+)"/.exec(text.slice(0, 100))?.[1]
  if (type !== undefined && !(type in NUMBERS)) return text.endsWith('}') ? 'unknown' : null
  let line: Record<string, unknown>
  try {
    line = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof line !== 'object' || line === null || typeof line.type !== 'string') return null
  if (!(line.type in NUMBERS)) return 'unknown'
  for (const name of NUMBERS[line.type as LogLine['type']]) if (typeof line[name] !== 'number') return null
  if (line.type === 'epoch' && (typeof line.train !== 'object' || line.train === null)) return null
  return line as unknown as LogLine
}
