// PyTorch's files, both kinds. Zip (torch 1.6 and later): NAME/data.pkl beside NAME/data/KEY, one for each storage. Older:
// pickles of a magic number, a version, facts of the system, the object and the keys of its storages, then for each of
// these its length and bytes. Reads the state dict and nothing else: no code of either kind is run.
import { DenseNetError } from '../errors.js'
import { latin1 } from '../util/bytes.js'
import { type PickleOwner, type PickleValue, unpickle } from './pickle.js'
import { type FoundStateDict, findStateDict } from './state-dict.js'
import { checkView, damaged, decodeElements, ELEMENT_TYPES, gather, type Tensor, type TensorData } from './tensor.js'
import { type TorchStorage, TorchTensor, torchGlobal, torchStorage } from './torch-globals.js'
import type { WeightChoice, WeightFile } from './weight-file.js'
import type { ZipEntry } from './zip.js'

export interface TorchFile {
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Where in the file the state dict was found, such as `state_dict`; empty: it is the file. */
  readonly within: string
  readonly choice?: WeightFile['choice']
}

/** PyTorch writes lists of weights of some hundred kilobytes. */
const LARGEST_PICKLE = 64 * 1024 * 1024
const MAGIC = 0x1950a86a20f9469cfc6cn
const VERSION = 1001
/** How many times over the storages may be used. */
const MOST_SHARING = 8

/** The magic number as the LONG1 of ten bytes that it is in every protocol. */
const MAGIC_BYTES = Uint8Array.of(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19)

/** A file of the older kind begins with the protocol, from 4 on a frame, and the magic number. */
export function looksLikeTorchLegacy(bytes: Uint8Array): boolean {
  return bytes[0] === 0x80 && latin1(bytes.subarray(0, 24)).includes(latin1(MAGIC_BYTES))
}

type ReadStorage = (storage: TorchStorage) => Uint8Array

const ownerOf = (file: string): PickleOwner => ({
  file,
  global: (module, name) => torchGlobal(file, module, name),
  persistent: id => torchStorage(file, id),
})

/** `root`: the folder of the archive that holds data.pkl, with its slash. */
export function readTorchZip(
  entries: ReadonlyMap<string, ZipEntry>,
  root: string,
  file: string,
  weights?: WeightChoice,
): TorchFile {
  if (entries.has(`${root}constants.pkl`)) {
    throw new DenseNetError(`${file} is a TorchScript program, not weights`, {
      hint: "in Python: torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth')",
    })
  }
  const order = entries.get(`${root}byteorder`)
  if (order && new TextDecoder().decode(order.read()) !== 'little') {
    throw new DenseNetError(`${file} was saved on a big-endian machine, which is not read`)
  }
  const pickle = entries.get(`${root}data.pkl`)!
  if (pickle.size > LARGEST_PICKLE) throw damaged(file, `its list of weights has ${pickle.size} bytes`)
  const { value } = unpickle(pickle.read(), 0, ownerOf(file))
  return materialise(findStateDict(value, file, weights), file, ({ key }) => {
    const entry = entries.get(`${root}data/${key}`)
    if (!entry) throw damaged(file, `the storage ${key} is missing`)
    return entry.read()
  })
}

export function readTorchLegacy(bytes: Uint8Array, file: string, weights?: WeightChoice): TorchFile {
  let at = 0
  const next = (): PickleValue => {
    const { value, end } = unpickle(bytes, at, ownerOf(file))
    at = end
    return value
  }
  if (next() !== MAGIC) throw damaged(file, 'its magic number is wrong')
  const version = next()
  if (version !== VERSION)
    throw new DenseNetError(`${file} has version ${version} of PyTorch's format; ${VERSION} is read`)
  const system = next()
  if (system instanceof Map && system.get('little_endian') === false) {
    throw new DenseNetError(`${file} was saved on a big-endian machine, which is not read`)
  }
  const value = next()
  const keys = next()
  if (!Array.isArray(keys)) throw damaged(file, 'its list of storages is missing')
  return materialise(
    findStateDict(value, file, weights),
    file,
    placeStorages(keys as PickleValue[], bytes, at, file, value),
  )
}

/** Storages follow each other, in the order of their keys; each says its length in elements, its type is in the pickle. */
function placeStorages(
  keys: readonly PickleValue[],
  bytes: Uint8Array,
  start: number,
  file: string,
  value: PickleValue,
): ReadStorage {
  const sizes = new Map<string, number>()
  for (const { storage } of tensorsIn(value)) sizes.set(storage.key, ELEMENT_TYPES[storage.type].bytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const places = new Map<string, [number, number]>()
  let at = start
  for (const key of keys) {
    if (typeof key !== 'string' || places.has(key)) throw damaged(file, 'its list of storages is broken')
    if (at + 8 > bytes.length) throw damaged(file, `the storage ${key} is missing: the file is cut short`)
    const length = Number(view.getBigUint64(at, true))
    const size = sizes.get(key)
    if (size === undefined) throw damaged(file, `nothing uses the storage ${key}`)
    const end = at + 8 + length * size
    if (end > bytes.length) throw damaged(file, `the storage ${key} is cut short`)
    places.set(key, [at + 8, end])
    at = end
  }
  if (at !== bytes.length) throw damaged(file, `${bytes.length - at} bytes after its last storage belong to nothing`)
  return ({ key, begin, length, type }) => {
    const place = places.get(key)
    if (!place) throw damaged(file, `the storage ${key} is missing`)
    const from = place[0] + begin * ELEMENT_TYPES[type].bytes
    const to = begin === 0 ? place[1] : Math.min(place[1], from + length * ELEMENT_TYPES[type].bytes)
    return bytes.subarray(from, to)
  }
}

/** Every tensor anywhere in a value. */
function tensorsIn(value: PickleValue): TorchTensor[] {
  const found: TorchTensor[] = []
  const seen = new Set<PickleValue>()
  const waiting = [value]
  while (waiting.length > 0) {
    const next = waiting.pop()!
    if (typeof next !== 'object' || next === null || seen.has(next)) continue
    seen.add(next)
    if (next instanceof TorchTensor) found.push(next)
    else if (next instanceof Map || Array.isArray(next)) for (const item of next.values()) waiting.push(item)
  }
  return found
}

/** Copies the tensors of the state dict out of their storages; each storage is decoded once. */
function materialise({ entries, ...found }: FoundStateDict, file: string, read: ReadStorage): TorchFile {
  const storages = new Map<string, TensorData>()
  const tensors = new Map<string, Tensor>()
  let copied = 0
  let stored = 0
  for (const [name, { storage, offset, shape, strides }] of entries) {
    const { key, type, begin, length } = storage
    const id = `${type} ${begin} ${key}`
    let data = storages.get(id)
    if (data === undefined) {
      const bytes = read(storage)
      if (bytes.length !== length * ELEMENT_TYPES[type].bytes) {
        throw damaged(file, `the storage of ${name} has ${bytes.length} bytes, not ${length} elements of ${type}`)
      }
      data = decodeElements(type, bytes)
      storages.set(id, data)
      stored += length
    }
    const view = { shape, strides, offset }
    checkView(view, length, why => damaged(file, `${name} ${why}`))
    copied += shape.reduce((a, b) => a * b, 1)
    if (copied > MOST_SHARING * stored + entries.size) {
      throw damaged(file, `its tensors use ${stored} stored elements more than ${MOST_SHARING} times`)
    }
    tensors.set(name, gather(data, view))
  }
  return { tensors, ...found }
}
