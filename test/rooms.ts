// The rooms of the house, as CONTRIBUTING.md has them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** A file's text; `path` from the root of the repository. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Paths from the root. */
export const filesIn = (folder: string, ending: RegExp): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(path => ending.test(path))
    .map(path => join(folder, path))
    .sort()

export const sources = filesIn('src', /\.ts$/)

/** Backends' folders that need Node. */
const NODES_BACKENDS = ['native', 'wasm-node', 'webgpu-node']

/** A folder of src/ (of src/data: its folders; backends that need Node are rooms of their own), or a file that lies there itself. */
export function roomOf(path: string): string {
  const [, room, inner] = path.split('/')
  return room === 'data' || (room === 'backends' && NODES_BACKENDS.includes(inner!)) ? `${room}/${inner}` : room!
}

/** Rooms that import nothing of Node: a browser loads them as they are. */
export const ANYWHERE = [
  'fitting',
  'training',
  'ranks',
  'batches',
  'interop',
  'images',
  'backends',
  'engine',
  'model',
  'util',
  'errors.ts',
] as const

export const anywhereFiles = sources.filter(
  path => (ANYWHERE as readonly string[]).includes(roomOf(path)) && !path.endsWith('.d.ts'),
)
