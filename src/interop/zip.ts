// Zip archives as PyTorch and Keras write them: the central directory is read (local headers may hold no sizes), entries
// are stored or deflated, sizes may be 64 bits long. Nothing is trusted: places must lie in the file and not overlap,
// names must be plain and unique, checksums must agree, and no entry may grow out of proportion when inflated.
import { Inflate } from 'fflate'
import { DenseNetError } from '../errors.js'
import { crc32 } from '../util/crc.js'
import { damaged } from './tensor.js'

export interface ZipEntry {
  readonly name: string
  /** After inflation. */
  readonly size: number
  /** Its bytes, checked. */
  read(): Uint8Array
}

const END = 0x06054b50
const END_64_LOCATOR = 0x07064b50
const END_64 = 0x06064b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
const END_BYTES = 22
const LONGEST_COMMENT = 0xffff
const UNKNOWN_32 = 0xffffffff
/** Weights hardly compress. What stays below the first is small enough not to matter. */
const HARMLESS_BYTES = 16 * 1024 * 1024
const LARGEST_RATIO = 20
/** What is inflated at a time: it grows to a thousand times as much before that is noticed. */
const PIECE = 16 * 1024

const START = Uint8Array.of(0x50, 0x4b, 3, 4)
export const isZip = (bytes: Uint8Array): boolean => START.every((byte, i) => bytes[i] === byte)

/** The entries by name, folders left out. `file` is for the messages. */
export function readZip(bytes: Uint8Array, file: string): ReadonlyMap<string, ZipEntry> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const { start, length, count } = directory(view, file)
  if (count * 46 > length) throw damaged(file, `its directory claims ${count} entries`)
  const entries = new Map<string, ZipEntry>()
  const places: [number, number][] = []
  let at = start
  for (let i = 0; i < count; i++) {
    const entry = centralEntry(bytes, view, at, start + length, file)
    at = entry.next
    const place = dataPlace(bytes, view, entry, start, file)
    places.push(place)
    if (entry.name.endsWith('/')) continue
    if (entries.has(entry.name)) throw damaged(file, `it holds ${entry.name} twice`)
    entries.set(entry.name, { name: entry.name, size: entry.size, read: () => contents(bytes, entry, place, file) })
  }
  places.sort(([a], [b]) => a - b)
  for (const [i, [begin]] of places.entries()) {
    if (i > 0 && begin < places[i - 1]![1]) throw damaged(file, 'entries of the archive overlap')
  }
  return entries
}

function directory(view: DataView, file: string): { start: number; length: number; count: number } {
  let end = view.byteLength - END_BYTES
  const stop = Math.max(0, end - LONGEST_COMMENT)
  while (end >= stop && view.getUint32(end, true) !== END) end--
  if (end < stop) throw damaged(file, 'the archive has no end: the file is cut short')
  let count = view.getUint16(end + 10, true)
  let length = view.getUint32(end + 12, true)
  let start = view.getUint32(end + 16, true)
  if (end >= 20 && view.getUint32(end - 20, true) === END_64_LOCATOR) {
    const large = Number(view.getBigUint64(end - 12, true))
    if (large + 56 > end || view.getUint32(large, true) !== END_64)
      throw damaged(file, 'its 64-bit directory is missing')
    count = Number(view.getBigUint64(large + 32, true))
    length = Number(view.getBigUint64(large + 40, true))
    start = Number(view.getBigUint64(large + 48, true))
  }
  if (start + length > end) throw damaged(file, 'its directory lies outside the file')
  return { start, length, count }
}

interface CentralEntry {
  readonly name: string
  readonly deflated: boolean
  readonly checksum: number
  readonly packed: number
  readonly size: number
  readonly header: number
  readonly next: number
}

function centralEntry(bytes: Uint8Array, view: DataView, at: number, end: number, file: string): CentralEntry {
  if (at + 46 > end || view.getUint32(at, true) !== CENTRAL) throw damaged(file, 'its directory is broken')
  const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map(place => view.getUint16(at + place, true)) as [
    number,
    number,
    number,
  ]
  const next = at + 46 + nameBytes + extraBytes + commentBytes
  if (next > end) throw damaged(file, 'its directory is broken')
  const name = plainName(bytes.subarray(at + 46, at + 46 + nameBytes), file)
  if (view.getUint16(at + 8, true) & 1) throw new DenseNetError(`${file}: ${name} is encrypted`)
  const method = view.getUint16(at + 10, true)
  if (method !== 0 && method !== 8)
    throw new DenseNetError(`${file}: ${name} is compressed in an unknown way (${method})`)
  // Sizes and place that do not fit 32 bits stand in the extra field, in this order.
  const values = [24, 20, 42].map(place => view.getUint32(at + place, true))
  let field = at + 46 + nameBytes
  const extraEnd = field + extraBytes
  while (field + 4 <= extraEnd) {
    const length = view.getUint16(field + 2, true)
    if (view.getUint16(field, true) === 1) {
      let place = field + 4
      for (const [i, value] of values.entries()) {
        if (value !== UNKNOWN_32 || place + 8 > Math.min(field + 4 + length, extraEnd)) continue
        values[i] = Number(view.getBigUint64(place, true))
        place += 8
      }
    }
    field += 4 + length
  }
  const [size, packed, header] = values as [number, number, number]
  if (method === 0 && packed !== size) throw damaged(file, `${name} has two sizes, ${packed} and ${size}`)
  if (size > HARMLESS_BYTES && size > LARGEST_RATIO * packed) {
    throw new DenseNetError(`${file}: ${name} would grow from ${packed} to ${size} bytes, which weights never do`)
  }
  return { name, deflated: method === 8, checksum: view.getUint32(at + 16, true), packed, size, header, next }
}

function plainName(bytes: Uint8Array, file: string): string {
  let name: string
  try {
    name = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw damaged(file, 'the name of an entry is not UTF-8', cause)
  }
  if (name === '' || /^\/|\\|\0|(^|\/)\.\.(\/|$)/.test(name)) {
    throw new DenseNetError(`${file} holds an entry with the name ${JSON.stringify(name)}, which is refused`)
  }
  return name
}

/** Where the data of an entry begin and end. */
function dataPlace(
  bytes: Uint8Array,
  view: DataView,
  entry: CentralEntry,
  end: number,
  file: string,
): [number, number] {
  const { header, packed, name } = entry
  if (header + 30 > end || view.getUint32(header, true) !== LOCAL) throw damaged(file, `${name} has no header`)
  const nameBytes = view.getUint16(header + 26, true)
  const begin = header + 30 + nameBytes + view.getUint16(header + 28, true)
  if (begin + packed > end) throw damaged(file, `${name} lies outside the archive`)
  const local = new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    bytes.subarray(header + 30, header + 30 + nameBytes),
  )
  if (local !== name) throw damaged(file, `${name} is called ${JSON.stringify(local)} elsewhere in the archive`)
  return [begin, begin + packed]
}

function contents(bytes: Uint8Array, entry: CentralEntry, [begin, end]: [number, number], file: string): Uint8Array {
  const packed = bytes.subarray(begin, end)
  let data = packed
  if (entry.deflated) {
    try {
      data = inflated(packed, entry.size)
    } catch (cause) {
      throw damaged(file, `${entry.name} cannot be inflated to its ${entry.size} bytes`, cause)
    }
  }
  if (data.length !== entry.size) throw damaged(file, `${entry.name} has ${data.length} of its ${entry.size} bytes`)
  if (crc32(data) !== entry.checksum) {
    throw new DenseNetError(`${file} is damaged: the checksum of ${entry.name} differs`, {
      hint: 'if it was saved with torch.serialization.set_crc32_options(False), save it again without that',
    })
  }
  return data
}

/** Throws as soon as there are more bytes than `size`. */
function inflated(packed: Uint8Array, size: number): Uint8Array {
  const data = new Uint8Array(size)
  let at = 0
  const inflate = new Inflate(piece => {
    data.set(piece, at)
    at += piece.length
  })
  for (let begin = 0; begin < packed.length; begin += PIECE) {
    inflate.push(packed.subarray(begin, begin + PIECE), begin + PIECE >= packed.length)
  }
  return data.subarray(0, at)
}
