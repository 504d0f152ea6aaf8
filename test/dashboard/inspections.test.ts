// What the pages get that look inside a network.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CamPictures, InspectionPicture, InspectionPlaces } from '../../dist/dashboard/api.js'
import { dashboardApp } from '../../dist/dashboard/app.js'
import { loadSharp } from '../../dist/data/loading/decode.js'
import { featureReuse, gradCam } from '../../dist/entries/inspect.js'
import { DenseNet } from '../../dist/index.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const { app, close } = dashboardApp(folder)
afterAll(close)
let photo: Uint8Array

beforeAll(async () => {
  const options = { backend: 'reference', epochs: 1, batchSize: 8, loaderThreads: 0 } as const
  for (const [name, layerStatistics] of [
    ['told', true],
    ['silent', false],
  ] as const) {
    const model = DenseNet.create(TINY, { seed: 3 })
    await model.fit(tinyDataset('train', 16), { ...options, layerStatistics, output: join(folder, name) })
    model.dispose()
  }
  const sharp = await loadSharp()
  const background = { r: 200, g: 40, b: 40 }
  photo = await sharp({ create: { width: 30, height: 20, channels: 3, background } })
    .png()
    .toBuffer()
})

async function ask(path: string, body?: Uint8Array) {
  const init = body === undefined ? {} : { method: 'POST', body }
  const answer = await app.request(`/api/inspect/${path}`, { ...init, headers: { host: '127.0.0.1:1' } })
  return { status: answer.status, json: (await answer.json()) as unknown }
}

test('what can be asked for', async () => {
  const { json } = await ask('places?run=told')
  const { classes, camLayers, layers, tensors } = json as InspectionPlaces
  expect(classes).toEqual(['red', 'green', 'blue'])
  expect(camLayers).toContain('features.denseblock1.denselayer1')
  expect(layers.at(-1)).toBe('pooled')
  expect(tensors[0]).toBe('features.conv0.weight')
})

test('feature reuse is that of the checkpoint', async () => {
  const { json } = await ask('reuse?run=told&scale=raw&room=390')
  const { svg, reuse } = json as InspectionPicture
  const network = await DenseNet.load(join(folder, 'told'))
  expect(reuse).toEqual(featureReuse(network, { scale: 'raw' }))
  expect(svg).toMatch(/^<svg .*<\/svg>$/s)
})

test.each(['filters?run=told', 'weights?run=told&room=400', 'layers?run=told', 'weights?run=told&tensors=*norm*'])(
  '%s is drawn',
  async path => {
    const { status, json } = await ask(path)
    expect(status).toBe(200)
    expect((json as InspectionPicture).svg).toMatch(/^<svg .*<\/svg>$/s)
  },
)

test('an image that is sent: its classes, and the maps of each', async () => {
  const { json } = await ask('gradcam?run=told', photo)
  const { image, maps, layer } = json as CamPictures
  const network = await DenseNet.load(join(folder, 'told'))
  const expected = await gradCam(network, photo, { backend: 'reference' })
  expect(layer).toBe('features.relu5')
  expect(maps.map(({ label }) => label)).toEqual(expected.maps.map(({ label }) => label))
  const sharp = await loadSharp()
  for (const address of [image, ...maps.map(({ picture }) => picture)]) {
    const png = Buffer.from(address.replace('data:image/png;base64,', ''), 'base64')
    expect(await sharp(png).metadata()).toMatchObject({ format: 'png', width: 448, height: 448 })
  }
  const one = await ask('gradcam?run=told&class=2&layer=features.denseblock1', photo)
  expect((one.json as CamPictures).maps.map(({ index }) => index)).toEqual([2])
  const seen = await ask('activations?run=told&layer=features.conv0', photo)
  expect((seen.json as InspectionPicture).svg).toContain('features.conv0')
})

describe('is refused with a sentence:', () => {
  test.each([
    ['layers?run=silent', undefined, 400, 'has no statistics of layers'],
    ['reuse?run=../told', undefined, 400, 'there is no run'],
    ['reuse?run=told&scale=big', undefined, 400, 'cannot answer this about scale'],
    ['reuse?run=told&room=9', undefined, 400, 'cannot answer this about room'],
    ['filters?run=told&checkpoint=best', undefined, 400, 'there is no checkpoint'],
    ['weights?run=told&tensors=conv9', undefined, 400, 'no tensor is called "conv9"'],
    ['gradcam?run=told', new Uint8Array(0), 400, 'no image was sent'],
    ['gradcam?run=told', Uint8Array.of(1, 2, 3), 500, 'it is no image of a known format'],
    ['gradcam?run=told&class=3', new Uint8Array(9), 400, 'expected a number from 0 to 2'],
    ['gradcam?run=told&layer=pooled', new Uint8Array(9), 400, 'the network has no layer "pooled"'],
  ])('%s', async (path, body, status, sentence) => {
    const answer = await ask(path, body)
    expect(answer.status).toBe(status)
    expect((answer.json as { error: string }).error).toContain(sentence)
  })

  test('an image that is too large', async () => {
    const headers = { host: '127.0.0.1:1', 'content-length': String(65 * 2 ** 20) }
    const init = { method: 'POST', headers, body: new Uint8Array(10) }
    expect((await app.request('/api/inspect/gradcam?run=told', init)).status).toBe(413)
  })
})
