// A file made with bad intent: a small one that claims or unfolds to be huge, or one that reaches out of its folder.
import { closeSync, ftruncateSync, openSync } from 'node:fs'

export interface Hostile {
  readonly name: string
  /** Who reads it: test/hostile/read.mjs. */
  readonly kind: 'weights' | 'checkpoint' | 'image' | 'list' | 'mat' | 'idx' | 'tar'
  /** The bytes, or what makes the file. */
  readonly make: () => Uint8Array | string | Promise<Uint8Array> | ((path: string) => void)
  /** Null: it is read. */
  readonly message: RegExp | null
  /** What reading it may take beside the program itself; default: 150. */
  readonly megabytes?: number
}

export const sparse =
  (size: number) =>
  (path: string): void => {
    const file = openSync(path, 'w')
    ftruncateSync(file, size)
    closeSync(file)
  }

export const u32be = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
