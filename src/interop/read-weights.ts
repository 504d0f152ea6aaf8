// One reader of weights for every format: what a file is, is told by its first bytes, never by its name.
import { open } from 'node:fs/promises'
import { DenseNetError, usageError } from '../errors.js'
import { errorCode, fileError } from '../node/files.js'
import { HDF5_START, readHdf5 } from './hdf5.js'
import { KERAS_EPSILON, kerasWeights } from './keras.js'
import { decodeSafetensors } from './safetensors.js'
import { damaged } from './tensor.js'
import { looksLikeTorchLegacy, readTorchLegacy, readTorchZip } from './torch-file.js'
import { looksLikeTorch7, readTorch7 } from './torch7.js'
import { torch7Network } from './torch7-network.js'
import type { WeightChoice, WeightFile } from './weight-file.js'
import { readZip } from './zip.js'

/** The largest DenseNet that is known, with its optimizer, has a third of it. */
const LARGEST_FILE = 2 ** 31 - 1
const ZIP_START = Uint8Array.of(0x50, 0x4b, 3, 4)
const KERAS_WEIGHTS = 'model.weights.h5'

const READ = 'safetensors, PyTorch (.pth, .pt), Keras (.h5, .keras) and Torch7 (.t7)'

/** Reads a file of weights: safetensors, PyTorch's two formats, Keras's, Torch7's. Nothing in it is run, and a file that
 * is damaged or hostile is refused in a sentence. Throws DenseNetError. */
export async function readWeights(path: string): Promise<WeightFile> {
  return decodeWeights(await readBytes(path), path)
}

/** The same of bytes; `path` is for messages, `weights` as in ImportOptions. */
export async function decodeWeights(bytes: Uint8Array, path: string, weights?: WeightChoice): Promise<WeightFile> {
  try {
    return await decode(bytes, path, weights)
  } catch (error) {
    // The engine's own limits: of arrays, texts and its stack.
    if (error instanceof RangeError) throw damaged(path, 'it asks for more than there can be', error)
    throw error
  }
}

async function decode(bytes: Uint8Array, path: string, weights?: WeightChoice): Promise<WeightFile> {
  const common = { path, within: '', layers: null, bnEpsilon: null }
  if (startsWith(bytes, ZIP_START)) return decodeZip(bytes, path, weights)
  if (looksLikeTorchLegacy(bytes))
    return { ...common, format: 'PyTorch (old)', ...readTorchLegacy(bytes, path, weights) }
  if (startsWith(bytes, HDF5_START)) return decodeKeras(bytes, path)
  if (looksLikeTorch7(bytes)) return { ...common, format: 'Torch7', ...torch7Network(readTorch7(bytes, path), path) }
  if (bytes[8] === 0x7b) {
    const { tensors } = decodeSafetensors(bytes, path)
    return { ...common, format: 'safetensors', tensors }
  }
  throw notWeights(bytes, path)
}

async function decodeZip(bytes: Uint8Array, path: string, weights?: WeightChoice): Promise<WeightFile> {
  const entries = readZip(bytes, path)
  const pickle = [...entries.keys()].find(name => /^[^/]+\/data\.pkl$/.test(name))
  if (pickle !== undefined) {
    const torch = readTorchZip(entries, pickle.slice(0, -'data.pkl'.length), path, weights)
    return { path, format: 'PyTorch', layers: null, bnEpsilon: null, ...torch }
  }
  const keras = entries.get(KERAS_WEIGHTS)
  if (keras) return decodeKeras(keras.read(), path)
  const some = [...entries.keys()].slice(0, 3).join(', ')
  throw new DenseNetError(`${path} is an archive of ${some || 'nothing'}: neither PyTorch's nor Keras's`)
}

async function decodeKeras(bytes: Uint8Array, path: string): Promise<WeightFile> {
  const weights = kerasWeights(await readHdf5(bytes, path), path)
  return { path, format: 'Keras', within: '', bnEpsilon: KERAS_EPSILON, ...weights }
}

function notWeights(bytes: Uint8Array, path: string): DenseNetError {
  if (bytes.length === 0) return new DenseNetError(`${path} is empty`)
  const text = Buffer.from(bytes.subarray(0, 64)).toString('latin1')
  const known: [boolean, string][] = [
    [bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5, "a pickle, but not one of PyTorch's"],
    [/^[\w./-]+\0+/.test(text) && bytes.length > 512, 'a tar archive, the format of PyTorch before 0.2'],
    [text.startsWith('\x1f\x8b'), 'compressed with gzip: unpack it first'],
    [text.startsWith('\x08') && text.includes('onnx'), 'ONNX, which can be written but not read'],
    [/^[34]\n1\n/.test(text), 'Torch7 in text form: save it again in binary form'],
    [/^\s*</.test(text), 'a web page'],
    [text.startsWith('version https://git-lfs'), 'a Git LFS pointer: the weights themselves were not fetched'],
  ]
  const what = known.find(([fits]) => fits)?.[1]
  return new DenseNetError(`${path} is ${what ?? 'no file of weights that is known'}`, {
    hint: `what is read: ${READ}`,
  })
}

const startsWith = (bytes: Uint8Array, start: Uint8Array): boolean => start.every((byte, i) => bytes[i] === byte)

/** A whole file of weights. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const facts = await file.stat()
      const { size } = facts
      if (!facts.isFile() && !facts.isDirectory()) throw usageError(`${path} is no file`)
      if (size > LARGEST_FILE) throw new DenseNetError(`${path} has ${size} bytes; at most ${LARGEST_FILE} are read`)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw usageError(`there is no file ${path}`)
    if (errorCode(error) === 'EISDIR') throw usageError(`${path} is a folder, not a file of weights`)
    throw fileError(error, `reading ${path}`)
  }
}
