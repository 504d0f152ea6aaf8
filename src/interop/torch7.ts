// Torch7's binary files (.t7), as torch.save writes them on a 64-bit little-endian machine: a tree of numbers, strings,
// booleans, tables and objects of classes, each table, object, tensor and storage written once and referred to by an
// index later on. An object other than a tensor or storage is a class name with a value, nearly always a table: it is
// kept as such. Functions are refused.
import { DenseNetError } from '../errors.js'
import { latin1 } from '../util/bytes.js'
import {
  checkView,
  damaged,
  decodeElements,
  ELEMENT_TYPES,
  gather,
  type StoredType,
  type Tensor,
  type TensorData,
} from './tensor.js'

export type Torch7Value = null | number | string | boolean | Torch7Table | Torch7Object | Tensor | Torch7Storage

export type Torch7Table = Map<Torch7Value, Torch7Value>

/** An object of a class, such as nn.Sequential. */
export class Torch7Object {
  value: Torch7Value = null

  constructor(readonly className: string) {}

  /** A field of its table; null when there is none. */
  get(key: string): Torch7Value {
    return this.value instanceof Map ? (this.value.get(key) ?? null) : null
  }
}

class Torch7Storage {
  constructor(readonly data: TensorData) {}
}

const ELEMENTS: Readonly<Record<string, StoredType>> = {
  Double: 'float64',
  Float: 'float32',
  Cuda: 'float32',
  CudaDouble: 'float64',
  CudaHalf: 'float16',
  Half: 'float16',
  Long: 'int64',
  CudaLong: 'int64',
  Int: 'int32',
  CudaInt: 'int32',
  Short: 'int16',
  CudaShort: 'int16',
  Char: 'int8',
  CudaChar: 'int8',
  Byte: 'uint8',
  CudaByte: 'uint8',
}

const KIND = { nil: 0, number: 1, string: 2, table: 3, object: 4, boolean: 5 } as const
/** A network is nested some ten deep. */
const DEEPEST = 200

export const isTensor = (value: Torch7Value): value is Tensor =>
  typeof value === 'object' && value !== null && 'shape' in value

/** Begins as a file with a table or an object would: kind, then index 1. */
export function looksLikeTorch7(bytes: Uint8Array): boolean {
  return (
    (bytes[0] === KIND.table || bytes[0] === KIND.object) &&
    [0, 0, 0, 1, 0, 0, 0].every((byte, i) => bytes[i + 1] === byte)
  )
}

export function readTorch7(bytes: Uint8Array, file: string): Torch7Value {
  const reader = new Reader(bytes, file)
  const value = reader.read(0)
  if (reader.at !== bytes.length) throw damaged(file, `${bytes.length - reader.at} bytes at its end belong to nothing`)
  return value
}

class Reader {
  at = 0
  readonly #view: DataView
  readonly #known = new Map<number, Torch7Value>()

  constructor(
    readonly bytes: Uint8Array,
    readonly file: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  #take(length: number): number {
    const begin = this.at
    if (!(length >= 0 && length <= this.bytes.length - begin)) throw damaged(this.file, 'it is cut short')
    this.at = begin + length
    return begin
  }

  #int = (): number => this.#view.getInt32(this.#take(4), true)
  #long = (): number => Number(this.#view.getBigInt64(this.#take(8), true))

  #string(): string {
    const length = this.#int()
    const begin = this.#take(length)
    return latin1(this.bytes.subarray(begin, begin + length))
  }

  read(depth: number): Torch7Value {
    if (depth > DEEPEST) throw damaged(this.file, `its values are nested more than ${DEEPEST} deep`)
    const kind = this.#int()
    switch (kind) {
      case KIND.nil:
        return null
      case KIND.number:
        return this.#view.getFloat64(this.#take(8), true)
      case KIND.string:
        return this.#string()
      case KIND.boolean:
        return this.#int() !== 0
      case KIND.table:
      case KIND.object: {
        const index = this.#int()
        if (this.#known.has(index)) return this.#known.get(index)!
        return kind === KIND.table ? this.#table(index, depth) : this.#object(index, depth)
      }
    }
    if (kind >= 6 && kind <= 8) throw new DenseNetError(`${this.file} holds a Lua function, which is refused`)
    throw damaged(this.file, `at byte ${this.at - 4} it has a value of the unknown kind ${kind}`)
  }

  #table(index: number, depth: number): Torch7Table {
    const table: Torch7Table = new Map()
    this.#known.set(index, table)
    const count = this.#int()
    if (count < 0) throw damaged(this.file, `a table of ${count} entries`)
    for (let i = 0; i < count; i++) table.set(this.read(depth + 1), this.read(depth + 1))
    return table
  }

  #object(index: number, depth: number): Torch7Value {
    const version = this.#string()
    // Before version 1 the class name itself stood here.
    const className = /^V \d+$/.test(version) ? this.#string() : version
    const found = /^torch\.(\w+?)(Tensor|Storage)$/.exec(className)
    if (found) {
      const type = Object.hasOwn(ELEMENTS, found[1]!) ? ELEMENTS[found[1]!] : undefined
      if (type === undefined) throw new DenseNetError(`${this.file} holds a ${className}, which is not known`)
      const made = found[2] === 'Storage' ? this.#storage(type) : this.#tensor(depth)
      this.#known.set(index, made)
      return made
    }
    const object = new Torch7Object(className)
    this.#known.set(index, object)
    object.value = this.read(depth + 1)
    return object
  }

  #storage(type: StoredType): Torch7Storage {
    const length = this.#long()
    const begin = this.#take(length * ELEMENT_TYPES[type].bytes)
    return new Torch7Storage(decodeElements(type, this.bytes.subarray(begin, this.at)))
  }

  #tensor(depth: number): Tensor {
    const dimensions = this.#int()
    if (dimensions < 0 || dimensions > 8) throw damaged(this.file, `a tensor of ${dimensions} dimensions`)
    const longs = (): number[] => Array.from({ length: dimensions }, () => this.#long())
    const [shape, strides, offset] = [longs(), longs(), this.#long() - 1]
    const storage = this.read(depth + 1)
    if (storage === null || dimensions === 0) return { shape: [0], data: new Float32Array(0) }
    if (!(storage instanceof Torch7Storage)) throw damaged(this.file, 'a tensor without a storage')
    const view = { shape, strides, offset }
    checkView(view, storage.data.length, why => damaged(this.file, `a tensor ${why}`))
    this.#copied += shape.reduce((a, b) => a * b, 1)
    // Weights are views into one storage, gradients into another: each element is used about once.
    if (this.#copied > 2 * this.bytes.length)
      throw damaged(this.file, 'its tensors use the same elements over and over')
    return gather(storage.data, view)
  }

  #copied = 0
}
