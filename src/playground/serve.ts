// The playground on a port of this machine. All that is served are files that are the same for everybody; what a person
// makes of them stays in the browser.
import { createReadStream } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { dataFolder, findDataset } from '../data/bringing/cache.js'
import { SOURCES } from '../data/bringing/sources.js'
import { closeServer, listenHere } from '../node/listen.js'
import { HEADERS, playgroundFiles } from './files.js'

/** A browser keeps a project for an address, so that is always the same one. */
export const PLAYGROUND_PORT = 8420

/** Where the playground is served. */
export interface PlaygroundOptions {
  /** Default 8420; 0: any that is free, but then a project is not found again. */
  readonly port?: number | undefined
}

/** A playground that is served. */
export interface RunningPlayground {
  readonly url: string
  /** Resolves when nothing is open. */
  close(): Promise<void>
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
}
const HOSTS = /^(127\.0\.0\.1|localhost)(:\d+)?$/

/** Serves the page until it is closed. */
export async function servePlayground({ port = PLAYGROUND_PORT }: PlaygroundOptions = {}): Promise<RunningPlayground> {
  const files = await playgroundFiles()
  const server = createServer((request, response) => void answer(request, response, files))
  const url = await listenHere(server, port, 'choose another --port: a project stays with the one that it was made at')
  return { url, close: () => closeServer(server) }
}

async function answer(
  { headers, url = '/', method }: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  // A name of somebody else's that was made to mean this machine is still another name.
  if (!HOSTS.test(headers.host ?? '')) {
    response.writeHead(403, HEADERS).end('this server answers to the names of this machine only')
    return
  }
  const name = new URL(url, 'http://localhost').pathname.slice(1) || 'index.html'
  const found = files.get(name)
  const type = TYPES[extname(name)] ?? 'application/octet-stream'
  const facts = { ...HEADERS, 'Content-Type': type, 'Cache-Control': 'no-cache' }
  if (found) {
    response.writeHead(200, facts).end(method === 'HEAD' ? undefined : found)
    return
  }
  const images = await cifarFile(name)
  if (!images) response.writeHead(404, HEADERS).end()
  else if (method === 'HEAD') response.writeHead(200, facts).end()
  else
    createReadStream(images)
      .on('error', () => response.destroy())
      .pipe(response.writeHead(200, facts))
}

/** CIFAR-10 where it is on this machine, since its home does not let pages fetch it: cifar10/test_batch.bin. */
async function cifarFile(path: string): Promise<string | null> {
  const file = SOURCES.cifar10.files.find(({ name }) => path === `cifar10/${name}`)
  const location = file && (await findDataset('cifar10', dataFolder(), SOURCES.cifar10))
  return location ? join(location.folder, file.name) : null
}
