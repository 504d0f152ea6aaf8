// One decoder of weights for every format: what a file is, is told by its first bytes, never by its name.
import { DenseNetError } from '../errors.js'
import { latin1 } from '../util/bytes.js'
import { looksLikeCaffe, readCaffe } from './caffe.js'
import { looksLikeChainer, readChainer } from './chainer.js'
import type { Hdf5Content } from './hdf5.js'
import { kerasWeights } from './keras.js'
import { looksLikeLasagne, readLasagne } from './lasagne.js'
import { looksLikeMxnet, readMxnet, symbolName } from './mxnet.js'
import { decodeSafetensors } from './safetensors.js'
import { damaged } from './tensor.js'
import { looksLikeTorchLegacy, readTorchLegacy, readTorchZip } from './torch-file.js'
import { looksLikeTorch7, readTorch7 } from './torch7.js'
import { torch7Network } from './torch7-network.js'
import type { WeightChoice, WeightFile } from './weight-file.js'
import { isZip, readZip } from './zip.js'

const HDF5_START = Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a)
const KERAS_WEIGHTS = 'model.weights.h5'

const LARGEST_SYMBOL = 64 * 1024 * 1024

const READ =
  'safetensors, PyTorch (.pth, .pt), Keras (.h5, .keras), Torch7 (.t7), Caffe (.caffemodel), MXNet (.params), Chainer and Lasagne (.npz)'

/** Bytes of an HDF5 file to what is in it; `file` is its name, for messages. */
export type ReadHdf5 = (bytes: Uint8Array, file: string) => Promise<Hdf5Content>

/** How a file of weights is decoded. */
export interface DecodeOptions {
  /** Which, of a PyTorch file that holds averaged weights beside raw ones; default: the averaged. */
  readonly weights?: WeightChoice | undefined
  /** Reads the HDF5 within Keras's files; default: on the spot, where a broken file may never come to an end. */
  readonly readHdf5?: ReadHdf5 | undefined
  /** Bytes of a file of that name beside it, null: there is none. MXNet keeps a network's operations in one; default: none. */
  readonly readBeside?: ((name: string) => Promise<Uint8Array | null>) | undefined
}

/** Decodes a file of weights: safetensors, PyTorch's two formats, Keras's, Torch7's, Caffe's, MXNet's, Chainer's, Lasagne's. Nothing in it is run, and one that is
 * damaged or hostile is refused in a sentence; `path` is its name there. Throws DenseNetError. */
export async function decodeWeights(bytes: Uint8Array, path: string, options: DecodeOptions = {}): Promise<WeightFile> {
  try {
    return await decode(bytes, path, options)
  } catch (error) {
    // The engine's own limits: of arrays, texts and its stack.
    if (error instanceof RangeError) throw damaged(path, 'it asks for more than there can be', error)
    throw error
  }
}

async function decode(bytes: Uint8Array, path: string, options: DecodeOptions): Promise<WeightFile> {
  const common = { path, within: '', layers: null, bnEpsilon: null }
  if (isZip(bytes)) return decodeZip(bytes, path, options)
  if (looksLikeTorchLegacy(bytes))
    return { ...common, format: 'PyTorch (old)', ...readTorchLegacy(bytes, path, options.weights) }
  if (startsWith(bytes, HDF5_START)) return decodeKeras(bytes, path, options)
  if (looksLikeTorch7(bytes)) return { ...common, format: 'Torch7', ...torch7Network(readTorch7(bytes, path), path) }
  if (bytes[8] === 0x7b) {
    const { tensors } = decodeSafetensors(bytes, path)
    return { ...common, format: 'safetensors', tensors }
  }
  if (looksLikeMxnet(bytes)) {
    const symbol = (await options.readBeside?.(symbolName(path.split(/[\\/]/).at(-1)!))) ?? null
    if (symbol && symbol.length > LARGEST_SYMBOL) throw damaged(path, `its symbol has ${symbol.length} bytes`)
    return { ...common, format: 'MXNet', ...readMxnet(bytes, symbol && new TextDecoder().decode(symbol), path) }
  }
  if (looksLikeCaffe(bytes)) return { ...common, format: 'Caffe', ...readCaffe(bytes, path) }
  throw notWeights(bytes, path)
}

async function decodeZip(bytes: Uint8Array, path: string, options: DecodeOptions): Promise<WeightFile> {
  const entries = readZip(bytes, path)
  const pickle = [...entries.keys()].find(name => /^[^/]+\/data\.pkl$/.test(name))
  if (pickle !== undefined) {
    const torch = readTorchZip(entries, pickle.slice(0, -'data.pkl'.length), path, options.weights)
    return { path, format: 'PyTorch', layers: null, bnEpsilon: null, ...torch }
  }
  const keras = entries.get(KERAS_WEIGHTS)
  if (keras) return decodeKeras(keras.read(), path, options)
  const names = [...entries.keys()]
  if (looksLikeLasagne(names)) return { path, format: 'Lasagne', within: '', ...readLasagne(entries, path) }
  if (looksLikeChainer(names)) return { path, format: 'Chainer', within: '', ...readChainer(entries, path) }
  const some = names.slice(0, 3).join(', ')
  throw new DenseNetError(
    `${path} is an archive of ${some || 'nothing'}: not PyTorch's, Keras's, Chainer's or Lasagne's`,
  )
}

async function decodeKeras(
  bytes: Uint8Array,
  path: string,
  { readHdf5 = onTheSpot }: DecodeOptions,
): Promise<WeightFile> {
  const weights = kerasWeights(await readHdf5(bytes, path), path)
  return { path, format: 'Keras', within: '', ...weights }
}

/** jsfive is loaded when there is something to read. It throws texts as well as errors. */
async function onTheSpot(bytes: Uint8Array, file: string): Promise<Hdf5Content> {
  const { readHdf5 } = await import('./hdf5.js')
  try {
    return readHdf5(new Uint8Array(bytes).buffer, file)
  } catch (error) {
    throw damaged(file, 'HDF5 cannot be made sense of', error)
  }
}

function notWeights(bytes: Uint8Array, path: string): DenseNetError {
  if (bytes.length === 0) return new DenseNetError(`${path} is empty`)
  const text = latin1(bytes.subarray(0, 64))
  const known: [boolean, string][] = [
    [bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5, "a pickle, but not one of PyTorch's"],
    [/^[\w./-]+\0+/.test(text) && bytes.length > 512, 'a tar archive, the format of PyTorch before 0.2'],
    [text.startsWith('\x1f\x8b'), 'compressed with gzip: unpack it first'],
    [/^\s*(#[^\n]*\s+)*(name|layers?|input)\s*[:{]/.test(text), "a network of Caffe's in words: name the .caffemodel"],
    [/^\s*\{\s*"nodes"/.test(text), "a network of MXNet's without weights: name its .params beside it"],
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
