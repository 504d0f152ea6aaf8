// Tensors as weight files hold them, and the element types they may have. Half precision becomes float32 on reading;
// everything else keeps its type, so that whoever needs weights can refuse integers.
import { DenseNetError } from '../errors.js'
import { bfloat16Value, float16Value } from '../util/half.js'

export type TensorData = Float32Array | Float64Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array

/** Numbers and their shape. */
export interface Tensor {
  readonly shape: readonly number[]
  /** Row-major, contiguous. */
  readonly data: TensorData
}

const halves =
  (value: (half: number) => number) =>
  (bytes: ArrayBuffer): Float32Array =>
    Float32Array.from(new Uint16Array(bytes), value)

/** Bytes of an element, and how a copy of little-endian bytes becomes numbers. */
export const ELEMENT_TYPES = {
  float64: { bytes: 8, decode: (bytes: ArrayBuffer) => new Float64Array(bytes) },
  float32: { bytes: 4, decode: (bytes: ArrayBuffer) => new Float32Array(bytes) },
  float16: { bytes: 2, decode: halves(float16Value) },
  bfloat16: { bytes: 2, decode: halves(bfloat16Value) },
  int64: { bytes: 8, decode: (bytes: ArrayBuffer) => new BigInt64Array(bytes) },
  int32: { bytes: 4, decode: (bytes: ArrayBuffer) => new Int32Array(bytes) },
  int16: { bytes: 2, decode: (bytes: ArrayBuffer) => new Int16Array(bytes) },
  int8: { bytes: 1, decode: (bytes: ArrayBuffer) => new Int8Array(bytes) },
  uint8: { bytes: 1, decode: (bytes: ArrayBuffer) => new Uint8Array(bytes) },
} as const satisfies Record<string, { bytes: number; decode: (bytes: ArrayBuffer) => TensorData }>

export type StoredType = keyof typeof ELEMENT_TYPES

/** The numbers of little-endian `bytes`; a copy. */
export function decodeElements(type: StoredType, bytes: Uint8Array): TensorData {
  // Not bytes.slice: of a Buffer, that would be a view.
  return ELEMENT_TYPES[type].decode(new Uint8Array(bytes).buffer)
}

export const isFloating = (data: TensorData): data is Float32Array | Float64Array =>
  data instanceof Float32Array || data instanceof Float64Array

/** Elements of a shape, or null when it is no list of sizes or too large to count. */
export function elementCount(shape: readonly unknown[]): number | null {
  let count = 1
  for (const size of shape) {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return null
    count *= size
    if (count > Number.MAX_SAFE_INTEGER) return null
  }
  return count
}

export interface StridedView {
  readonly shape: readonly number[]
  /** In elements, as `offset`. */
  readonly strides: readonly number[]
  readonly offset: number
}

/** Checks a view of a storage of `length` elements; `fail` makes the error. */
export function checkView(view: StridedView, length: number, fail: (why: string) => DenseNetError): void {
  const { shape, strides, offset } = view
  const count = elementCount(shape)
  if (count === null || shape.length > 8) throw fail(`has the impossible shape [${shape}]`)
  if (strides.length !== shape.length || elementCount(strides) === null) {
    throw fail(`has strides [${strides}] for the shape [${shape}]`)
  }
  if (!Number.isSafeInteger(offset) || offset < 0) throw fail(`begins at element ${offset}`)
  if (count === 0) return
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset)
  if (last >= length) throw fail(`reaches to element ${last + 1} of a storage of ${length}`)
  if (count > length) throw fail(`repeats elements of its storage (${count} of ${length})`)
}

/** A contiguous copy of a checked view. */
export function gather(storage: TensorData, { shape, strides, offset }: StridedView): Tensor {
  const count = shape.reduce((a, b) => a * b, 1)
  if (isContiguous(shape, strides)) return { shape, data: storage.slice(offset, offset + count) }
  const Numbers = storage.constructor as new (length: number) => TensorData
  const data = new Numbers(count)
  const index = shape.map(() => 0)
  let from = offset
  for (let i = 0; i < count; i++) {
    data[i] = storage[from]!
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      from -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return { shape, data }
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

/** Every kernel of [out][in][height][width] by half a turn, in place: Theano's convolutions are those of mathematics. */
export function turnKernels({ shape, data }: { readonly shape: readonly number[]; readonly data: TensorData }): void {
  const pixels = shape[2]! * shape[3]!
  for (let at = 0; at < data.length; at += pixels) data.subarray(at, at + pixels).reverse()
}

/** The one shape of a complaint about a file that is not as its format says. */
export function damaged(file: string, why: string, cause?: unknown): DenseNetError {
  return new DenseNetError(`${file} is damaged: ${why}`, { cause })
}
