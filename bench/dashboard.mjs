// How soon the dashboard shows a curve, and how many bytes it takes over the wire: a log of so many epochs, the server, a
// real browser.
//   node bench/dashboard.mjs [EPOCHS [STEPS_PER_EPOCH]]     default: 1000 epochs of 782 steps, a log of about 220 MB
import { execFileSync } from 'node:child_process'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { chromium } from 'playwright-core'
import { serveDashboard } from '../dist/dashboard/serve.js'
import { resolveConfig } from '../dist/model/config.js'
import { resolveRecipe } from '../dist/training/recipe.js'

const [epochs = 1000, batches = 782] = process.argv.slice(2).map(Number)
const root = mkdtempSync(join(tmpdir(), 'densenet-bench-'))
const folder = join(root, 'long')

const line = event => `${JSON.stringify(event)}\n`
const time = step => new Date(Date.UTC(2026, 0, 1) + 130 * step).toISOString()

async function writeRun() {
  mkdirSync(folder)
  const config = resolveConfig({ depth: 40, bottleneck: true })
  const settings = { model: 'long', dataset: 'cifar10', dataFolder: null, memory: 'auto', backend: 'native' }
  const more = { threads: null, computer: 'none', keepBest: 1, recipe: resolveRecipe({ epochs }), config }
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...settings, ...more }))
  const log = createWriteStream(join(folder, 'log.jsonl'))
  const network = { name: 'long', depth: 40, parameters: 176122, multiplyAdds: 7e7 }
  const counts = { epochs, batchesPerEpoch: batches, trainImages: 64 * batches, testImages: 10000 }
  const compute = { backend: 'none', memory: 'store', memoryReason: null, plannedBytes: 3e8 }
  const facts = { network, compute, dataset: 'cifar10', recipe: more.recipe, ...counts }
  log.write(line({ time: time(0), type: 'start', ...facts, epoch: 1, batch: 0, step: 0 }))
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let text = ''
    for (let batch = 1; batch <= batches; batch++) {
      const step = (epoch - 1) * batches + batch
      const loss = 2.3 / (1 + step / 5000) + 0.2 * Math.random()
      const learningRate = 0.05 * (1 + Math.cos((Math.PI * step) / (epochs * batches)))
      const measured = { images: 64, seconds: 0.13 + 0.01 * Math.random(), waitedSeconds: 1e-4 * Math.random() }
      const score = { learningRate, loss, top1Error: 30 * loss, ...measured, memoryBytes: 3e8 }
      text += line({ time: time(step), type: 'step', epoch, batch, step, ...score })
    }
    const test = { loss: 0.3 + 2 / epoch, top1Error: 5 + 50 / epoch, top5Error: 0.2 }
    const common = { type: 'epoch', epoch, epochs, step: epoch * batches, learningRate: 0.1, train: test, on: 'test' }
    const rest = { best: { epoch, ...test }, isBest: true, seconds: 105, testSeconds: 6, waitingShare: 0 }
    text += line({ time: time(epoch * batches), ...common, test, ...rest, memoryBytes: 3e8 })
    if (!log.write(text)) await new Promise(resolve => log.once('drain', resolve))
  }
  log.end()
  await finished(log)
}

/** Bytes as they came, headers included, by what was asked for. */
async function bytesOf(page) {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  const kinds = new Map()
  const sums = { page: 0, curves: 0 }
  session.on('Network.requestWillBeSent', ({ requestId, request }) => {
    kinds.set(requestId, request.url.includes('/api/') ? 'curves' : 'page')
  })
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    sums[kinds.get(requestId)] += encodedDataLength
  })
  return sums
}

try {
  await writeRun()
  const size = statSync(join(folder, 'log.jsonl')).size
  console.log(`${epochs} epochs of ${batches} steps: a log of ${(size / 1e6).toFixed(0)} MB`)
  const executablePath = process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  const server = await serveDashboard(root)
  for (const visit of ['first visit, log not read yet', 'second visit, by the same server']) {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    const sums = await bytesOf(page)
    const began = performance.now()
    await page.goto(server.url, { waitUntil: 'commit' })
    const since = () => `${((performance.now() - began) / 1000).toFixed(2)} s`
    const loss = page.locator('figure', { hasText: 'Loss' }).locator('li.train')
    await loss.waitFor()
    const first = since()
    const early = `${((sums.page + sums.curves) / 1e3).toFixed(0)} kB`
    // Whole once the last epoch is told.
    const last = page
      .locator('figure', { hasText: 'Loss' })
      .locator('li.test', { hasText: (0.3 + 2 / epochs).toPrecision(4) })
    await last.waitFor({ timeout: 120_000 })
    const page_ = `page ${(sums.page / 1e3).toFixed(0)} kB, curves ${(sums.curves / 1e3).toFixed(0)} kB`
    console.log(`${visit}: first curve after ${first} and ${early}, whole after ${since()} (${page_})`)
    await page.close()
  }
  await browser.close()
  await server.close()
  console.log(`memory of server and this script: ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`)
} finally {
  rmSync(root, { recursive: true, force: true })
}
