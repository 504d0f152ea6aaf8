// Reads event files of TensorBoard with nothing of our own: records, then the few fields of their protocol buffers.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PbfReader } from 'pbf'

export interface ReadEvent {
  step: number
  version?: string
  start?: boolean
  scalars: Record<string, number>
  /** Names of images and histograms. */
  others: string[]
}

/** Of all event files in a folder, in the order of their names. */
export function readEvents(folder: string): ReadEvent[] {
  const files = readdirSync(folder)
    .filter(name => name.startsWith('events.out.tfevents.'))
    .sort()
  return files.flatMap(name => records(readFileSync(join(folder, name))).map(event))
}

/** A torn record at the end is none, as for TensorBoard. */
function records(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at + 12 <= bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at))
    if (at + 16 + length > bytes.length) break
    found.push(bytes.subarray(at + 12, at + 12 + length))
    at += 16 + length
  }
  return found
}

function event(bytes: Buffer): ReadEvent {
  const read: ReadEvent = { step: 0, scalars: {}, others: [] }
  new PbfReader(bytes).readFields((field, result, pbf) => {
    if (field === 2) result.step = pbf.readVarint()
    if (field === 3) result.version = pbf.readString()
    if (field === 7) pbf.readMessage(session, result)
    if (field === 5) pbf.readMessage((_, __, summary) => summary.readMessage(value, { result, tag: '' }), null)
  }, read)
  return read
}

function session(field: number, result: ReadEvent, pbf: PbfReader): void {
  if (field === 1) result.start = pbf.readVarint() === 1
}

function value(field: number, found: { result: ReadEvent; tag: string }, pbf: PbfReader): void {
  if (field === 1) found.tag = pbf.readString()
  if (field === 2) found.result.scalars[found.tag] = pbf.readFloat()
  if (field === 4 || field === 5) found.result.others.push(found.tag)
}

/** What TensorBoard keeps of them: a start voids what came before from its step on. */
export function kept(events: readonly ReadEvent[], tag: string): { step: number; value: number }[] {
  let values: { step: number; value: number }[] = []
  for (const { step, start, scalars } of events) {
    if (start) values = values.filter(point => point.step < step)
    if (tag in scalars) values.push({ step, value: scalars[tag]! })
  }
  return values
}
