// MATLAB's MAT-files, level 5 (https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf): numeric arrays, plain or
// compressed, read piece by piece, so that a file of any size, honest or not, takes no more memory than its reader wants.

import { pipeline, Readable } from 'node:stream'
import { createInflate } from 'node:zlib'
import { DenseNetError } from '../../errors.js'

const HEADER_BYTES = 128
const MATRIX = 14
const COMPRESSED = 15
/** Classes of arrays that hold numbers: double to uint32. */
const FIRST_NUMERIC = 6
const LAST_NUMERIC = 13
/** Names and dimensions of more bytes than this are nobody's. */
const MOST_SMALL_BYTES = 4096

/** Kinds of numbers by their code in the file. */
const NUMBERS: Readonly<Record<number, readonly [name: NumberType, bytes: number]>> = {
  1: ['int8', 1],
  2: ['uint8', 1],
  3: ['int16', 2],
  4: ['uint16', 2],
  5: ['int32', 4],
  6: ['uint32', 4],
  7: ['float32', 4],
  9: ['float64', 8],
}
export type NumberType = 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'float32' | 'float64'

export interface MatArray {
  readonly name: string
  /** The first one varies fastest. */
  readonly dimensions: readonly number[]
  /** How its numbers are stored, little-endian. */
  readonly type: NumberType
}

/** Gets the bytes of an array's numbers, in pieces of any length. */
export type TakeBytes = (piece: Uint8Array) => void

/** Reads all arrays of a file. `choose` sees each array before its numbers and returns who takes them, or null. */
export async function readMat(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  choose: (array: MatArray) => TakeBytes | null,
): Promise<void> {
  const source = new ByteSource(chunks, file)
  const header = await source.read(HEADER_BYTES)
  const text = Buffer.from(header).toString('latin1')
  if (text.startsWith('MATLAB 7.3') || text.startsWith('\x89HDF')) {
    throw damaged(file, 'a MAT-file of version 7.3 (HDF5), expected level 5; save it with -v7')
  }
  if (!text.startsWith('MATLAB 5.0 MAT-file')) throw damaged(file, 'no MAT-file')
  if (text.slice(126) !== 'IM') throw damaged(file, 'a big-endian MAT-file, which cannot be read here')
  while (!(await source.isAtEnd())) {
    const { type, bytes } = await readTag(source)
    const end = source.position + bytes
    if (type === MATRIX) await readMatrix(source, file, bytes, choose)
    else if (type === COMPRESSED) await readCompressed(source, file, bytes, choose)
    await source.skip(end - source.position)
  }
}

async function readCompressed(
  source: ByteSource,
  file: string,
  bytes: number,
  choose: (array: MatArray) => TakeBytes | null,
): Promise<void> {
  const inflate = createInflate({ chunkSize: 2 ** 18 })
  // The error, if any, comes out of the loop that reads `inflate`.
  const packed = Readable.from(copies(source.pieces(bytes)))
  const finished = new Promise<void>(resolve => pipeline(packed, inflate, () => resolve()))
  try {
    const inner = new ByteSource(inflate, file)
    const tag = await readTag(inner)
    if (tag.type !== MATRIX) throw damaged(file, 'damaged: a compressed part is no array')
    await readMatrix(inner, file, tag.bytes, choose)
  } catch (cause) {
    if (cause instanceof DenseNetError) throw cause
    throw damaged(file, `damaged: ${cause instanceof Error ? cause.message : cause}`, cause)
  } finally {
    inflate.destroy()
    await finished
  }
}

/** A stream reads ahead, when the piece before may no longer be there. */
async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield Uint8Array.from(piece)
}

async function readMatrix(
  source: ByteSource,
  file: string,
  bytes: number,
  choose: (array: MatArray) => TakeBytes | null,
): Promise<void> {
  const end = source.position + bytes
  const [kind = 0] = await readSmall(source, file)
  const shape = await readSmall(source, file)
  const name = Buffer.from(await readSmall(source, file)).toString('latin1')
  const dimensions = [...new Int32Array(shape.slice().buffer, 0, shape.length >> 2)]
  const tag = await readTag(source)
  const numbers = NUMBERS[tag.type]
  // Structures, cells and text are none of our business.
  if (kind < FIRST_NUMERIC || kind > LAST_NUMERIC || numbers === undefined) return
  const [type, size] = numbers
  const length = tag.inline?.length ?? tag.bytes
  const count = dimensions.reduce((product, length) => product * length, 1)
  if (dimensions.some(length => length < 0) || count * size !== length || source.position + tag.bytes > end) {
    throw damaged(file, `damaged: ${name} of ${dimensions.join(' x ')} numbers has ${length} bytes`)
  }
  const take = choose({ name, dimensions, type })
  if (take === null) return
  if (tag.inline) take(tag.inline)
  else for await (const piece of source.pieces(tag.bytes)) take(piece)
}

/** `inline`: a small element has its bytes in the tag itself. */
async function readTag(source: ByteSource): Promise<{ type: number; bytes: number; inline?: Uint8Array }> {
  const tag = Buffer.from(await source.read(8))
  const first = tag.readUInt32LE(0)
  if (first >>> 16 === 0) return { type: first, bytes: tag.readUInt32LE(4) }
  return { type: first & 0xffff, bytes: 0, inline: Uint8Array.from(tag.subarray(4, 4 + Math.min(4, first >>> 16))) }
}

/** An element of a few bytes, with what fills it up to a multiple of eight. */
async function readSmall(source: ByteSource, file: string): Promise<Uint8Array> {
  const { bytes, inline } = await readTag(source)
  if (inline !== undefined) return inline
  if (bytes > MOST_SMALL_BYTES) throw damaged(file, `damaged: ${bytes} bytes for the name or shape of an array`)
  const content = Uint8Array.from(await source.read(bytes))
  await source.skip(-bytes & 7)
  return content
}

function damaged(file: string, what: string, cause?: unknown): DenseNetError {
  return new DenseNetError(`${file} is ${what}`, { cause })
}

/** Bytes in their order, whatever pieces they come in. */
class ByteSource {
  position = 0
  #iterator: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array(0)

  constructor(
    chunks: AsyncIterable<Uint8Array>,
    private readonly file: string,
  ) {
    this.#iterator = chunks[Symbol.asyncIterator]()
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#iterator.next()
      if (done) return true
      this.#rest = value
    }
    return false
  }

  /** Exactly so many bytes, in pieces that are valid until the next one. */
  async *pieces(bytes: number): AsyncGenerator<Uint8Array> {
    for (let left = bytes; left > 0; ) {
      if (await this.isAtEnd()) throw damaged(this.file, `damaged: it ends after ${this.position} bytes, too early`)
      const piece = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(piece.length)
      this.position += piece.length
      left -= piece.length
      yield piece
    }
  }

  async read(bytes: number): Promise<Uint8Array> {
    const all = new Uint8Array(bytes)
    let at = 0
    for await (const piece of this.pieces(bytes)) {
      all.set(piece, at)
      at += piece.length
    }
    return all
  }

  async skip(bytes: number): Promise<void> {
    for await (const _ of this.pieces(Math.max(0, bytes)));
  }
}
