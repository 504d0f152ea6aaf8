// Event files of TensorBoard: records as in a TFRecord file, each one Event of tensorflow/core/util/event.proto with
// summaries of tensorflow/core/framework/summary.proto. Field numbers are those of the protocol; pbf writes the wire format.
import { PbfWriter } from 'pbf'
import { crc32c } from '../util/crc.js'

export type SummaryValue =
  | { readonly tag: string; readonly scalar: number }
  | { readonly tag: string; readonly image: SummaryImage }
  | { readonly tag: string; readonly histogram: SummaryHistogram }

export interface SummaryImage {
  readonly height: number
  readonly width: number
  readonly png: Uint8Array
}

/** `counts[i]` numbers lie in edges[i] .. edges[i + 1]. */
export interface SummaryHistogram {
  readonly smallest: number
  readonly largest: number
  readonly mean: number
  readonly standardDeviation: number
  readonly edges: readonly number[]
  readonly counts: readonly number[]
}

/** What an event file holds: its version first, then summaries; a start says that steps from this one on are void in the
 * files before. */
export type BoardEvent =
  | { readonly version: true }
  | { readonly start: true; readonly step: number }
  | { readonly step: number; readonly values: readonly SummaryValue[] }

const FILE_VERSION = 'brain.Event:2'
const SESSION_START = 1
const RGB = 3

/** `seconds` since 1970. */
export function encodeEvent(event: BoardEvent, seconds: number): Uint8Array {
  const pbf = new PbfWriter()
  pbf.writeDoubleField(1, seconds)
  if ('version' in event) pbf.writeStringField(3, FILE_VERSION)
  else {
    pbf.writeVarintField(2, event.step)
    if ('start' in event) message(pbf, 7, session => session.writeVarintField(1, SESSION_START))
    else {
      message(pbf, 5, summary => {
        for (const value of event.values) message(summary, 1, inner => writeValue(value, inner))
      })
    }
  }
  return pbf.finish()
}

function message(pbf: PbfWriter, field: number, write: (pbf: PbfWriter) => void): void {
  pbf.writeMessage(field, (_, inner) => write(inner), null)
}

function writeValue(value: SummaryValue, pbf: PbfWriter): void {
  pbf.writeStringField(1, value.tag)
  if ('scalar' in value) pbf.writeFloatField(2, value.scalar)
  else if ('image' in value) message(pbf, 4, image => writeImage(value.image, image))
  else message(pbf, 5, histogram => writeHistogram(value.histogram, histogram))
}

function writeImage({ height, width, png }: SummaryImage, pbf: PbfWriter): void {
  pbf.writeVarintField(1, height)
  pbf.writeVarintField(2, width)
  pbf.writeVarintField(3, RGB)
  pbf.writeBytesField(4, png)
}

/** HistogramProto: the right edge of each bucket and how many are in it. An empty bucket first gives the left edge. */
function writeHistogram(histogram: SummaryHistogram, pbf: PbfWriter): void {
  const { smallest, largest, mean, standardDeviation, edges, counts } = histogram
  const count = counts.reduce((sum, n) => sum + n, 0)
  pbf.writeDoubleField(1, smallest)
  pbf.writeDoubleField(2, largest)
  pbf.writeDoubleField(3, count)
  pbf.writeDoubleField(4, mean * count)
  pbf.writeDoubleField(5, (standardDeviation ** 2 + mean ** 2) * count)
  pbf.writePackedDouble(6, [...edges])
  pbf.writePackedDouble(7, [0, ...counts])
}

/** A record of a TFRecord file: the length as 8 bytes, its checksum, the data, their checksum; little-endian. */
export function encodeRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(16 + data.length)
  const view = new DataView(record.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedChecksum(record.subarray(0, 8)), true)
  record.set(data, 12)
  view.setUint32(12 + data.length, maskedChecksum(data), true)
  return record
}

/** Checksums of data that hold checksums themselves are weak, so they are turned and moved. */
function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
