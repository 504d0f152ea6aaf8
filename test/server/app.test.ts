// What is asked and answered, without sockets: bodies of every kind, and everything that can be wrong with them.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createServer, type DenseNetServer } from '../../dist/server/server.js'
import { relativeError } from '../golden/compare.js'
import { on, picture, tinyModel } from './fixtures.js'

type Body = NonNullable<RequestInit['body']>

const model = tinyModel()
const pictures = await Promise.all([0, 1, 2].map(seed => picture(seed)))
const expected = await model.classify(pictures, { on })
let server: DenseNetServer
const errors: string[] = []

beforeAll(async () => {
  server = await createServer(model, {
    port: 0,
    backend: 'reference',
    maxBodyBytes: 4000,
    maxImages: 3,
    maxPixels: 5000,
    onError: message => errors.push(message),
  })
})
afterAll(() => server.close())

async function ask(path: string, body: Body, type?: string, headers: Record<string, string> = {}) {
  const init = {
    method: 'POST',
    body,
    headers: { ...(type === undefined ? {} : { 'Content-Type': type }), ...headers },
  }
  const answer = await server.app.request(path, init)
  // biome-ignore lint/suspicious/noExplicitAny: any JSON
  return { status: answer.status, json: (await answer.json()) as any, headers: answer.headers }
}
const form = (...files: [string, Uint8Array][]): FormData => {
  const made = new FormData()
  for (const [name, bytes] of files) made.append('image', new Blob([Uint8Array.from(bytes)]), name)
  return made
}
const base64 = (bytes: Buffer): string => bytes.toString('base64')

describe('POST /v1/classify', () => {
  test.each(['image/png', 'image/jpeg', 'application/octet-stream', 'IMAGE/PNG; charset=x'])(
    'an image as it is, %s: the answer of model.classify',
    async type => {
      const { status, json } = await ask('/v1/classify', pictures[0]!, type)
      expect([status, json.model, json.results.length]).toEqual([200, 'tiny', 1])
      expect(json.results[0]).toEqual({ name: null, predictions: expected[0] })
      expect(json.milliseconds).toBeGreaterThan(0)
    },
  )

  test('a picture that is almost black, for it has 12 bits in 16, is answered with a warning', async () => {
    const raw = { width: 2, height: 2, channels: 1 } as const
    const dark = sharp(Uint16Array.from([0, 100, 4095, 9]), { raw })
      .toColourspace('grey16')
      .png()
    const { status, json } = await ask('/v1/classify', await dark.toBuffer(), 'image/png')
    expect([status, json.results[0].predictions.length > 0]).toEqual([200, true])
    expect(json.results[0].warning).toMatch(/^its 16-bit pixels reach 4095 of 65535, so it is almost black/)
  })

  test('a form with several, each under its name', async () => {
    const { status, json } = await ask(
      '/v1/classify?top=1',
      form(['a.png', pictures[0]!], ['b, "c".png', pictures[1]!]),
    )
    expect(status).toBe(200)
    expect(json.results).toEqual([
      { name: 'a.png', predictions: expected[0]!.slice(0, 1) },
      { name: expect.stringContaining('b, '), predictions: expected[1]!.slice(0, 1) },
    ])
  })

  test('JSON: one image, several, data: URLs', async () => {
    const one = await ask('/v1/classify', JSON.stringify({ image: base64(pictures[1]!) }), 'application/json')
    expect(one.json.results).toEqual([{ name: null, predictions: expected[1] }])
    const images = [base64(pictures[2]!), `data:image/png;base64,${base64(pictures[0]!)}`]
    const two = await ask('/v1/classify', JSON.stringify({ images }), 'application/json; charset=utf-8')
    expect(two.json.results.map(({ predictions }: { predictions: object }) => predictions)).toEqual([
      expected[2],
      expected[0],
    ])
  })

  test('one unreadable image among others is said so, all unreadable are an error', async () => {
    const bad = Buffer.from('no image')
    const some = await ask('/v1/classify', form(['a.png', pictures[0]!], ['bad', bad]))
    expect(some.status).toBe(200)
    expect(some.json.results[1]).toEqual({ name: 'bad', error: 'it is no image of a known format' })
    const none = await ask('/v1/classify', bad, 'image/png')
    expect([none.status, none.json.results]).toEqual([400, [{ name: null, error: 'it is no image of a known format' }]])
  })
})

describe('POST /v1/features', () => {
  test('are those of model.features', async () => {
    const { status, json } = await ask('/v1/features', form(['a', pictures[0]!], ['b', pictures[1]!]))
    const { data } = await model.features(pictures.slice(0, 2), { on })
    expect([status, json.layer]).toEqual([200, 'pooled'])
    const found = json.results.flatMap(({ features }: { features: number[] }) => features)
    expect(relativeError(found, data)).toBeLessThan(1e-6)
  })
})

describe('wrong bodies', () => {
  const png = pictures[0]!
  type Case = [name: string, body: Body, type: string | undefined, status: number, error: string]
  test.each<Case>([
    ['no type', png, '', 415, 'a body without Content-Type is no image'],
    [
      "curl's own type",
      'a=b',
      'application/x-www-form-urlencoded',
      415,
      'application/x-www-form-urlencoded is no image',
    ],
    ['text', 'hello', 'text/plain', 415, 'text/plain is no image'],
    ['nothing', '', 'image/png', 400, 'the body is empty'],
    ['too much', Buffer.alloc(4001), 'image/png', 413, 'the body is larger than 4000 bytes'],
    ['a form without files', new URLSearchParams(), 'multipart/form-data; boundary=x', 400, 'the body is'],
    [
      'a form cut short',
      '--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nabc',
      'multipart/form-data; boundary=x',
      400,
      'the body is no whole multipart/form-data',
    ],
    ['a form without a boundary', '--x--', 'multipart/form-data', 400, 'the body is no whole multipart/form-data'],
    [
      'a form of text',
      '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nabc\r\n--x--\r\n',
      'multipart/form-data; boundary=x',
      400,
      'the form has no files; send each image as a file',
    ],
    ['no JSON', '{"image"', 'application/json', 400, 'the body is no JSON'],
    ['JSON that is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'application/json', 400, 'the body is no JSON'],
    ['another JSON', '{"picture":"abc"}', 'application/json', 400, 'the JSON is not { "image": base64 }'],
    ['JSON null', 'null', 'application/json', 400, 'the JSON is not'],
    ['no images', '{"images":[]}', 'application/json', 400, 'the JSON is not'],
    ['deep JSON', '['.repeat(1900) + ']'.repeat(1900), 'application/json', 400, 'the JSON is not'],
    ['no base64', '{"image":"%%%"}', 'application/json', 400, 'the image is not base64'],
    ['no base64 among others', '{"images":["abcd","a b"]}', 'application/json', 400, 'image 2 is not base64'],
    [
      'too many images',
      '{"images":["abcd","abcd","abcd","abcd"]}',
      'application/json',
      413,
      '4 images are more than the 3 that a request may have',
    ],
  ])('%s', async (_, body, type, status, error) => {
    const answer = await ask('/v1/classify', body, type)
    expect([answer.status, Object.keys(answer.json)]).toEqual([status, ['error']])
    expect(answer.json.error.startsWith(error), answer.json.error).toBe(true)
    expect(answer.json.error).not.toContain('\n')
  })

  test.each(['gzip', 'br'])('encoded with %s', async encoding => {
    const { status, json } = await ask('/v1/classify', png, 'image/png', { 'Content-Encoding': encoding })
    expect([status, json.error]).toEqual([415, `the body is encoded with ${encoding}; send it as it is`])
  })

  test('a picture of too many pixels is not decoded', async () => {
    const { status, json } = await ask('/v1/classify', await flat(80), 'image/png')
    expect(status).toBe(400)
    expect(json.results[0].error).toContain('it cannot be decoded: Input image exceeds pixel limit')
  })

  test.each(['0', '-1', '1.5', 'x', '', '1e9'])('top=%s', async top => {
    const { status, json } = await ask(`/v1/classify?top=${top}`, png, 'image/png')
    expect([status, json.error]).toEqual([400, 'top is a whole number of at least 1'])
  })

  test('nothing of all this was the server failing', () => expect(errors).toEqual([]))
})

async function flat(size: number): Promise<Buffer> {
  const { default: sharp } = await import('sharp')
  return sharp({ create: { width: size, height: size, channels: 3, background: 'red' } })
    .png()
    .toBuffer()
}

describe('other paths', () => {
  const get = (path: string, headers = {}) => server.app.request(path, { headers })

  test('/v1/model', async () => {
    expect(await (await get('/v1/model')).json()).toMatchObject({
      name: 'tiny',
      classes: ['red', 'green', 'blue'],
      classCount: 3,
      multiLabel: false,
      input: { channels: 3, height: 8, width: 8 },
      limits: { bodyBytes: 4000, pixels: 5000, images: 3 },
    })
  })

  test('/health', async () => {
    const answer = await get('/health')
    expect([answer.status, await answer.json()]).toEqual([200, { live: true, ready: true }])
  })

  test('/metrics is what Prometheus reads', async () => {
    await ask('/v1/classify', pictures[0]!, 'image/png')
    await get('/no/such/path')
    const answer = await get('/metrics')
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const text = await answer.text()
    const sample = /^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? \d+(\.\d+)?(e[+-]?\d+)?$/
    const lines = text.trimEnd().split('\n')
    expect(lines.filter(line => !line.startsWith('#') && !sample.test(line))).toEqual([])
    const value = (name: string) =>
      Number(
        lines
          .find(line => line.startsWith(name))
          ?.split(' ')
          .at(-1),
      )
    expect(value('densenet_http_requests_total{route="/v1/classify",status="200"}')).toBeGreaterThan(5)
    expect(value('densenet_http_requests_total{route="other",status="404"}')).toBe(1)
    expect(text).not.toContain('no/such/path')
    expect(value('densenet_batch_size_sum')).toBeGreaterThan(10)
    expect(value('densenet_batch_size_bucket{le="+Inf"}')).toBe(value('densenet_batch_size_count'))
    expect(value('densenet_queued_images')).toBe(0)
    expect(value('densenet_requests_in_flight')).toBe(0)
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e7)
  })

  test('/openapi.json describes every path, and no other', async () => {
    // biome-ignore lint/suspicious/noExplicitAny: any JSON
    const described = (await (await get('/openapi.json')).json()) as any
    expect(described.openapi).toBe('3.1.0')
    expect(Object.keys(described.paths).sort()).toEqual(
      ['/health', '/metrics', '/v1/classify', '/v1/features', '/v1/model', '/v1/segment'].sort(),
    )
    for (const reference of JSON.stringify(described).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
      expect(described.components.schemas).toHaveProperty(reference[1]!)
    }
  })

  test('/openapi.json says what programs were made for', async () => {
    const { info, ...described } = (await (await get('/openapi.json')).json()) as { info: object }
    expect(info).toMatchObject({ title: 'densenet' })
    const known = readFileSync(new URL('openapi.json', import.meta.url), 'utf8')
    expect(described).toEqual(JSON.parse(known))
  })

  test('/ is a page with a policy that names its own script and style', async () => {
    const answer = await get('/')
    expect(answer.headers.get('content-type')).toContain('text/html')
    const policy = answer.headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'")
    const page = await answer.text()
    const inline = [...page.matchAll(/<(style|script)[^>]*>(.*?)<\/\1>/gs)]
    expect(inline.map(([, kind]) => kind)).toEqual(['style', 'script'])
    for (const [, kind, text] of inline) {
      expect(policy).toContain(`${kind}-src 'sha256-${createHash('sha256').update(text!).digest('base64')}'`)
    }
    expect(page).not.toMatch(/(src|href)="https?:/)
  })

  test.each<[string, string, number, string]>([
    ['GET', '/nothing', 404, 'there is nothing at /nothing; /openapi.json lists what there is'],
    ['GET', '/v1/classify', 405, '/v1/classify takes POST, not GET'],
    ['DELETE', '/health', 405, '/health takes GET, HEAD, not DELETE'],
  ])('%s %s', async (method, path, status, error) => {
    const answer = await server.app.request(path, { method })
    expect([answer.status, await answer.json()]).toEqual([status, { error }])
  })

  test.each<[Record<string, string>, number]>([
    [{ Host: 'localhost:8000' }, 200],
    [{ Host: '127.0.0.1' }, 200],
    [{ Host: '[::1]:80', Origin: 'http://[::1]:80' }, 200],
    [{ Host: 'evil.example' }, 403],
    [{ Host: '127.0.0.1.evil.example:8000' }, 403],
    [{ Host: 'localhost:8000', Origin: 'http://evil.example' }, 403],
    [{ Host: 'localhost:8000', Origin: 'null' }, 403],
    [{ Host: 'localhost:8000', Origin: 'http://localhost:8000' }, 200],
  ])('other web sites are kept away: %j', async (headers, status) => {
    const answer = await get('/v1/model', headers)
    expect(answer.status).toBe(status)
    if (status === 403) expect(await answer.json()).toEqual({ error: expect.any(String) })
  })
})

describe('options', () => {
  test.each<[object, string]>([
    [{ port: -1 }, 'expected a whole number from 0 to 65535 for port, got -1'],
    [{ batchSize: 0 }, 'expected a whole number of at least 1 for batchSize, got 0'],
    [{ maxWaitMilliseconds: Number.NaN }, 'expected a number from 0 to 60000 for maxWaitMilliseconds, got NaN'],
    [{ timeoutSeconds: 0 }, 'expected a number above 0 and up to 3600 for timeoutSeconds, got 0'],
    [{ host: '' }, 'expected the name or address of an interface for host, got ""'],
    [{ host: '203.0.113.7' }, 'this machine has no interface 203.0.113.7'],
  ])('%j', async (options, message) => {
    await expect(createServer(model, { port: 0, backend: 'reference', ...options })).rejects.toThrow(message)
  })

  test('a network that does not know how images are normalised', async () => {
    const unknown = tinyModel()
    unknown.normalisation = null
    await expect(createServer(unknown, { port: 0, backend: 'reference' })).rejects.toMatchObject({ code: 'usage' })
  })

  test('a port in use', async () => {
    const port = Number(new URL(server.url).port)
    await expect(createServer(model, { port, backend: 'reference' })).rejects.toThrow(
      `port ${port} of 127.0.0.1 is in use`,
    )
  })
})
