// WebGPU in a page: the source of Node's backend, on the GPU that Chromium plays on the processor. With DENSENET_TEST_GPU=all every
// case is run; `own` takes the machine's GPU, too.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refuses } from '../../dist/backends/webgpu/lower.js'
import { DenseNet, synthetic, type TrainingEvent } from '../../dist/index.js'
import { chromiumPath, launch } from '../chromium.js'
import { conformanceCases } from '../conformance/cases.js'
import { builtProject } from './bundlers.js'
import { pagesOf } from './pages.js'
import { type Served, serveFolder } from './project.js'

const { DENSENET_TEST_GPU } = process.env
/** Its kernels' compilers are slow where workgroup memory is cleared first. */
const FLAGS =
  DENSENET_TEST_GPU === 'own' ? [] : ['--enable-unsafe-webgpu', '--enable-dawn-features=disable_workgroup_init']

const CASES = conformanceCases.filter(({ program }) => refuses(program.calls[0]!) === null)
/** One case of each kernel, the one with the most fields of those of few numbers. */
const SOME = [...new Set(CASES.map(({ program }) => program.calls[0]!.kernel))].map(kernel => {
  const small = CASES.filter(({ program }) => program.calls[0]!.kernel === kernel && program.arenaBytes < 80_000)
  return small.reduce((best, one) => (one.name.length > best.name.length ? one : best))
})

const NET = ['densenet-bc-100-12', { blocks: [1, 1], growthRate: 4 }] as const
const RECIPE = { epochs: 1, trainLimit: 16, testLimit: 8, batchSize: 8, learningRate: 0.05, seed: 4 } as const

describe.skipIf(chromiumPath === null)('WebGPU in chromium', () => {
  let browser: Browser
  let server: Served
  let page: Page
  const pages = pagesOf(builtProject, FLAGS)
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-'))
    const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
    await build({
      entryPoints: { conform: path('../conformance/in-page.ts') },
      bundle: true,
      format: 'esm',
      target: 'es2023',
      external: ['node:*'],
      outdir: folder,
    })
    writeFileSync(join(folder, 'index.html'), '<script type="module" src="conform.js"></script>')
    server = await serveFolder(folder)
    browser = await launch(FLAGS)
    page = await browser.newPage()
    await page.goto(server.address)
    await page.waitForFunction('globalThis.conform')
  })
  afterAll(async () => {
    await browser?.close()
    server?.close()
  })

  test('kernels agree with the reference', async () => {
    const names = (DENSENET_TEST_GPU ? CASES : SOME).map(({ name }) => name)
    const { backend, cases, problems } = await page.evaluate<{ backend: string; cases: number; problems: string[] }>(
      `conform(${JSON.stringify(names)})`,
    )
    expect(backend).toMatch(/^webgpu: /)
    expect(cases).toBe(names.length)
    expect(problems).toEqual([])
  })

  test('a network is trained there as in Node', async () => {
    const page = await pages.open()
    const { backend, losses } = await page.evaluate<{ backend: string; losses: number[] }>(`(async () => {
      const net = await DenseNet.create(...${JSON.stringify(NET)})
      const events = []
      await net.fit(synthetic().train, {
        ...${JSON.stringify(RECIPE)}, backend: 'webgpu', onEvent: event => events.push(event),
      })
      net.dispose()
      const of = type => events.filter(event => event.type === type)
      return { backend: of('start')[0].compute.backend, losses: of('step').map(({ loss }) => loss) }
    })()`)
    expect(backend).toMatch(/^webgpu: /)
    const expected: number[] = []
    const onEvent = (event: TrainingEvent): unknown => event.type === 'step' && expected.push(event.loss)
    await DenseNet.create(...NET).fit(synthetic().train, { ...RECIPE, backend: 'reference', onEvent })
    expect(expected).toHaveLength(2)
    expect(losses).toHaveLength(2)
    for (const [i, loss] of losses.entries()) expect(loss).toBeCloseTo(expected[i]!, 3)
  })

  test('auto takes no GPU that is software', async () => {
    const page = await pages.open()
    const backend = await page.evaluate<string>(`(async () => {
      const net = await DenseNet.create(...${JSON.stringify(NET)})
      let backend
      await net.fit(synthetic().train, {
        ...${JSON.stringify(RECIPE)},
        onEvent: event => { if (event.type === 'start') backend = event.compute.backend },
      })
      net.dispose()
      return backend
    })()`)
    expect(backend).toMatch(DENSENET_TEST_GPU === 'own' ? /^webgpu: / : /^wasm: /)
  })
})
