// DenseNet in a page: in a worker, with the events, errors and numbers of Node.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import type { Backend } from '../../dist/engine/backend.js'
import { DenseNet, synthetic, type TrainingResult } from '../../dist/index.js'
import { chromiumPath } from '../chromium.js'
import { wasmBuilds } from '../compiled-builds.js'
import { fixture } from '../interop/fixtures.js'
import { instructionSets } from '../native-available.js'
import { bundlers } from './bundlers.js'
import { pagesOf } from './pages.js'
import { makeProject } from './project.js'

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
    folder = await bundlers.vite(makeProject())
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
      message: 'there is no backend "native" in a browser; there are wasm, reference and auto',
    })
    expect(await page.evaluate(failing('(net.dispose(), net.summary())'))).toMatchObject({
      message: 'this network cannot be used any more: it was disposed of',
    })
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
