// The safetensors format (huggingface/safetensors): 8 bytes little-endian header length, a JSON header
// {name: {dtype, shape, data_offsets: [begin, end]}}, raw little-endian numbers. Reading is strict: the tensors must
// cover the bytes after the header exactly once, and nothing is trusted before it was checked.
import * as z from 'zod'
import { DenseNetError } from '../errors.js'
import { decodeElements, ELEMENT_TYPES, elementCount, type StoredType, type Tensor, type TensorData } from './tensor.js'

/** What a safetensors file holds. */
export interface TensorFile {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, Tensor>
}

/** A hundred times what the largest DenseNet needs. (The original implementation allows ten times more.) */
const LARGEST_HEADER = 10_000_000
export const LENGTH_BYTES = 8
/** Of a name in a message. */
const LONGEST_QUOTE = 100

const TYPES = {
  F32: 'float32',
  F64: 'float64',
  I64: 'int64',
  F16: 'float16',
  BF16: 'bfloat16',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'uint8',
} as const satisfies Record<string, StoredType>
type Dtype = keyof typeof TYPES

const size = z.int().min(0)
const headerSchema = z.record(
  z.string(),
  z.strictObject({
    dtype: z.string(),
    shape: z.array(size).max(64),
    data_offsets: z.tuple([size, size]),
  }),
)
const metadataSchema = z.record(z.string(), z.string())

/** The pieces of a file, in order: nothing is copied but the header. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const header: Record<string, unknown> = {}
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata
  const parts: Uint8Array[] = []
  let offset = 0
  for (const [name, { shape, data }] of tensors) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    header[name] = { dtype: dtypeOf(data), shape, data_offsets: [offset, offset + bytes.length] }
    offset += bytes.length
    parts.push(bytes)
  }
  const text = new TextEncoder().encode(JSON.stringify(header))
  // Spaces up to a multiple of 8, so that the numbers can be used in place.
  const length = Math.ceil(text.length / 8) * 8
  const head = new Uint8Array(LENGTH_BYTES + length).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true)
  head.set(text, LENGTH_BYTES)
  return [head, ...parts]
}

function dtypeOf(data: TensorData): Dtype {
  if (data instanceof Float32Array) return 'F32'
  if (data instanceof Float64Array) return 'F64'
  if (data instanceof BigInt64Array) return 'I64'
  if (data instanceof Int32Array) return 'I32'
  if (data instanceof Int16Array) return 'I16'
  return data instanceof Int8Array ? 'I8' : 'U8'
}

/** Bytes of the length field and the header, after checking that they fit into a file of `size`, of which `bytes` is the
 * beginning. `file` is for the message. */
export function headerEnd(bytes: Uint8Array, file: string, size = bytes.length): number {
  if (bytes.length < LENGTH_BYTES) throw damaged(file, `it has only ${bytes.length} bytes`)
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
  if (length > LARGEST_HEADER) throw damaged(file, `its header claims ${length} bytes`)
  if (LENGTH_BYTES + Number(length) > size) {
    throw damaged(file, `its header needs ${length} bytes, ${size - LENGTH_BYTES} are there`)
  }
  return LENGTH_BYTES + Number(length)
}

/** Reads a whole file. `file` is for the messages. */
export function decodeSafetensors(bytes: Uint8Array, file: string): TensorFile {
  const dataStart = headerEnd(bytes, file)
  const { metadata, entries } = parseHeader(bytes.subarray(LENGTH_BYTES, dataStart), file)
  // Not bytes.subarray: of a Buffer, slice() would be a view.
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset + dataStart, bytes.length - dataStart)
  const tensors = new Map<string, Tensor>()
  let end = 0
  // In the order of their bytes every tensor must begin where the one before it ended. Empty ones share a place.
  const ordered = [...entries].sort(([, a], [, b]) => {
    return a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]
  })
  for (const [name, { dtype, shape, data_offsets }] of ordered) {
    const [first, last] = data_offsets
    if (!Object.hasOwn(TYPES, dtype)) {
      const known = Object.keys(TYPES).join(', ')
      throw new DenseNetError(`${file}: ${name} has numbers of type ${dtype}; these can be read: ${known}`)
    }
    const type = TYPES[dtype as Dtype]
    const count = elementCount(shape) ?? Number.POSITIVE_INFINITY
    if (last - first !== count * ELEMENT_TYPES[type].bytes) {
      throw damaged(file, `${name} of shape [${shape}] has ${last - first} bytes`)
    }
    if (first !== end) throw damaged(file, `${name} begins at byte ${first} instead of ${end}`)
    if (last > data.length) throw damaged(file, `${name} ends at byte ${last} of ${data.length}: the file is cut short`)
    tensors.set(name, { shape, data: decodeElements(type, data.subarray(first, last)) })
    end = last
  }
  if (end !== data.length) throw damaged(file, `${data.length - end} bytes after its last tensor belong to nothing`)
  return { metadata, tensors }
}

type Entry = z.infer<typeof headerSchema>[string]

export function parseHeader(
  bytes: Uint8Array,
  file: string,
): { metadata: Record<string, string>; entries: [string, Entry][] } {
  if (bytes[0] !== 0x7b) throw damaged(file, 'its header does not begin with {')
  let text: string
  let json: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    json = JSON.parse(text)
  } catch (cause) {
    throw damaged(file, 'its header is not JSON', cause)
  }
  const duplicate = duplicateKey(text)
  if (duplicate !== null)
    throw damaged(file, `its header names ${JSON.stringify(duplicate.slice(0, LONGEST_QUOTE))} twice`)
  const { __metadata__ = {}, ...rest } = json as Record<string, unknown>
  const metadata = metadataSchema.safeParse(__metadata__)
  if (!metadata.success) throw damaged(file, 'its metadata is not text by name')
  const header = headerSchema.safeParse(rest)
  if (!header.success) {
    throw damaged(
      file,
      `its header does not describe ${JSON.stringify(String(header.error.issues[0]!.path[0]))} rightly`,
    )
  }
  return { metadata: metadata.data, entries: Object.entries(header.data) }
}

/** JSON.parse keeps the last of two equal keys without a word; this finds them. `text` is known to be valid JSON. */
function duplicateKey(text: string): string | null {
  const open: Set<string>[] = []
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '{') open.push(new Set())
    else if (text[i] === '}') open.pop()
    else if (text[i] === '"') {
      const begin = i
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++
      let next = i + 1
      while (/\s/.test(text[next] ?? '')) next++
      if (text[next] !== ':') continue
      const key = JSON.parse(text.slice(begin, i + 1)) as string
      if (open.at(-1)!.has(key)) return key
      open.at(-1)!.add(key)
    }
  }
  return null
}

const damaged = (file: string, why: string, cause?: unknown): DenseNetError =>
  new DenseNetError(`${file} is no valid safetensors file: ${why}`, { cause })
