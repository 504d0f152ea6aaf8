// NumPy's file format .npy: a magic string, a header that is a Python dictionary, raw numbers
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). Version 1.0 is written.
import { DenseNetError } from '../errors.js'
import { latin1 } from '../util/bytes.js'
import { damaged, decodeElements, ELEMENT_TYPES, elementCount, gather, type StoredType, type Tensor } from './tensor.js'

const MAGIC = '\x93NUMPY\x01\x00'
/** The numbers begin at a multiple of this. */
const ALIGNMENT = 64
/** As long as numpy.load takes. */
const LONGEST_HEADER = 10_000
const MOST_DIMENSIONS = 8

/** The pieces of a file, in order: nothing is copied but the header. float32 or float64, little-endian. */
export function encodeNpy(data: Float32Array | Float64Array, shape: readonly number[]): Uint8Array[] {
  const descr = data instanceof Float32Array ? '<f4' : '<f8'
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`
  // Two bytes say how long the header is, which ends with a new line.
  const before = MAGIC.length + 2
  const length = Math.ceil((before + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT - before
  const size = String.fromCharCode(length & 0xff, length >> 8)
  const text = `${MAGIC}${size}${dictionary.padEnd(length - 1)}\n`
  const header = Uint8Array.from(text, character => character.charCodeAt(0))
  return [header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]
}

const DESCRIPTIONS: Readonly<Record<string, StoredType>> = {
  '<f2': 'float16',
  '<f4': 'float32',
  '<f8': 'float64',
  '|u1': 'uint8',
  '|i1': 'int8',
  '<i2': 'int16',
  '<i4': 'int32',
  '<i8': 'int64',
}

/** What is in a file of version 1 to 3. Throws a sentence about `file`, and nothing in it is run: objects of Python are refused. */
export function decodeNpy(bytes: Uint8Array, file: string): Tensor {
  const [version] = bytes.subarray(6, 7)
  const wide = version !== 1
  const start = wide ? 12 : 10
  if (latin1(bytes.subarray(0, 6)) !== MAGIC.slice(0, 6) || bytes.length < start || version! < 1 || version! > 3) {
    throw damaged(file, 'it does not begin as an array of NumPy')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true)
  if (length > Math.min(LONGEST_HEADER, bytes.length - start)) throw damaged(file, `its header claims ${length} bytes`)
  const header = latin1(bytes.subarray(start, start + length))
  const description = /'descr': *'([^']*)'/.exec(header)?.[1]
  const sizes = /'shape': *\(([\d, ]*)\)/.exec(header)?.[1]
  const columnsFirst = /'fortran_order': *(True|False)/.exec(header)?.[1]
  if (description === undefined || sizes === undefined || columnsFirst === undefined) {
    throw new DenseNetError(`${file} is no plain array of numbers`)
  }
  const type = Object.hasOwn(DESCRIPTIONS, description) ? DESCRIPTIONS[description] : undefined
  if (type === undefined)
    throw new DenseNetError(`${file} holds elements of the type ${description}, which no weights have`)
  const shape = sizes
    .split(',')
    .filter(size => size.trim() !== '')
    .map(Number)
  const count = shape.length > MOST_DIMENSIONS ? null : elementCount(shape)
  const content = bytes.subarray(start + length)
  if (count === null || count * ELEMENT_TYPES[type].bytes !== content.length) {
    throw damaged(file, `it has ${content.length} bytes of ${type} for the shape [${sizes}]`)
  }
  const data = decodeElements(type, content)
  if (columnsFirst === 'False') return { shape, data }
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((a, b) => a * b, 1))
  return gather(data, { shape, strides, offset: 0 })
}
