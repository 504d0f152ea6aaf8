// The lines of a run's log: one JSON object for every step and epoch.
import type { TrainingEvent } from '../training/events.js'

/** The line of an event; empty where it is worth none. */
export function logLine(event: TrainingEvent): string {
  const record = logged(event)
  if (record === null) return ''
  const line = { time: new Date().toISOString(), ...record }
  return `${JSON.stringify(line, event.type === 'layers' ? brief : undefined)}\n`
}

/** Of a piece of a log: where its last whole line ends, and the last step in its lines; null: there is none. */
export function lastWholeLine(bytes: Uint8Array): { end: number; lastStep: number | null } {
  const end = bytes.lastIndexOf(0x0a) + 1
  const steps = [...new TextDecoder().decode(bytes.subarray(0, end)).matchAll(/"type":"step",.*?"step":(\d+)/g)]
  const last = steps.at(-1)?.[1]
  return { end, lastStep: last === undefined ? null : Number(last) }
}

/** Statistics of hundreds of tensors: six digits will do, and are half as long. */
function brief(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value
}

/** What of an event is worth a line. */
function logged(event: TrainingEvent): object | null {
  if (event.type === 'checkpoint' || event.type === 'evaluation' || event.type === 'features') return null
  if (event.type !== 'step') return event
  const { running: _, batchesPerEpoch: __, ...step } = event
  return step
}
