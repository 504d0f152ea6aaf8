// NumPy's file format .npy, version 1.0: a magic string, a header that is a Python dictionary, raw numbers in C order
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

const MAGIC = '\x93NUMPY\x01\x00'
/** The numbers begin at a multiple of this. */
const ALIGNMENT = 64

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
