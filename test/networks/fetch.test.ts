// Named networks from a server on this machine, with files as torchvision and timm publish them: what arrives, what is
// kept, what is refused, and what both answer for a picture.
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { DenseNet } from '../../dist/densenet.js'
import { topClasses } from '../../dist/inference/classify.js'
import { parseTimmConfig } from '../../dist/interop/timm.js'
import {
  cachedBytes,
  type FetchOptions,
  type FetchProgress,
  fetchModel,
  removeModel,
} from '../../dist/networks/fetch.js'
import { NAMED_MODELS, type NamedFile, type NamedModel, namedModel } from '../../dist/networks/named.js'
import { deadAddress, send, serve, sha256, temporaryFolder } from '../data/tiny.js'
import { fixture } from '../interop/fixtures.js'

const FIXTURES = fileURLToPath(new URL('./fixtures/', import.meta.url))
const picture = join(FIXTURES, 'picture.png')
const answers = JSON.parse(readFileSync(join(FIXTURES, 'answers.json'), 'utf8'))

/** The eight digits in torchvision's file names are the first of its SHA-256. */
const pth = fixture('published.pth')
const PTH = `densenet5-${sha256(pth).slice(0, 8)}.pth`
const files: Readonly<Record<string, Uint8Array>> = {
  [PTH]: pth,
  'config.json': readFileSync(join(FIXTURES, 'config.json')),
  'model.safetensors': fixture('timm.safetensors'),
}

const common = { aliases: [], licence: 'BSD-3-Clause', source: 'a test', top1Error: 50, top5Error: 20 }
function torchvisionLike(address: string, file: Partial<NamedFile> = {}): NamedModel {
  const [size, digits] = [pth.length, sha256(pth).slice(0, 8)]
  return {
    name: 'densenet5',
    ...common,
    preprocessing: { resize: 256, crop: 224, interpolation: 'bilinear' },
    files: [{ name: PTH, url: `${address}/models/${PTH}`, size, sha256: digits, ...file }],
  }
}
function timmLike(address: string): NamedModel {
  const file = (name: string) => ({ name, url: `${address}/timm/tiny/resolve/main/${name}`, size: null, sha256: null })
  return { name: 'timm/tiny', ...common, files: [file('config.json'), file('model.safetensors')], preprocessing: null }
}

const byName = (request: IncomingMessage, response: ServerResponse, _count?: number, stopAfter?: number): void => {
  const bytes = files[request.url!.split('/').at(-1)!]
  response.statusCode = bytes ? 200 : 404
  if (bytes) send(request, response, bytes, stopAfter)
  else response.end('no such file')
}

async function options(more: Partial<FetchOptions> = {}) {
  const seen: FetchProgress[] = []
  const folder = await temporaryFolder()
  const onProgress = (progress: FetchProgress) => void seen.push(progress)
  const stages = () => [...new Set(seen.map(({ stage }) => stage))]
  return { folder, seen, stages, fetch: { folder, onProgress, network: { retryPause: 1 }, ...more } }
}

const inside = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => statSync(join(folder, path)).isFile())
    .sort()

async function answerOf(model: NamedModel, fetch: FetchOptions): Promise<Map<number, number>> {
  using network = await DenseNet.load(model.name, { fetch: { ...fetch, table: [model] } })
  expect(network.name).toBe(model.name)
  return new Map((await network.classify(picture)).map(({ index, probability }) => [index, probability]))
}

function expectProbabilities(found: Map<number, number>, logits: readonly number[]): void {
  for (const { index, probability } of topClasses(logits)) expect(found.get(index)).toBeCloseTo(probability, 4)
}

describe('what the makers of the weights answer', () => {
  test('torchvision, by its own preprocessing', async () => {
    const { address } = await serve(byName)
    const { fetch } = await options()
    expectProbabilities(await answerOf(torchvisionLike(address), fetch), answers.logits.torchvision)
  })

  test('timm, by the preprocessing in its config.json', async () => {
    const { address } = await serve(byName)
    const { fetch } = await options()
    const model = timmLike(address)
    expectProbabilities(await answerOf(model, fetch), answers.logits.timm)
    using network = await DenseNet.load(model.name, { fetch: { ...fetch, table: [model] } })
    expect(network.preprocessing).toEqual({ resize: 248, crop: 224, interpolation: 'bicubic' })
    const again = join(fetch.folder!, 'again')
    await network.export(again, { to: 'timm' })
    expect((await DenseNet.load(again)).preprocessing).toEqual(network.preprocessing)
  })

  test('what config.json asks for and is not known here is said', () => {
    const config = JSON.parse(readFileSync(join(FIXTURES, 'config.json'), 'utf8'))
    const parsed = (changes: object) => {
      const pretrained_cfg = { ...config.pretrained_cfg, ...changes }
      return parseTimmConfig(JSON.stringify({ ...config, pretrained_cfg }), 'config.json')
    }
    expect(parsed({ interpolation: 'bilinear', crop_pct: 0.95 })).toMatchObject({
      preprocessing: { resize: 235, crop: 224, interpolation: 'bilinear' },
      assumed: [],
    })
    for (const [changes, what] of [
      [{ interpolation: 'lanczos' }, 'the interpolation "lanczos"'],
      [{ crop_mode: 'squash' }, 'the crop "squash"'],
      [{ input_size: [3, 224, 192] }, 'images of 224 x 192, which are not square'],
    ] as const) {
      expect(parsed(changes)).toMatchObject({ preprocessing: null, assumed: [expect.stringContaining(what)] })
    }
  })
})

describe('fetching', () => {
  test('happens once; then the files are there, offline and without the server', async () => {
    const { address, asked } = await serve(byName)
    const { folder, fetch, stages } = await options()
    const model = torchvisionLike(address)
    const path = await fetchModel(model, fetch)
    expect(path).toBe(join(folder, 'models', 'densenet5', PTH))
    expect(readFileSync(path).equals(pth)).toBe(true)
    expect(stages()).toEqual(['fetching', 'downloading'])
    expect(await fetchModel(torchvisionLike(await deadAddress()), { ...fetch, offline: true })).toBe(path)
    expect(asked).toHaveLength(1)
    expect(inside(folder)).toEqual([join('models', 'densenet5', PTH)])
    expect(await cachedBytes(model, folder)).toBe(pth.length)
    expect([await removeModel(model, folder), await removeModel(model, folder)]).toEqual([true, false])
    expect(await cachedBytes(model, folder)).toBeNull()
  })

  test('goes on where it broke off, also in a later run', async () => {
    const { address, asked } = await serve((request, response, count) =>
      byName(request, response, count, count <= 2 ? 2000 : undefined),
    )
    const { fetch, folder } = await options()
    const model = torchvisionLike(address)
    await expect(fetchModel(model, { ...fetch, network: { retries: 0 } })).rejects.toThrow(/broke off|terminated/)
    expect(inside(folder)).toEqual([join('models', 'densenet5', `${PTH}.part`)])
    await fetchModel(model, fetch)
    expect(asked.map(({ range }) => range)).toEqual([undefined, 'bytes=2000-', 'bytes=4000-'])
  })

  test('by two at once asks once', async () => {
    const { address, asked } = await serve((request, response) => {
      setTimeout(() => byName(request, response), 300)
    })
    const { fetch, stages } = await options()
    const model = torchvisionLike(address)
    const [a, b] = await Promise.all([fetchModel(model, fetch), fetchModel(model, fetch)])
    expect(a).toBe(b)
    expect(asked).toHaveLength(1)
    expect(stages()).toContain('waiting')
  })

  test('by way of a redirect; the SHA-256 that Hugging Face announces counts', async () => {
    const cdn = await serve(byName)
    const home = (announced: string) =>
      serve((request, response) => {
        response.statusCode = 302
        const name = request.url!.split('/').at(-1)!
        response.setHeader('location', `${cdn.address}/blobs/${name}`)
        if (name.endsWith('.safetensors')) response.setHeader('x-linked-etag', `"${announced}"`)
        response.end()
      })
    const right = await home(sha256(files['model.safetensors']!))
    const { fetch, stages, folder } = await options()
    await fetchModel(timmLike(right.address), fetch)
    expect(stages()).toEqual(['fetching', 'downloading'])
    expect(inside(folder).map(path => path.split('/').at(-1))).toEqual([
      'config.json',
      'manifest.json',
      'model.safetensors',
    ])
    const wrong = await home(sha256(pth))
    await expect(fetchModel(timmLike(wrong.address), (await options()).fetch)).rejects.toThrow(
      `has other contents than expected: SHA-256 ${sha256(files['model.safetensors']!)} instead of ${sha256(pth)}`,
    )
  })

  test('says when nobody knows the SHA-256; what was fetched then is known by its own', async () => {
    const { address, asked } = await serve(byName)
    const { fetch, stages, folder } = await options()
    const model = timmLike(address)
    const path = await fetchModel(model, fetch)
    expect(stages()).toContain('unverified')
    await fetchModel(model, { ...fetch, offline: true })
    const bytes = Buffer.from(files['model.safetensors']!)
    bytes[5000]! ^= 1
    writeFileSync(join(path, 'model.safetensors'), bytes)
    await fetchModel(model, fetch)
    expect(stages()).toContain('damaged')
    expect(asked).toHaveLength(3)
    expect(sha256(readFileSync(join(folder, 'models/timm/tiny/model.safetensors')))).toBe(
      sha256(files['model.safetensors']!),
    )
  })

  test('never continues a part that nothing can be compared with', async () => {
    const { address, asked } = await serve(byName)
    const { fetch, folder } = await options()
    mkdirSync(join(folder, 'models/timm/tiny'), { recursive: true })
    writeFileSync(join(folder, 'models/timm/tiny/model.safetensors.part'), 'of another file')
    const path = await fetchModel(timmLike(address), fetch)
    expect(sha256(readFileSync(join(path, 'model.safetensors')))).toBe(sha256(files['model.safetensors']!))
    expect(asked.at(-1)!.range).toBeUndefined()
  })

  test('from a mirror, which has the layout of the cache', async () => {
    const paths: string[] = []
    const { address } = await serve((request, response) => {
      paths.push(request.url!)
      byName(request, response)
    })
    const dead = await deadAddress()
    const { fetch } = await options({ mirror: `${address}/networks/` })
    await fetchModel(torchvisionLike(dead), fetch)
    await fetchModel(timmLike(dead), fetch)
    expect(paths).toEqual([
      `/networks/densenet5/${PTH}`,
      '/networks/timm/tiny/config.json',
      '/networks/timm/tiny/model.safetensors',
    ])
    vi.stubEnv('DENSENET_MIRROR', `${address}/other`)
    onTestFinished(() => void vi.unstubAllEnvs())
    await fetchModel(torchvisionLike(dead), (await options()).fetch)
    expect(paths.at(-1)).toBe(`/other/densenet5/${PTH}`)
    await expect(fetchModel(torchvisionLike(dead), { ...fetch, mirror: 'ftp://a' })).rejects.toThrow(
      'a mirror is an http or https address, not "ftp://a"',
    )
  })

  test('takes what a person put there, if it is the right file', async () => {
    const { folder, fetch, stages } = await options({ offline: true })
    const model = torchvisionLike('http://127.0.0.1:9')
    mkdirSync(join(folder, 'models/densenet5'), { recursive: true })
    const path = join(folder, 'models/densenet5', PTH)
    writeFileSync(path, pth)
    expect(await fetchModel(model, fetch)).toBe(path)
    writeFileSync(path, pth.subarray(0, 100))
    await expect(fetchModel(model, fetch)).rejects.toThrow(`${path} was altered or damaged, and fetching is forbidden`)
    expect(stages()).toEqual(['damaged'])
    expect(statSync(path).size).toBe(100)
  })
})

describe('what goes wrong is said in a sentence, and leaves nothing behind', () => {
  async function refused(model: (address: string) => NamedModel, answer: Parameters<typeof serve>[0] = byName) {
    const { address } = await serve(answer)
    const { fetch, folder } = await options()
    const error = await fetchModel(model(address), fetch).then(
      () => null,
      error => error,
    )
    expect(error?.code).toBe('failed')
    return { message: error.message as string, hint: error.hint as string, left: inside(folder), folder }
  }

  test('another digest', async () => {
    const { message, left } = await refused(address => torchvisionLike(address, { sha256: '00c0ffee' }))
    expect(message).toMatch(/^densenet5 could not be fetched: .* has other contents than expected: SHA-256 /)
    expect(message).toMatch(/instead of 00c0ffee\.\.\.$/)
    expect(left).toEqual([])
  })

  test('another size', async () => {
    const { message, left } = await refused(address => torchvisionLike(address, { size: 17 }))
    expect(message).toContain(`is ${pth.length} bytes long instead of 17`)
    expect(left).toEqual([])
  })

  test('no such file, with what can be done', async () => {
    const { message, hint, left, folder } = await refused(address => torchvisionLike(address, { url: `${address}/no` }))
    expect(message).toContain('answered 404 Not Found')
    expect(hint).toBe(
      `check the connection, name a mirror (--mirror), or put ${PTH} into ${join(folder, 'models', 'densenet5')}`,
    )
    expect(left).toEqual([])
  })

  test('redirects without end, and to where nothing is fetched from', async () => {
    const redirect = (to: string) => (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(302, { location: to })
      response.end()
    }
    expect((await refused(torchvisionLike, redirect('/again'))).message).toContain('more than 10 times')
    expect((await refused(torchvisionLike, redirect('file:///etc/passwd'))).message).toContain(
      'leads to file:///etc/passwd, where no file is fetched from',
    )
  })

  test('no network', async () => {
    const { fetch, folder } = await options()
    await expect(fetchModel(torchvisionLike(await deadAddress()), fetch)).rejects.toThrow(
      /^densenet5 could not be fetched: 127\.0\.0\.1:\d+: the connection was refused$/,
    )
    expect(inside(folder)).toEqual([])
  })

  test('offline, and not there', async () => {
    const { fetch } = await options({ offline: true })
    await expect(fetchModel(torchvisionLike('http://127.0.0.1:9'), fetch)).rejects.toThrow(
      'densenet5 is not on this machine, and fetching is forbidden (--offline or DENSENET_OFFLINE)',
    )
    vi.stubEnv('DENSENET_OFFLINE', '1')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { fetch: plain } = await options()
    await expect(fetchModel(torchvisionLike('http://127.0.0.1:9'), plain)).rejects.toThrow('fetching is forbidden')
  })

  test.skipIf(process.platform !== 'linux')('a full disk', async () => {
    const { address } = await serve(byName)
    const { fetch, folder } = await options()
    mkdirSync(join(folder, 'models/densenet5'), { recursive: true })
    symlinkSync('/dev/full', join(folder, 'models/densenet5', `${PTH}.part`))
    await expect(fetchModel(torchvisionLike(address), fetch)).rejects.toThrow(
      /^no space left on the disk while writing /,
    )
    expect(inside(folder)).toEqual([])
  })

  test('stopped on request', async () => {
    const { address } = await serve(byName)
    const { fetch } = await options()
    const signal = AbortSignal.abort()
    await expect(fetchModel(torchvisionLike(address), { ...fetch, signal })).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('the table', () => {
  test('names each network once, files by their digests, and what is published', () => {
    const names = NAMED_MODELS.flatMap(({ name, aliases }) => [name, ...aliases])
    expect(new Set(names).size).toBe(names.length)
    for (const { name, files, top1Error, top5Error } of NAMED_MODELS) {
      expect(top1Error).toBeGreaterThan(20)
      expect(top5Error).toBeLessThan(10)
      for (const file of files) {
        expect(file.url).toMatch(/^https:\/\//)
        const digits = /-([0-9a-f]{8})\.pth$/.exec(file.name)?.[1]
        expect(file.sha256?.slice(0, 8)).toBe(digits)
        if (name.startsWith('timm/')) expect(file.url).toBe(`https://huggingface.co/${name}/resolve/main/${file.name}`)
      }
    }
  })

  test('is found by other spellings; what cannot be run is refused with what can', () => {
    expect(namedModel('DenseNet-121')?.name).toBe('densenet121')
    expect(namedModel('densenet121.ra_in1k')?.name).toBe('timm/densenet121.ra_in1k')
    expect(namedModel('resnet50')).toBeNull()
    expect(() => namedModel('timm/densenetblur121d.ra_in1k')).toThrow(
      'timm/densenetblur121d.ra_in1k cannot be run here: its stem has three convolutions, and its pooling blurs',
    )
  })
})
