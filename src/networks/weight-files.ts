// Files of weights of other programs, read and written; their bytes are made sense of by interop.
import { mkdir, open, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DenseNetError, usageError } from '../errors.js'
import { decodeWeights } from '../interop/decode-weights.js'
import {
  type ExportedNetwork,
  type ExportFormat,
  type ExportOptions,
  encodeWeights,
  exportFormat,
} from '../interop/encode-weights.js'
import type { WeightChoice, WeightFile } from '../interop/weight-file.js'
import { errorCode, fileError, isFile, writeFileAtomically } from '../node/files.js'
import { isolatedHdf5 } from './hdf5.js'

/** The largest DenseNet that is known, with its optimizer, has a third of it. */
const LARGEST_FILE = 2 ** 31 - 1

/** Reads a file of weights of any format that is known. Nothing in it is run, and a file that is damaged or hostile is
 * refused in a sentence. Throws DenseNetError. */
export async function readWeights(path: string): Promise<WeightFile> {
  return decodeWeights(await readBytes(path), path, { readHdf5: isolatedHdf5, readBeside: readBeside(path) })
}

/** Reads files of the folder that `path` is in; null: there is none of that name. */
export const readBeside =
  (path: string) =>
  async (name: string): Promise<Uint8Array | null> => {
    const beside = join(dirname(path), name)
    return (await isFile(beside)) ? readBytes(beside) : null
  }

/** The same of its bytes; `weights` as in ImportOptions. */
export const decodeWeightFile = (bytes: Uint8Array, path: string, weights?: WeightChoice): Promise<WeightFile> =>
  decodeWeights(bytes, path, { weights, readHdf5: isolatedHdf5 })

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

/** Writes the network to `path`, whole or not at all. Resolves to the format. */
export async function writeWeights(
  path: string,
  network: ExportedNetwork,
  { to = exportFormat(path), ...options }: ExportOptions = {},
): Promise<ExportFormat> {
  const encoded = encodeWeights(network, to, options)
  if (encoded instanceof Uint8Array) await writeFileAtomically(path, encoded)
  else await writeFolder(path, encoded)
  return to
}

/** A folder, made new, with files by name, in their order: the last makes it whole. */
async function writeFolder(path: string, files: readonly (readonly [string, string | Uint8Array])[]): Promise<void> {
  if (await stat(path).catch(() => null)) throw usageError(`${path} exists already`, 'choose a new folder')
  for (const [name, content] of files) {
    try {
      await mkdir(dirname(join(path, name)), { recursive: true })
    } catch (error) {
      throw fileError(error, `making the folder ${path}`)
    }
    await writeFileAtomically(join(path, name), content)
  }
}
