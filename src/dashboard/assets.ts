// The page and its files, from memory, compressed as the build left them. A file's name holds its content's hash, so
// that browsers keep it for good.
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context } from 'hono'
import { DenseNetError } from '../errors.js'
import { errorCode } from '../node/files.js'

const FOLDER = fileURLToPath(new URL('./page', import.meta.url))
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}
/** Endings of compressed files, best first. */
const ENCODINGS = { br: '.br', gzip: '.gz' } as const

/** Answers with a file of the page; null when it has none of that path. */
export function pageFiles(folder = FOLDER): (context: Context, path: string) => Response | null {
  const files = new Map(namesIn(folder).map(name => [`/${name}`, new Uint8Array(readFileSync(join(folder, name)))]))
  return (context, path) => {
    const name = path === '/' ? '/index.html' : path
    const type = TYPES[extname(name)]
    const plain = files.get(name)
    if (!plain || type === undefined) return null
    const accepted = (context.req.header('accept-encoding') ?? '').split(',').map(part => part.trim().split(';')[0])
    const encoding = (['br', 'gzip'] as const).find(
      encoding => accepted.includes(encoding) && files.has(name + ENCODINGS[encoding]),
    )
    const headers: Record<string, string> = {
      'Content-Type': type,
      Vary: 'Accept-Encoding',
      'Cache-Control': name.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      ...(encoding ? { 'Content-Encoding': encoding } : {}),
    }
    return context.body(encoding ? files.get(name + ENCODINGS[encoding])! : plain, 200, headers)
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause
    throw new DenseNetError('the pages of the dashboard are not built', { hint: 'npm run build', cause })
  }
}
