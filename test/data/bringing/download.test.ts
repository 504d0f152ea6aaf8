import { access, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { download } from '../../../dist/data/bringing/download.js'
import { DenseNetError } from '../../../dist/errors.js'
import { deadAddress, noise, send, serve, sha256, temporaryFolder } from '../tiny.js'

const content = noise(300_000, 7)
const remote = (address: string, bytes = content) => ({
  url: `${address}/file.bin`,
  size: bytes.length,
  sha256: sha256(bytes),
})
const quick = { retryPause: 1 }

async function target() {
  const folder = await temporaryFolder()
  return { folder, path: join(folder, 'file.bin') }
}

async function failure(promise: Promise<unknown>): Promise<DenseNetError> {
  const error = await promise.then(
    () => undefined,
    e => e,
  )
  expect(error).toBeInstanceOf(DenseNetError)
  return error
}

describe('download', () => {
  test('brings a file and reports its progress', async () => {
    const { address } = await serve((request, response) => send(request, response, content))
    const { folder, path } = await target()
    const seen: number[] = []
    await download(remote(address), path, { onProgress: received => seen.push(received) })
    expect(sha256(await readFile(path))).toBe(sha256(content))
    expect(seen.at(-1)).toBe(content.length)
    expect(await readdir(folder)).toEqual(['file.bin'])
  })

  test('continues a transfer that broke off, by Range', async () => {
    const { address, asked } = await serve((request, response, count) =>
      send(request, response, content, count <= 2 ? 100_000 : undefined),
    )
    const { path } = await target()
    await download(remote(address), path, quick)
    expect(sha256(await readFile(path))).toBe(sha256(content))
    expect(asked[0]!.range).toBeUndefined()
    expect(asked).toHaveLength(3)
    for (const { range } of asked.slice(1)) expect(range).toMatch(/^bytes=[1-9]\d*-$/)
  })

  test('continues what an earlier run left', async () => {
    const { address, asked } = await serve((request, response) => send(request, response, content))
    const { path } = await target()
    await writeFile(`${path}.part`, content.subarray(0, 1234))
    await download(remote(address), path)
    expect(asked).toEqual([{ range: 'bytes=1234-' }])
    expect(sha256(await readFile(path))).toBe(sha256(content))
  })

  test('begins again when what an earlier run left is of another file', async () => {
    const { address } = await serve((request, response) => send(request, response, content))
    const { path } = await target()
    await writeFile(`${path}.part`, noise(5000, 99))
    await download(remote(address), path)
    expect(sha256(await readFile(path))).toBe(sha256(content))
  })

  test('begins again when the server ignores Range, or answers it with 416', async () => {
    for (const status of [200, 416]) {
      const { address } = await serve((request, response) => {
        if (request.headers.range !== undefined && status === 416) {
          response.statusCode = 416
          response.end()
        } else response.end(content)
      })
      const { path } = await target()
      await writeFile(`${path}.part`, content.subarray(0, 5000))
      await download(remote(address), path, quick)
      expect(sha256(await readFile(path))).toBe(sha256(content))
    }
  })

  test('gives up after some tries without getting further, and keeps what it has', async () => {
    const { address, asked } = await serve((request, response, count) =>
      count === 1 ? send(request, response, content, 1000) : response.destroy(),
    )
    const { folder, path } = await target()
    // A connection refused in the middle of it all counts as unreachable; this server breaks off without an answer.
    const error = await failure(download(remote(address), path, { ...quick, retries: 2 }))
    expect(error.message).toContain('127.0.0.1')
    expect(asked.length).toBeLessThanOrEqual(4)
    expect(await readdir(folder)).toEqual(['file.bin.part'])
  })

  test('refuses other contents, and leaves nothing', async () => {
    const altered = content.slice()
    altered[150_000]! ^= 1
    const { address } = await serve((request, response) => send(request, response, altered))
    const { folder, path } = await target()
    const error = await failure(download(remote(address), path))
    expect(error.message).toContain(`SHA-256 ${sha256(altered)} instead of ${sha256(content)}`)
    expect(await readdir(folder)).toEqual([])
  })

  test('refuses a wrong length, an error page and endless bytes', async () => {
    const { path } = await target()
    const shorter = await serve((_, response) => response.end('<html>log in to the hotel network</html>'))
    expect((await failure(download(remote(shorter.address), path))).message).toMatch(/\d+ bytes long instead of 300000/)
    const missing = await serve((_, response) => {
      response.statusCode = 404
      response.end('no such file')
    })
    expect((await failure(download(remote(missing.address), path))).message).toContain('answered 404 Not Found')
    const endless = await serve((_, response) => {
      const more = () => {
        if (!response.destroyed) response.write(content, () => setImmediate(more))
      }
      more()
    })
    expect((await failure(download(remote(endless.address), path))).message).toContain('more than the expected 300000')
  })

  test('says why a host cannot be reached, at once', async () => {
    const { path } = await target()
    const error = await failure(download(remote(await deadAddress()), path))
    expect(error.message).toMatch(/^127\.0\.0\.1:\d+: the connection was refused$/)
  })

  test('does not wait for ever, neither for the answer nor in the middle', async () => {
    const silent = await serve(() => {})
    const { path } = await target()
    const error = await failure(download(remote(silent.address), path, { connectTimeout: 50 }))
    expect(error.message).toContain('gave no answer within 0.05 s')
    const stuck = await serve((_, response) => {
      response.setHeader('content-length', content.length)
      response.write(content.subarray(0, 1000))
    })
    const middle = await failure(download(remote(stuck.address), path, { idleTimeout: 50, retries: 0 }))
    expect(middle.message).toContain('was silent for 0.05 s')
  })

  test('stops on request and continues next time', async () => {
    const { address, asked } = await serve((request, response, count) => {
      if (count > 1) return send(request, response, content)
      response.setHeader('content-length', content.length)
      response.write(content.subarray(0, 1000))
    })
    const { path } = await target()
    const control = new AbortController()
    const error = await failure(
      download(remote(address), path, { signal: control.signal, onProgress: () => control.abort() }),
    )
    expect(error.code).toBe('aborted')
    await download(remote(address), path)
    expect(asked[1]!.range).toBe('bytes=1000-')
    expect(sha256(await readFile(path))).toBe(sha256(content))
  })

  test.skipIf(process.platform !== 'linux')(
    'says in a sentence that the disk is full, and leaves nothing',
    async () => {
      await access('/dev/full')
      const { address } = await serve((request, response) => send(request, response, content))
      const { folder, path } = await target()
      await symlink('/dev/full', `${path}.part`)
      const error = await failure(download(remote(address), path))
      expect(error.message).toMatch(/^no space left on the disk while writing /)
      expect(await readdir(folder)).toEqual([])
    },
  )
})
