// How long a safetensors file has to be, by its header alone.
import { open } from 'node:fs/promises'
import { headerEnd, LENGTH_BYTES, parseHeader } from '../interop/safetensors.js'

/** Throws a sentence when the header is damaged. */
export async function safetensorsBytes(path: string): Promise<number> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const length = Buffer.alloc(Math.min(LENGTH_BYTES, size))
    await file.read(length, 0, length.length, 0)
    const end = headerEnd(length, path, size)
    const header = Buffer.alloc(end - LENGTH_BYTES)
    await file.read(header, 0, header.length, LENGTH_BYTES)
    const { entries } = parseHeader(header, path)
    return end + Math.max(0, ...entries.map(([, { data_offsets }]) => data_offsets[1]))
  } finally {
    await file.close()
  }
}
