// A .pth file that torch.load(weights_only=True) opens: an OrderedDict of tensors, each with a storage of its own, in
// PyTorch's zip format. The pickle is protocol 2, of the few instructions that this takes.
import { zipSync } from 'fflate'
import { concatenate } from '../util/bytes.js'
import type { Tensor } from './tensor.js'

const ROOT = 'archive/'

/** The bytes of the file; tensors of float32 or int64 numbers. */
export function encodeTorch(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  const entries: Record<string, Uint8Array> = {
    [`${ROOT}data.pkl`]: pickle(tensors),
    [`${ROOT}.format_version`]: bytes('1'),
    [`${ROOT}.storage_alignment`]: bytes('64'),
    [`${ROOT}byteorder`]: bytes('little'),
  }
  for (const [index, { data }] of [...tensors.values()].entries()) {
    entries[`${ROOT}data/${index}`] = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  }
  entries[`${ROOT}version`] = bytes('3\n')
  // Stored: PyTorch reads nothing else. A fixed date, so that the same weights give the same file.
  return zipSync(entries, { level: 0, mtime: new Date(1980, 0, 1) })
}

function pickle(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const parts: Uint8Array[] = []
  const code = (...bytes: number[]): void => {
    parts.push(Uint8Array.from(bytes))
  }
  const raw = (text: string): void => {
    parts.push(new TextEncoder().encode(text))
  }
  const string = (text: string): void => {
    const bytes = new TextEncoder().encode(text)
    const length = new Uint8Array(5)
    length[0] = 0x58 // BINUNICODE
    new DataView(length.buffer).setUint32(1, bytes.length, true)
    parts.push(length, bytes)
  }
  const integer = (value: number): void => {
    const bytes = new Uint8Array(5)
    bytes[0] = 0x4a // BININT
    new DataView(bytes.buffer).setInt32(1, value, true)
    parts.push(bytes)
  }
  const integers = (values: readonly number[]): void => {
    code(0x28) // MARK
    for (const value of values) integer(value)
    code(0x74) // TUPLE
  }
  code(0x80, 2) // PROTO 2
  raw('ccollections\nOrderedDict\n')
  code(0x29, 0x52, 0x28) // EMPTY_TUPLE, REDUCE, MARK
  for (const [index, [name, { shape, data }]] of [...tensors].entries()) {
    string(name)
    raw('ctorch._utils\n_rebuild_tensor_v2\n')
    code(0x28, 0x28) // MARK of the arguments, MARK of the persistent id
    string('storage')
    raw(`ctorch\n${data instanceof BigInt64Array ? 'LongStorage' : 'FloatStorage'}\n`)
    string(String(index))
    string('cpu')
    integer(data.length)
    code(0x74, 0x51) // TUPLE, BINPERSID
    integer(0)
    integers(shape)
    integers(strides(shape))
    code(0x89) // NEWFALSE: requires no gradient
    raw('ccollections\nOrderedDict\n')
    code(0x29, 0x52, 0x74, 0x52) // its hooks: none; TUPLE, REDUCE
  }
  code(0x75, 0x2e) // SETITEMS, STOP
  return concatenate(parts)
}

function strides(shape: readonly number[]): number[] {
  const result = shape.map(() => 1)
  for (let axis = shape.length - 2; axis >= 0; axis--) result[axis] = result[axis + 1]! * shape[axis + 1]!
  return result
}
