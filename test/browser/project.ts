// Pages that have densenet from its package: built by a bundler as a stranger would, served with the headers of isolation
// or without, opened in Chromium.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
}

/** A folder with the project of test/browser/project, and the package in its node_modules. */
export function makeProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-browser-'))
  cpSync(fileURLToPath(new URL('project', import.meta.url)), folder, { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'densenet'))
  return folder
}

export interface Served {
  readonly address: string
  /** What was asked for, by the name of the file. */
  readonly sent: ReadonlyMap<string, Uint8Array>
  close(): void
}

/** Serves a folder; below /plain/ without the headers of isolation. */
export async function serveFolder(folder: string): Promise<Served> {
  const sent = new Map<string, Uint8Array>()
  const server: Server = createServer(({ url = '' }, response) => {
    const [, plain, name = ''] = /^(\/plain)?\/([^?]*)/.exec(url)!
    try {
      const asked = name || 'index.html'
      const file = readFileSync(join(folder, asked))
      sent.set(asked, file)
      response.writeHead(200, {
        'Content-Type': TYPES[extname(asked)] ?? 'application/octet-stream',
        ...(plain ? {} : ISOLATED),
      })
      response.end(file)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { address: `http://localhost:${(server.address() as AddressInfo).port}`, sent, close: () => server.close() }
}
