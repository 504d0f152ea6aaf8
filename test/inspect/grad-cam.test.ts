// Grad-CAM against PyTorch's hooks (test/golden/inspect/make_grad_cam.py), and on images.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createBackend } from '../../dist/backends/registry.js'
import { activations, gradCam, gradCamLayers } from '../../dist/entries/inspect.js'
import { resolveConfig } from '../../dist/entries/model.js'
import { DenseNet } from '../../dist/index.js'
import { classMaps } from '../../dist/inspect/grad-cam.js'
import { relativeError } from '../golden/compare.js'
import { generate, generateAll, readGolden, type Summaries, summaryErrors } from '../golden/nets.js'
import { instructionSets } from '../native-available.js'
import { TINY, temporaryFolder } from '../training/fixtures.js'

type Expected = { readonly scores: { readonly values: readonly number[] } } & Record<
  string,
  { readonly map: Summaries[string] }
>
const golden: Record<string, Expected> = JSON.parse(
  readFileSync(new URL('../golden/inspect/grad_cam.json', import.meta.url), 'utf8'),
)
const exact = createReferenceBackend({ precision: 'float64', poisonArena: true })
const folder = temporaryFolder()

describe.each(Object.keys(golden))('net "%s"', name => {
  const { options, parameters, running, input, batch } = readGolden(name)
  const config = resolveConfig(options)
  const state = { parameters: generateAll(parameters), running: generateAll(running) }
  const images = generate(input, batch * 3 * config.height * config.width)
  const layers = gradCamLayers({ config }).map(layer => layer.name)

  test('has the layers that PyTorch gave', () => {
    expect([...layers].sort()).toEqual(
      Object.keys(golden[name]!)
        .filter(key => key !== 'scores')
        .sort(),
    )
  })

  async function errors(backend: typeof exact): Promise<[string, number][]> {
    const size = images.length / batch
    const found: [string, number][] = []
    for (const layer of layers) {
      const maps: number[] = []
      const scores: number[] = []
      for (let n = 0; n < batch; n++) {
        const chosen = (3 * n + 1) % config.classes
        const image = images.slice(n * size, (n + 1) * size)
        const made = await classMaps({ config, state }, backend, image, layer, () => [chosen])
        scores.push(made.logits[chosen]!)
        for (const value of made.maps.get(chosen)!) maps.push(value)
      }
      const slices = [{ name: layer, offset: 0, count: maps.length }]
      const { map } = golden[name]![layer]!
      // Where a class only speaks against itself there is nothing above 0.
      const nothing = map.squares === 0 && maps.every(value => value === 0)
      const error = nothing ? 0 : summaryErrors(slices, maps, { [layer]: map })[0]!
      found.push([layer, Math.max(error, relativeError(scores, golden[name]!.scores.values))])
    }
    return found
  }

  test('reference backend, float64', async () => {
    expect((await errors(exact)).filter(([, error]) => !(error <= 1e-12))).toEqual([])
  })

  test.skipIf(instructionSets.length === 0)('native backend, float32', async () => {
    const native = await createBackend({ backend: 'native' })
    expect((await errors(native)).filter(([, error]) => !(error <= 1e-4))).toEqual([])
    native.dispose()
  })
})

const on = createReferenceBackend()
const model = DenseNet.create({ ...TINY, classes: 6 }, { seed: 5 })
model.classes = ['red', 'green', 'blue', 'green tea', '7', '<b>']
model.normalisation = { mean: [100, 100, 100], deviation: [50, 50, 50] }
const photo = {
  width: 20,
  height: 12,
  data: Uint8Array.from({ length: 720 }, (_, i) => (i * 37) % 256),
}

test('by default the three likeliest classes, at the last feature maps', async () => {
  const { layer, height, width, maps } = await gradCam(model, photo, { on })
  expect({ layer, height, width }).toEqual({ layer: 'features.relu5', height: 4, width: 4 })
  const classified = await model.classify(photo, { on, top: 3 })
  expect(maps.map(({ label, index }) => ({ label, index }))).toEqual(
    classified.map(({ label, index }) => ({ label, index })),
  )
  for (const [i, { probability, values }] of maps.entries()) {
    expect(probability).toBeCloseTo(classified[i]!.probability, 5)
    expect(values).toHaveLength(16)
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0)
  }
  expect(JSON.parse(JSON.stringify(maps))).toEqual(maps)
})

test('more classes than go through the network at once, in the order asked for, each once', async () => {
  const classes = [5, 'red', 2, 'green', 3, '7', 5]
  const inner = await gradCam(model, photo, { on, classes, layer: 'features.denseblock2' })
  expect(inner.maps.map(({ index }) => index)).toEqual([5, 0, 2, 1, 3, 4])
  for (const { index, values, score } of inner.maps) {
    const alone = await gradCam(model, photo, { on, classes: [index], layer: 'features.denseblock2' })
    expect(alone.maps[0]).toMatchObject({ values, score })
  }
})

test('classes that exclude each other, or not', async () => {
  const all = await gradCam(model, photo, { on, top: 6 })
  expect(all.maps.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6)
  model.multiLabel = true
  const own = await gradCam(model, photo, { on, top: 6 })
  model.multiLabel = false
  for (const { score, probability } of own.maps) expect(probability).toBeCloseTo(1 / (1 + Math.exp(-score)), 12)
})

test.each([
  [{ classes: ['gree'] }, 'several classes begin with "gree"', /"green", "green tea"/],
  [{ classes: ['violet'] }, 'there is no class "violet"', /"red", "green"/],
  [{ classes: [6] }, 'expected a number from 0 to 5, or a name such as "red" for class, got 6', undefined],
  [{ classes: [-1] }, 'expected a number from 0 to 5', undefined],
  [{ classes: [0.5] }, 'expected a number from 0 to 5', undefined],
  [{ classes: [''] }, 'there is no class ""', /"red"/],
  [{ classes: [] }, 'no classes were asked for', undefined],
  [{ top: 0 }, 'expected a whole number of at least 1 for top, got 0', undefined],
  [{ layer: 'features.relu0' }, 'the network has no layer "features.relu0"', /features.denseblock1/],
  [{ layer: 'pooled' }, 'the network has no layer "pooled"', /features.relu5/],
])('refuses %j', async (options, message, hint) => {
  const refused = gradCam(model, photo, { on, ...options })
  await expect(refused).rejects.toThrow(message)
  await expect(refused).rejects.toMatchObject({ code: 'usage', ...(hint ? { hint: expect.stringMatching(hint) } : {}) })
})

test('names are known by their beginning, whatever the case', async () => {
  const { maps } = await gradCam(model, photo, { on, classes: ['BL', 'Green', 'green t'] })
  expect(maps.map(({ label }) => label)).toEqual(['blue', 'green', 'green tea'])
})

test('an image that cannot be read is said so', async () => {
  await expect(gradCam(model, Uint8Array.of(1, 2, 3), { on })).rejects.toThrow(
    'the image cannot be looked at: it is no image',
  )
  await expect(gradCam(model, join(folder, 'none.jpg'), { on })).rejects.toThrow('none.jpg cannot be looked at')
})

test('a network whose weights are no numbers any more', async () => {
  const broken = {
    ...model,
    config: model.config,
    state: { ...model.state },
    classes: [],
    normalisation: model.normalisation,
  }
  broken.state.parameters.fill(Number.NaN)
  const network = { ...broken, preprocessing: null, multiLabel: false }
  await expect(gradCam(network, photo, { on })).rejects.toThrow('the network answers with what is no number')
})

test('weights in the layout of torchvision', async () => {
  const path = join(folder, 'torchvision.pth')
  const packed = new URL('../interop/fixtures/torchvision.pth.gz', import.meta.url)
  writeFileSync(path, gunzipSync(readFileSync(packed)))
  const elsewhere = await DenseNet.load(path, { height: 32, width: 32 })
  for (const { name: layer, height, width } of gradCamLayers(elsewhere)) {
    const cam = await gradCam(elsewhere, photo, { on, top: 1, layer })
    expect(cam).toMatchObject({ layer, height, width })
    expect(cam.maps[0]!.values).toHaveLength(height * width)
  }
})

describe('activations', () => {
  test('are those of the layer, and their means what the classifier reads', async () => {
    const { layer, channels, height, width, values } = await activations(model, photo, { on })
    const pooled = await activations(model, photo, { on, layer: 'pooled' })
    expect({ layer, channels, height, width }).toMatchObject({ layer: 'features.relu5', height: 4, width: 4 })
    const means = Array.from(
      { length: channels },
      (_, k) => values.slice(16 * k, 16 * k + 16).reduce((a, b) => a + b) / 16,
    )
    expect(relativeError(pooled.values, means)).toBeLessThan(1e-6)
  })

  test('refuse a layer that is not there', async () => {
    await expect(activations(model, photo, { on, layer: 'conv9' })).rejects.toThrow('the network has no layer "conv9"')
  })
})
