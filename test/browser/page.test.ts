// DenseNet in a page: in a worker, with the events, errors and numbers of Node.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import type { Backend } from '../../dist/engine/backend.js'
import { imageBlobs } from '../../dist/entries/browser.js'
import { gradCam } from '../../dist/entries/inspect.js'
import { DenseNet, type Prediction, synthetic, type TrainingEvent, type TrainingResult } from '../../dist/index.js'
import { chromiumPath } from '../chromium.js'
import { wasmBuilds } from '../compiled-builds.js'
import { fixture } from '../interop/fixtures.js'
import { instructionSets } from '../native-available.js'
import { builtProject } from './bundlers.js'
import { pagesOf } from './pages.js'

const simd = wasmBuilds.find(({ name }) => name === 'wasm simd')!
const NET = ['densenet-bc-100-12', { depth: 22, seed: 3 }] as const
const RECIPE = { epochs: 1, trainLimit: 80, batchSize: 8, seed: 4 } as const

interface Trained {
  readonly losses: readonly number[]
  readonly types: readonly string[]
  readonly warnings: readonly string[]
  readonly backend: string
  readonly result: TrainingResult
  /** How often a timer of 5 ms came to its turn. */
  readonly turns: number
  readonly weights: readonly number[]
}

/** The same training in a page; `more`: options, as JavaScript. */
const training = (more = ''): string => `(async () => {
  const net = await DenseNet.create(...${JSON.stringify(NET)})
  const events = []
  let turns = 0
  const timer = setInterval(() => turns++, 5)
  const result = await net.fit(synthetic().train, {
    ...${JSON.stringify(RECIPE)}, instructionSet: 'simd', onEvent: event => events.push(event), ${more}
  })
  clearInterval(timer)
  const of = type => events.filter(event => event.type === type)
  const { parameters } = await net.state
  net.dispose()
  return {
    losses: of('step').map(({ loss }) => loss),
    types: [...new Set(events.map(({ type }) => type))],
    warnings: of('warning').map(({ message }) => message),
    backend: of('start')[0].compute.backend,
    result,
    turns,
    weights: [...parameters.slice(0, 1000)],
  }
})()`

async function inNode(on: Backend): Promise<{ losses: number[]; weights: number[] }> {
  const net = DenseNet.create(...NET)
  const losses: number[] = []
  await net.fit(synthetic().train, {
    ...RECIPE,
    on,
    onEvent: event => event.type === 'step' && losses.push(event.loss),
  })
  on.dispose()
  return { losses, weights: [...net.state.parameters.slice(0, 1000)] }
}

/** What a call in the page throws. */
const failing = (call: string): string => `(async () => {
  const net = await DenseNet.create('densenet-bc-100-12', { depth: 10, growthRate: 4 })
  try {
    await (${call})
    return null
  } catch (error) {
    return { is: error instanceof DenseNetError, message: error.message, code: error.code, hint: error.hint }
  }
})()`

describe.skipIf(chromiumPath === null || !simd.available)('in chromium', () => {
  let folder: string
  const pages = pagesOf(async () => {
    folder = await builtProject()
    return folder
  })

  test('ten losses and the weights are those of Node bit for bit, with threads or one', async () => {
    const isolated = await (await pages.open('/')).evaluate<Trained>(training())
    const plain = await (await pages.open('/plain/')).evaluate<Trained>(training())
    const node = await inNode(await simd.open(2))
    expect(node.losses).toHaveLength(10)
    for (const { losses, weights } of [isolated, plain]) {
      expect(losses).toEqual(node.losses)
      expect(weights).toEqual(node.weights)
    }
    expect(isolated.types).toEqual(['start', 'step', 'epoch', 'end'])
    expect(isolated.result).toMatchObject({ stopped: false, progress: { epoch: 2, step: 10 } })
    expect(isolated.backend).toMatch(/^wasm: SIMD, the same bits everywhere, \d+ threads?$/)
    expect(isolated.warnings).toEqual([])
    expect(plain.backend).toMatch(/, 1 thread$/)
    expect(plain.warnings).toEqual([
      expect.stringMatching(/Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp/),
    ])
    // The page is never blocked, even by one thread.
    for (const { turns } of [isolated, plain]) expect(turns).toBeGreaterThan(20)
    if (instructionSets.length === 0) return
    const native = await inNode(createNativeBackend({ threads: 2 }))
    for (const [i, loss] of native.losses.entries()) expect(isolated.losses[i]).toBeCloseTo(loss, 3)
  })

  test.each(['/', '/plain/'] as const)('an AbortSignal stops a training after its step (%s)', async path => {
    const page = await pages.open(path)
    const { result, losses } = await page.evaluate<Trained>(`(() => {
      const abort = new AbortController()
      return ${training(`
        epochs: 100,
        signal: abort.signal,
        onEvent: event => { events.push(event); if (event.type === 'step' && event.step === 3) abort.abort() },
      `)}
    })()`)
    expect(result.stopped).toBe(true)
    expect(losses.length).toBeLessThan(80)
    expect(result.progress.step).toBe(losses.length)
  })

  test('errors are those of Node, and a function that cannot travel is one', async () => {
    const page = await pages.open()
    expect(await page.evaluate(failing("DenseNet.create('densenet-bc-100-12', { depth: 11 })"))).toMatchObject({
      is: true,
      code: 'usage',
      message: expect.stringMatching(/depth/),
    })
    expect(await page.evaluate(failing('net.fit(synthetic().train, { learningRate: -1 })'))).toEqual({
      is: true,
      code: 'usage',
      message: 'expected a number above 0 and up to 100 for learning rate, got -1',
      hint: undefined,
    })
    expect(await page.evaluate(failing('net.fit(synthetic().train, { schedule: () => 1 })'))).toMatchObject({
      message: 'schedule cannot be a function here: the training is in a worker',
    })
    expect(await page.evaluate(failing("net.fit(synthetic().train, { backend: 'native' })"))).toMatchObject({
      message: 'there is no backend "native" in a browser; there are webgpu, wasm, reference and auto',
    })
    expect(await page.evaluate(failing('(net.dispose(), net.summary())'))).toMatchObject({
      message: 'this network cannot be used any more: it was disposed of',
    })
  })

  test('what else a network does is as in Node', async () => {
    const page = await pages.open()
    const seen = await page.evaluate<Record<string, unknown>>(`(async () => {
      const net = await DenseNet.create(...${JSON.stringify(NET)})
      const { test } = synthetic()
      const few = { ...test, length: 20, labels: test.labels.slice(0, 20), images: test.images.slice(0, 20 * 3072) }
      const progress = []
      const metrics = await net.evaluate(few, { instructionSet: 'simd', batchSize: 8, onProgress: done => progress.push(done) })
      const { scores } = await net.predict(few)
      const { data, layer } = await net.features(few)
      const renewed = await net.withNewClassifier(4, { seed: 9 })
      net.classes = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']
      net.normalisation = few.normalisation
      const raw = { data: few.images.slice(0, 3072), width: 32, height: 32 }
      const [{ label }] = await net.classify(raw)
      const cam = await net.gradCam(raw)
      const weights = [...(await renewed.state).parameters]
      const answer = {
        metrics, progress, scores: [...scores], features: [...data], layer, label, cam, summary: await net.summary(),
        weights, renewed: renewed.config.classes,
      }
      net.dispose()
      renewed.dispose()
      return answer
    })()`)
    const on = await simd.open(1)
    const net = DenseNet.create(...NET)
    const { test: all } = synthetic()
    const few = { ...all, length: 20, labels: all.labels.slice(0, 20), images: all.images.slice(0, 20 * 3072) }
    const progress: number[] = []
    const onProgress = (done: number): unknown => progress.push(done)
    const { loss, ...errors } = await net.evaluate(few, { on, batchSize: 8, onProgress })
    const { data, layer } = await net.features(few, { on })
    const { batchSize: _, training: __, ...summary } = net.summary()
    net.classes = [...'abcdefghij']
    net.normalisation = few.normalisation
    const raw = { data: few.images.slice(0, 3072), width: 32, height: 32 }
    const [{ label }] = (await net.classify(raw, { on })) as [Prediction]
    // The page gives all classes, the likeliest first.
    const cam = await gradCam(net, raw, { on, top: 10 })
    const close = cam.maps.map(map => ({ ...map, probability: expect.closeTo(map.probability, 12) }))
    expect(seen).toEqual({
      cam: { ...cam, maps: close },
      metrics: { ...errors, loss: expect.closeTo(loss, 12) },
      progress,
      scores: [...(await net.predict(few, { on })).scores],
      features: [...data],
      layer,
      label,
      summary,
      weights: [...net.withNewClassifier(4, { seed: 9 }).state.parameters],
      renewed: 4,
    })
    net.dispose()
    on.dispose()
  })

  test('image files are trained on and classified as in Node, bit for bit', async () => {
    const labels = ['blue', 'red', 'blue', 'red', 'red', 'blue', 'red', 'blue']
    const names = await Promise.all(
      labels.map(async (label, i) => {
        const pixels = new Uint8Array(50 * 60 * 3).map(
          (_, at) => (at * (i + 3)) % (at % 3 === (label === 'red' ? 0 : 2) ? 256 : 90),
        )
        await sharp(pixels, { raw: { width: 50, height: 60, channels: 3 } })
          .png()
          .toFile(join(folder, `${i}.png`))
        return `${i}.png`
      }),
    )
    const recipe = { epochs: 2, batchSize: 4, seed: 4 }
    const page = await pages.open()
    const seen = await page.evaluate<{ losses: number[]; answer: Prediction[]; warnings: string[] }>(`(async () => {
      const labels = ${JSON.stringify(labels)}
      const blobs = await Promise.all(${JSON.stringify(names)}.map(async name => (await fetch(name)).blob()))
      const train = imageBlobs(blobs.map((image, i) => ({ image, label: labels[i] })), { size: 32 })
      const net = await DenseNet.create('densenet-bc-100-12', { depth: 16, classes: 2, seed: 3 })
      const events = []
      await net.fit(train, { ...${JSON.stringify(recipe)}, instructionSet: 'simd', onEvent: event => events.push(event) })
      const answer = await net.classify(blobs[1])
      const of = type => events.filter(event => event.type === type)
      return { losses: of('step').map(({ loss }) => loss), answer, warnings: of('warning').map(({ message }) => message) }
    })()`)
    const facts = imageBlobs(
      labels.map(label => ({ image: new Blob([]), label })),
      { size: 32 },
    )
    const net = DenseNet.create('densenet-bc-100-12', { depth: 16, classes: 2, seed: 3 })
    const on = await simd.open(2)
    const losses: number[] = []
    const onEvent = (event: TrainingEvent): unknown => event.type === 'step' && losses.push(event.loss)
    const files = names.map(name => join(folder, name))
    await net.fit({ ...facts, files }, { ...recipe, on, onEvent })
    expect(seen.losses).toEqual(losses)
    expect(seen.warnings).toEqual([])
    // Probabilities are by Math.exp, whose last bit is each browser's own.
    for (const [i, { label, probability }] of (await net.classify(files[1]!, { on })).entries()) {
      expect(seen.answer[i]).toMatchObject({ label, probability: expect.closeTo(probability, 12) })
    }
    expect(losses).toHaveLength(4)
    net.dispose()
    on.dispose()
  })

  test.each(['torchvision.pth', 'keras3.keras', 'timm.safetensors', 'published.pth'])(
    'a file of weights comes in, by its address or as a Blob, and goes out, as in Node: %s',
    async name => {
      const path = join(folder, name)
      writeFileSync(path, fixture(name))
      const options = { normalisation: { mean: [10, 20, 30], deviation: [50, 60, 70] } }
      const page = await pages.open()
      const out = await page.evaluate<Record<'saved' | 'again' | 'pth' | 'onnx', string>>(`(async () => {
        const sha = async bytes =>
          [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map(b => b.toString(16).padStart(2, '0')).join('')
        const net = await DenseNet.load('./${name}', ${JSON.stringify(options)})
        const saved = await net.save()
        const again = await (await DenseNet.load(new Blob([saved]))).save()
        const [pth, onnx] = [await net.export('pth'), await net.export('onnx')]
        return { saved: await sha(saved), again: await sha(again), pth: await sha(pth), onnx: await sha(onnx) }
      })()`)
      const net = await DenseNet.load(path, options)
      await net.save(`${path}.saved`)
      await net.export(`${path}.onnx`)
      await net.export(`${path}.out.pth`)
      const sha = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')
      const [saved, pth, onnx] = [sha(`${path}.saved`), sha(`${path}.out.pth`), sha(`${path}.onnx`)]
      expect(out).toEqual({ saved, again: saved, pth, onnx })
    },
  )
})
