// Runs in the origin's private file system: a tab that is closed in mid-epoch goes on with the same bits, and the folder is
// one of Node's.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { readCheckpoint } from '../../dist/entries/runs.js'
import { type ArrayDataset, DenseNet, synthetic } from '../../dist/index.js'
import { summariseRun } from '../../dist/runs/run-summary.js'
import { chromiumPath } from '../chromium.js'
import { wasmBuilds } from '../compiled-builds.js'
import { builtProject } from './bundlers.js'
import { pagesOf } from './pages.js'

const simd = wasmBuilds.find(({ name }) => name === 'wasm simd')!
const NET = ['densenet-bc-100-12', { depth: 16, growthRate: 4, seed: 3 }] as const
const RECIPE = { epochs: 2, trainLimit: 160, testLimit: 40, batchSize: 8, seed: 4, ema: 0.9 } as const

/** The first images of a data set: whoever keeps a run hashes all of them. */
const few = (dataset: ArrayDataset, length: number): ArrayDataset => ({
  ...dataset,
  length,
  images: dataset.images.slice(0, (length * dataset.images.length) / dataset.length),
  labels: dataset.labels.slice(0, length),
})

/** Trains in the page, which keeps what it hears of. */
const training = (options: string): string => `(async () => {
  globalThis.net = await DenseNet.create(...${JSON.stringify(NET)})
  const few = ${few}
  globalThis.all ??= synthetic()
  const [train, test] = [few(all.train, 200), few(all.test, 50)]
  globalThis.events = []
  const onEvent = event => events.push(event)
  return net.fit(train, { validation: test, instructionSet: 'simd', checkpointSeconds: 0, onEvent, ${options} })
})()`
const NEW = JSON.stringify(RECIPE).slice(1, -1)

/** The files of a run, as a page's own scripts read them. */
const filesOf = (page: Page, run: string): Promise<Record<string, string>> =>
  page.evaluate(`(async () => {
    let folder = await navigator.storage.getDirectory()
    for (const name of '${run}'.split('/')) folder = await folder.getDirectoryHandle(name)
    const files = {}
    for await (const [name, handle] of folder) {
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer())
      files[name] = btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))
    }
    return files
  })()`)

/** Copied to the disk. */
async function copied(page: Page, run: string): Promise<string> {
  const folder = join(mkdtempSync(join(tmpdir(), 'densenet-run-')), 'run')
  mkdirSync(folder)
  for (const [name, base64] of Object.entries(await filesOf(page, run))) {
    writeFileSync(join(folder, name), Buffer.from(base64, 'base64'))
  }
  return folder
}

describe.skipIf(chromiumPath === null || !simd.available)('in chromium', () => {
  const pages = pagesOf(builtProject)

  test('a tab is closed in mid-epoch, another goes on, and Node, too: the same bits as without a break', async () => {
    const whole = mkdtempSync(join(tmpdir(), 'densenet-whole-'))
    const node = DenseNet.create(...NET)
    const all = synthetic()
    const [train, validation] = [few(all.train, 200), few(all.test, 50)]
    await node.fit(train, { ...RECIPE, validation, output: join(whole, 'run'), on: await simd.open(2) })
    const expected = await readCheckpoint(join(whole, 'run', 'last.safetensors'))

    const context = await pages.context()
    const first = await pages.open('/', context)
    await first.evaluate(`void ${training(`${NEW}, output: 'runs/flowers'`)}`)
    // In the middle of the second epoch, wherever that is just then.
    await first.waitForFunction("globalThis.events?.some(({ type, step }) => type === 'checkpoint' && step >= 25)")
    await first.close({ runBeforeUnload: false })

    const second = await pages.open('/', context)
    const broken = await copied(second, 'runs/flowers')
    const { progress } = await readCheckpoint(join(broken, 'last.safetensors'))
    expect(progress).toMatchObject({ epoch: 2 })
    expect(progress!.nextBatch).toBeGreaterThan(0)
    expect(progress!.nextBatch).toBeLessThan(20)

    const result = await second.evaluate(training("resume: 'runs/flowers'"))
    expect(result).toMatchObject({ stopped: false, progress: { epoch: 3, step: 40 } })
    const done = await copied(second, 'runs/flowers')
    const { state } = await readCheckpoint(join(done, 'last.safetensors'))
    expect(state).toEqual(expected.state)
    expect(await summariseRun(done)).toMatchObject({ state: 'finished', epochsDone: 2, step: 40, problem: null })

    const there = DenseNet.create(...NET)
    await there.fit(train, { validation, resume: broken, on: await simd.open(1) })
    expect((await readCheckpoint(join(broken, 'last.safetensors'))).state).toEqual(expected.state)
    await context.close()
  })

  test('a run is one tab’s at a time, and its name is taken', async () => {
    const context = await pages.context()
    const [first, second] = [await pages.open('/', context), await pages.open('/', context)]
    const failing = (page: Page, options: string): Promise<string> =>
      page.evaluate(`${training(options)}.then(() => 'done', error => error.message)`)
    await first.evaluate(`void ${training(`${NEW}, epochs: 100, output: 'taken'`)}`)
    await first.waitForFunction("globalThis.events?.some(({ type }) => type === 'checkpoint')")
    expect(await failing(second, "resume: 'taken'")).toBe('another tab or worker is training in taken')
    await first.evaluate('net.dispose()')
    expect(await failing(second, `${NEW}, output: 'taken'`)).toBe('taken already holds a run')
    expect(await failing(second, "resume: 'nothing'")).toBe('there is no folder nothing')
    expect(await failing(second, `${NEW}, output: '../x'`)).toBe('a run cannot be called "../x"')
    await context.close()
  })

  test('a damaged checkpoint is named, and the one before it is gone on from', async () => {
    const context = await pages.context()
    const page = await pages.open('/', context)
    await page.evaluate(training(`${NEW}, epochs: 1, trainLimit: 40, output: 'damaged'`))
    await page.evaluate(`(async () => {
      net.dispose()
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('damaged')
      const handle = await folder.getFileHandle('last.safetensors')
      const { size } = await handle.getFile()
      const file = await handle.createWritable({ keepExistingData: true })
      await file.write({ type: 'write', position: size - 200, data: new Uint8Array(100) })
      await file.close()
    })()`)
    const result = await page.evaluate(training("resume: 'damaged', epochs: 2"))
    expect(result).toMatchObject({ stopped: false, progress: { epoch: 3 } })
    const warnings = await page.evaluate(
      "events.filter(({ type }) => type === 'warning').map(({ message }) => message)",
    )
    expect(warnings).toContainEqual(
      expect.stringMatching(
        /^damaged\/last\.safetensors is damaged \(checksum differs\); going on from the checkpoint before it/,
      ),
    )
    await context.close()
  })
})
