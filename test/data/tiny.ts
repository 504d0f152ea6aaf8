// A CIFAR-10 of eight images in the official layout, with its archive, for tests that must not need the internet; and
// a server that hands files out in good and bad ways.

import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { packTar } from 'modern-tar'
import { onTestFinished } from 'vitest'
import type { DataFile, DatasetSources, Source } from '../../dist/data/bringing/sources.js'

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Bytes that look random and are always the same. */
export function noise(length: number, seed: number): Uint8Array {
  let state = seed + 1
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

/** CIFAR-10 records: label i % 10, noise as pixels. */
export function cifarBytes(images: number, seed: number): Uint8Array {
  const bytes = noise(images * 3073, seed)
  for (let i = 0; i < images; i++) bytes[i * 3073] = (i + seed) % 10
  return bytes
}

export const tinyContents = new Map([
  ['data_batch_1.bin', cifarBytes(3, 1)],
  ['data_batch_2.bin', cifarBytes(3, 2)],
  ['test_batch.bin', cifarBytes(2, 3)],
])

export const tinyFiles: readonly DataFile[] = [...tinyContents].map(([name, bytes]) => ({
  name,
  split: name.startsWith('test') ? 'test' : 'train',
  size: bytes.length,
  sha256: sha256(bytes),
}))

export async function tarGz(contents: ReadonlyMap<string, Uint8Array>, folder: string): Promise<Uint8Array> {
  const entries = [...contents].map(([name, body]) => ({
    header: { name: `${folder}/${name}`, size: body.length },
    body,
  }))
  return gzipSync(await packTar(entries))
}

export const tinyArchive = await tarGz(tinyContents, 'cifar-10-batches-bin')

export function archiveSource(address: string, archive: Uint8Array = tinyArchive): Source {
  const url = `${address}/cifar-10-binary.tar.gz`
  return {
    kind: 'archive',
    title: new URL(address).host,
    archive: { url, size: archive.length, sha256: sha256(archive) },
  }
}

export function tinySources(...sources: Source[]): DatasetSources {
  return { files: tinyFiles, usualFolders: ['cifar-10-batches-bin'], sources }
}

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'densenet-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export interface Asked {
  readonly range: string | undefined
}

/** Serves until the test ends. `asked` fills with the requests. */
export async function serve(
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
): Promise<{ address: string; asked: Asked[] }> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    asked.push({ range: request.headers.range })
    answer(request, response, asked.length)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(
    () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** Sends `bytes`, from where the request's Range asks; `stopAfter` bytes it breaks the connection off. */
export function send(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array, stopAfter?: number): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const rest = bytes.subarray(from)
  response.setHeader('content-length', rest.length)
  if (from > 0) {
    response.statusCode = 206
    response.setHeader('content-range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`)
  }
  if (stopAfter === undefined) response.end(rest)
  else response.write(rest.subarray(0, stopAfter), () => setTimeout(() => response.destroy(), 20))
}

/** An address at which nobody listens. */
export async function deadAddress(): Promise<string> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await new Promise<void>(resolve => server.close(() => resolve()))
  return address
}
