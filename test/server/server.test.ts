// Real sockets: overload, slow and broken clients, clients that go, and an orderly end.
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createServer, type DenseNetServer, type ServerOptions } from '../../dist/server/server.js'
import { densenet, densenetAlone } from '../cli/run.js'
import { temporaryFolder } from '../training/fixtures.js'
import { picture, raw, tinyModel } from './fixtures.js'

const png = await picture()
const open: DenseNetServer[] = []
const failures: string[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(server => server.close()))
  expect(failures.splice(0)).toEqual([])
})

async function start(options: ServerOptions = {}): Promise<DenseNetServer> {
  const server = await createServer(tinyModel(), {
    port: 0,
    backend: 'reference',
    ...options,
    onError: message => failures.push(message),
  })
  open.push(server)
  return server
}
const send = (server: DenseNetServer, init: RequestInit = {}) =>
  fetch(`${server.url}/v1/classify`, { method: 'POST', body: png, headers: { 'Content-Type': 'image/png' }, ...init })
interface Classified {
  readonly results: readonly { readonly predictions: readonly object[] }[]
}
const metric = async (server: DenseNetServer, name: string): Promise<number> => {
  const text = await (await server.app.request('/metrics')).text()
  return Number(
    text
      .split('\n')
      .find(line => line.startsWith(`${name} `))
      ?.split(' ')[1],
  )
}
const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 5))
}
const head = (length: number, more = ''): string =>
  `POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: ${length}\r\n${more}\r\n`

describe('many at once', () => {
  test('share batches, and each gets its own answer', async () => {
    const server = await start({ batchSize: 4, maxWaitMilliseconds: 50 })
    const pictures = await Promise.all(Array.from({ length: 12 }, (_, i) => picture(i)))
    const alone = await Promise.all(
      pictures.map(body => send(server, { body }).then(answer => answer.json() as Promise<Classified>)),
    )
    const model = tinyModel()
    for (const [i, { results }] of alone.entries()) {
      const [best] = await model.classify(pictures[i]!, { backend: 'reference' })
      expect(results[0]!.predictions[0]).toEqual(best)
    }
    model.dispose()
    expect(await metric(server, 'densenet_batch_size_sum')).toBe(12)
    expect(await metric(server, 'densenet_batch_size_count')).toBeLessThan(12)
  })

  test('more than the queue takes: 503 with Retry-After, and the others are answered', async () => {
    const server = await start({ queue: 3, batchSize: 8, maxWaitMilliseconds: 400 })
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(server)))
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual([...Array(3).fill(200), ...Array(7).fill(503)])
    for (const answer of answers.filter(({ status }) => status === 503)) {
      expect(answer.headers.get('retry-after')).toBe('1')
      expect(await answer.json()).toEqual({ error: expect.any(String) })
    }
    expect((await send(server)).status).toBe(200)
  })

  test('images count, not only requests', async () => {
    const server = await start({ queue: 4, batchSize: 8, maxWaitMilliseconds: 400 })
    const three = () => ({
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ images: Array(3).fill(png.toString('base64')) }),
    })
    const answers = await Promise.all([send(server, three()), send(server, three())])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 503])
  })

  test('an answer that takes too long: 504', async () => {
    const server = await start({ batchSize: 8, maxWaitMilliseconds: 60_000, timeoutSeconds: 0.3 })
    const answer = await send(server)
    expect([answer.status, await answer.json()]).toEqual([504, { error: 'the answer took longer than 0.3 seconds' }])
    expect(await metric(server, 'densenet_queued_images')).toBe(0)
  })

  test('work for a client that is gone is dropped', async () => {
    const server = await start({ batchSize: 8, maxWaitMilliseconds: 60_000 })
    const controller = new AbortController()
    const answer = send(server, { signal: controller.signal }).catch((error: Error) => error.name)
    await until(async () => (await metric(server, 'densenet_queued_images')) === 1)
    controller.abort()
    expect(await answer).toBe('AbortError')
    await until(async () => (await metric(server, 'densenet_queued_images')) === 0)
    await until(async () => (await metric(server, 'densenet_requests_in_flight')) === 0)
  })
})

describe('odd clients', () => {
  test('a body that never comes whole: 408, and the connection ends', async () => {
    const server = await start({ timeoutSeconds: 0.5 })
    const { answer, ended } = await raw(server.url, head(png.length) + png.subarray(0, 20).toString('latin1'))
    expect(ended).toBe(true)
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    await until(async () => (await metric(server, 'densenet_requests_in_flight')) === 0)
  })

  test('headers that never end: 408', async () => {
    const server = await start({ timeoutSeconds: 0.6 })
    const { answer, ended } = await raw(server.url, 'GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
    expect(ended).toBe(true)
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
  })

  test('huge headers: 431', async () => {
    const server = await start()
    const { answer } = await raw(
      server.url,
      `GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 431 /)
  })

  test.each<[string, string | Buffer]>([
    ['garbage', Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 73) % 256))],
    ['no HTTP', 'HELO example.org\r\n\r\n'],
    ['a negative length', 'POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n'],
    ['two lengths', head(5, 'Content-Length: 6\r\n')],
    [
      'a broken chunk',
      'POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
    ['an odd path', 'GET //[x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
    ['an odd host', 'GET /health HTTP/1.1\r\nHost: a b%c\r\nConnection: close\r\n\r\n'],
  ])('%s: refused, and the next one is answered', async (_, text) => {
    const server = await start()
    const { answer, socket } = await raw(server.url, text, 3000)
    expect(answer).toMatch(/^HTTP\/1.1 4\d\d /)
    socket.destroy()
    expect((await send(server)).status).toBe(200)
  })

  test('a body that is larger than it may be, in pieces of unknown number: 413', async () => {
    const server = await start({ maxBodyBytes: 10_000 })
    const chunk = `1000\r\n${'a'.repeat(0x1000)}\r\n`
    const start_ =
      'POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n'
    const { answer, ended } = await raw(server.url, start_ + chunk.repeat(4), 3000)
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(answer).toContain('the body is larger than 10000 bytes')
    expect(ended).toBe(true)
  })

  test('a client that hangs up in the middle of its body', async () => {
    const server = await start()
    const { socket } = await raw(server.url, `${head(1000)}abc`, 100)
    socket.destroy()
    await until(async () => (await metric(server, 'densenet_requests_in_flight')) === 0)
    expect((await send(server)).status).toBe(200)
  })
})

describe('the end', () => {
  test('what has come is answered, what comes is refused', async () => {
    const server = await start({ batchSize: 8, maxWaitMilliseconds: 300 })
    const answer = send(server)
    await until(async () => (await metric(server, 'densenet_queued_images')) === 1)
    const closed = server.close()
    const health = await server.app.request('/health')
    expect([health.status, await health.json()]).toEqual([503, { live: true, ready: false }])
    const late = await server.app.request('/v1/classify', { method: 'POST', body: png })
    expect([late.status, await late.json()]).toEqual([503, { error: 'the server is about to stop' }])
    await expect(send(server)).rejects.toThrow()
    const { status, headers } = await answer
    expect([status, headers.get('connection')]).toEqual([200, 'close'])
    await closed
    expect(server.close()).toBe(server.close())
  })

  test('a client that does not finish is not waited for longer than the timeout', async () => {
    const server = await start({ timeoutSeconds: 0.5 })
    const slow = raw(server.url, `${head(1000)}abc`)
    await until(async () => (await metric(server, 'densenet_requests_in_flight')) === 1)
    await server.close()
    expect((await slow).ended).toBe(true)
  })
})

describe('densenet serve', () => {
  const folder = temporaryFolder()
  const path = join(folder, 'tiny.safetensors')

  /** Starts it and calls `then` once it listens; resolves when it has ended. */
  function serve(args: string[], then: (url: string, child: ChildProcess) => Promise<void>) {
    let called: Promise<void> | undefined
    const onOutput = (out: string, child: ChildProcess): void => {
      const url = /http:\/\/[\d.]+:\d+/.exec(out)?.[0]
      if (url) called ??= then(url, child).finally(() => child.kill('SIGKILL'))
    }
    const all = ['serve', path, '--backend=reference', '--port=0', ...args]
    return densenetAlone(all, { onOutput }).then(async finished => {
      await called
      return finished
    })
  }

  test.each(['SIGTERM', 'SIGINT'] as const)('%s: answers what has come, then exits with 0', async signal => {
    await tinyModel().save(path)
    let status = 0
    const { code, err, out } = await serve(['--max-wait-ms=500'], async (url, child) => {
      const answer = fetch(`${url}/v1/classify`, {
        method: 'POST',
        body: png,
        headers: { 'Content-Type': 'image/png' },
      })
      const text = async () => (await fetch(`${url}/metrics`)).text()
      await until(async () => (await text()).includes('\ndensenet_queued_images 1\n'))
      child.kill(signal)
      status = (await answer).status
      await new Promise(resolve => child.once('exit', resolve))
    })
    expect([code, status, err]).toEqual([0, 200, ''])
    expect(out).toContain('stopping: answering what has come')
  })

  test.each<[string[], string, number]>([
    [['--port=70000'], 'expected a whole number from 0 to 65535 for --port, got 70000', 2],
    [['--batch-size=0'], 'expected a whole number of at least 1 for --batch-size, got 0', 2],
    [['--timeout=0'], 'expected a number above 0 and up to 3600 for --timeout, got 0', 2],
    [['--host=203.0.113.7'], 'this machine has no interface 203.0.113.7', 2],
  ])('%j', async (args, message, expected) => {
    await tinyModel().save(path)
    const { code, err } = await densenet(['serve', path, '--backend=reference', '--port=0', ...args])
    expect(err.split('\n')[0]).toBe(`error: ${message}`)
    expect(code).toBe(expected)
  })
})
