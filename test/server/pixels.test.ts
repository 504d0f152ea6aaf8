// A network that classifies pixels, served.
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeMask } from '../../dist/data/loading/png-mask.js'
import { DenseNet } from '../../dist/densenet.js'
import { createServer, type DenseNetServer } from '../../dist/server/server.js'
import { on, picture } from './fixtures.js'

const model = DenseNet.create('fc-densenet-56', { blocks: [1, 1, 1], growthRate: 4, initialChannels: 6, classes: 3 })
model.normalisation = { mean: [120, 120, 120], deviation: [60, 60, 60] }
model.classes = ['sky', 'road', 'tree']
model.ownStatistics = true
let server: DenseNetServer

beforeAll(async () => {
  server = await createServer(model, { port: 0, backend: 'reference' })
})
afterAll(() => server.close())

async function ask(path: string, body: Uint8Array) {
  const init = { method: 'POST', body: Uint8Array.from(body), headers: { 'Content-Type': 'image/png' } }
  const answer = await server.app.request(path, init)
  // biome-ignore lint/suspicious/noExplicitAny: any JSON
  return { status: answer.status, json: (await answer.json()) as any }
}

test('/v1/segment answers as segment() does, with pictures', async () => {
  const image = await picture(1, 13)
  const { labels } = await model.segment(image, { on })
  const { status, json } = await ask('/v1/segment', image)
  expect(status).toBe(200)
  const [{ classes, height, width, mask, overlay }] = json.results
  expect([height, width]).toEqual([13, 13])
  expect([...decodeMask(Buffer.from(mask, 'base64')).values]).toEqual([...labels])
  expect(await sharp(Buffer.from(overlay, 'base64')).metadata()).toMatchObject({ width: 13, height: 13, format: 'png' })
  const shares = classes.map(({ share }: { share: number }) => share)
  expect(shares.reduce((a: number, b: number) => a + b)).toBeCloseTo(1, 12)
  expect(shares).toEqual([...shares].sort((a, b) => b - a))
  expect(classes[0].label).toBe(model.classes[classes[0].index])
})

test('an image that cannot be read, or is too small, is said to be so', async () => {
  expect(await ask('/v1/segment', Buffer.from('no image'))).toMatchObject({
    status: 400,
    json: { results: [{ error: expect.any(String) }] },
  })
  const { json } = await ask('/v1/segment', await picture(0, 1))
  expect(json.results[0].error).toContain('is too small for 1 blocks down')
})

test('what the network is, and what it is not asked', async () => {
  const facts = await (await server.app.request('/v1/model')).json()
  expect(facts).toMatchObject({ pixels: true, classes: ['sky', 'road', 'tree'] })
  const { status, json } = await ask('/v1/classify', await picture())
  expect([status, json.error]).toEqual([400, 'this network says the classes of pixels: ask /v1/segment'])
})
