// Images on the command line: files, folders of them, standard input.
import { stat } from 'node:fs/promises'
import { imagesIn, MOST_BYTES, READ_EXTENSIONS } from '../entries/data.js'
import { DenseNetError, usageError } from '../errors.js'
import type { ImageInput } from '../index.js'

const STANDARD_INPUT = '-'

/** Folders become the images in them, in the order of their names. */
export async function listed(given: readonly string[]): Promise<string[]> {
  const all: string[] = []
  if (given.filter(path => path === STANDARD_INPUT).length > 1)
    throw usageError('standard input (-) can be read only once')
  for (const path of given) {
    const found = path === STANDARD_INPUT ? null : await stat(path).catch(() => null)
    if (!found?.isDirectory()) {
      all.push(path)
      continue
    }
    const inside = await imagesIn(path)
    if (inside.length === 0)
      throw usageError(`there are no images in ${path}`, `it looks for ${READ_EXTENSIONS.join(', ')}`)
    for (const file of inside) all.push(file)
  }
  return all
}

/** A file goes by its path, standard input by its bytes. */
export async function opened(path: string): Promise<ImageInput> {
  return path === STANDARD_INPUT ? readStandardInput() : path
}

async function readStandardInput(): Promise<Uint8Array> {
  if (process.stdin.isTTY)
    throw usageError('there is no image on standard input', 'pipe one in, as in: densenet classify - < photo.jpg')
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MOST_BYTES) throw new DenseNetError(`standard input has more than ${MOST_BYTES} bytes: it is no image`)
  }
  return Buffer.concat(chunks)
}
