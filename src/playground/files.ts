// The files of the playground by their paths: its page as the build left it, what computes, the network that comes with the
// package, and the service worker, which keeps all of them for when there is no network.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ownSources } from '../backends/wasm/builds.js'
import { DenseNetError } from '../errors.js'
import { SHIPPED } from '../networks/shipped.js'
import { errorCode } from '../node/files.js'

const PAGE = fileURLToPath(new URL('./page', import.meta.url))
const SERVICE_WORKER = 'service-worker.js'

/** Where the page is isolated, there is a thread for each core. Nothing goes to anybody else, and nothing comes from them. */
export const HEADERS: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
}

export async function playgroundFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  const { [SERVICE_WORKER]: worker, ...page } = await pageFiles()
  for (const [path, bytes] of Object.entries(page)) files.set(path, bytes)
  for (const [build, file] of Object.entries(ownSources)) files.set(`${build}.wasm`, await built(file as URL))
  files.set('cifar10.safetensors', await readFile(SHIPPED.path))
  const hash = createHash('sha256')
  for (const bytes of [worker!, ...files.values()]) hash.update(bytes)
  const facts = { version: hash.digest('hex').slice(0, 16), files: [...files.keys()], headers: HEADERS }
  const head = new TextEncoder().encode(`const FACTS = ${JSON.stringify(facts)}\n`)
  return files.set(SERVICE_WORKER, Buffer.concat([head, worker!]))
}

async function pageFiles(): Promise<Record<string, Uint8Array>> {
  try {
    const entries = await readdir(PAGE, { recursive: true, withFileTypes: true })
    const paths = entries.filter(entry => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
    const read = paths
      .sort()
      .map(async path => [path.slice(PAGE.length + 1).replaceAll(sep, '/'), await readFile(path)] as const)
    return Object.fromEntries(await Promise.all(read))
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause
    throw new DenseNetError('the page of the playground is not built', { hint: 'npm run build', cause })
  }
}

async function built(file: URL): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new DenseNetError(`${fileURLToPath(file)} is not built`, {
      hint: 'build it with: npm run build:whole',
      cause,
    })
  }
}
