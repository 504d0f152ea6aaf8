// Files out of a tar archive as it streams by.
import { DenseNetError } from '../../src/errors.js'

const BLOCK = 512
const LARGEST = 64 * 1024 * 1024

/** Those of these names, whatever folders they are in. */
export async function filesOfTar(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  wanted: readonly string[],
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const reader = stream.getReader()
  const files = new Map<string, Uint8Array<ArrayBuffer>>()
  let piece: Uint8Array = new Uint8Array()
  /** Fills `into`, or passes over so many bytes; false: the archive is at its end. */
  const take = async (length: number, into: Uint8Array | null): Promise<boolean> => {
    for (let done = 0; done < length; ) {
      if (piece.length === 0) {
        const { value, done: ended } = await reader.read()
        if (ended) return false
        piece = value
      }
      const some = piece.subarray(0, length - done)
      into?.set(some, done)
      done += some.length
      piece = piece.subarray(some.length)
    }
    return true
  }
  const header = new Uint8Array(BLOCK)
  try {
    while (await take(BLOCK, header)) {
      const text = (from: number, to: number): string =>
        new TextDecoder('latin1').decode(header.subarray(from, to)).replace(/\0[\s\S]*$/, '')
      const name = text(0, 100).split('/').at(-1)!
      const size = Number.parseInt(text(124, 136).trim() || '0', 8)
      if (!(size >= 0)) throw new DenseNetError('it is no tar archive')
      const file = wanted.includes(name) && size <= LARGEST ? new Uint8Array(size) : null
      const padding = (BLOCK - (size % BLOCK)) % BLOCK
      if (!(await take(size, file)) || !(await take(padding, null))) throw new DenseNetError('the archive is cut short')
      if (file) files.set(name, file)
      if (wanted.every(name => files.has(name))) break
    }
  } catch (error) {
    if (error instanceof DenseNetError) throw error
    throw new DenseNetError(`the archive cannot be unpacked: ${(error as Error).message}`, { cause: error })
  } finally {
    await reader.cancel().catch(() => {})
  }
  return files
}
