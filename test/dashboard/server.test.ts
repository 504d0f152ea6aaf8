// What the server answers, and whom.
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, expect, test, vi } from 'vitest'
import type { RunSummary, StepCurves } from '../../dist/dashboard/api.js'
import { dashboardApp } from '../../dist/dashboard/app.js'
import { serveDashboard } from '../../dist/dashboard/serve.js'
import { densenet, densenetAlone, SMALL } from '../cli/run.js'
import {
  appendLog,
  endLine,
  epochsOf,
  makeRun,
  startLine,
  stepLine,
  stopLine,
  temporaryFolder,
  writeLog,
} from './runs.js'

const HOST = { host: '127.0.0.1:1' }
const closers: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closers) await close()
})

function appOf(root: string) {
  const { app, close } = dashboardApp(root, { lookMilliseconds: 20 })
  closers.push(close)
  return {
    app,
    get: (path: string, init: RequestInit = {}) => app.request(path, { headers: HOST, ...init }),
    json: async <T>(path: string): Promise<T> => (await (await app.request(path, { headers: HOST })).json()) as T,
  }
}

test('runs at any depth with their state, score and pace; damaged ones are named, hidden ones and links are not', async () => {
  const root = temporaryFolder()
  writeLog(makeRun(root, 'done'), startLine() + epochsOf(1, 5) + endLine())
  writeLog(makeRun(root, 'deep/er/stopped'), startLine() + epochsOf(1, 1) + stepLine(11) + stopLine(11))
  writeLog(makeRun(root, 'crashed'), startLine() + epochsOf(1, 1) + stepLine(11))
  const running = makeRun(root, 'running')
  writeLog(running, startLine() + epochsOf(1, 1) + stepLine(11))
  writeFileSync(join(running, '.lock'), `${process.pid} ${(await import('node:os')).hostname()} x\n`)
  makeRun(root, 'new')
  makeRun(root, '.hidden')
  symlinkSync(makeRun(temporaryFolder(), 'elsewhere'), join(root, 'link'))
  mkdirSync(join(root, 'broken'))
  writeFileSync(join(root, 'broken', 'config.json'), '{"model": ')
  const runs = await appOf(root).json<RunSummary[]>('/api/runs')
  const states = Object.fromEntries(runs.map(({ id, state }) => [id, state]))
  expect(states).toEqual({
    done: 'finished',
    'deep/er/stopped': 'stopped',
    crashed: 'crashed',
    running: 'running',
    new: 'crashed',
    broken: 'damaged',
  })
  const of = (id: string): RunSummary => runs.find(run => run.id === id)!
  expect(of('broken').problem).toMatch(/config\.json is damaged/)
  expect(of('done')).toMatchObject({ epochsDone: 5, epochs: 5, step: 50, best: { epoch: 5, top1Error: 55 } })
  // 39 steps of half a second and 4 evaluations of one second.
  expect(of('running')).toMatchObject({ secondsLeft: 24, now: { epoch: 2, batch: 1, imagesPerSecond: 16 } })
})

test('a run itself can be served', async () => {
  const folder = makeRun(temporaryFolder(), 'only')
  writeLog(folder, startLine() + epochsOf(1, 2))
  const { json } = appOf(folder)
  expect((await json<RunSummary[]>('/api/runs')).map(({ id }) => id)).toEqual(['.'])
  const { epochs } = await json<{ epochs: { epoch: number }[] }>('/api/epochs?run=.&after=1')
  expect(epochs.map(({ epoch }) => epoch)).toEqual([2])
})

test('curves by buckets, and gone on with', async () => {
  const root = temporaryFolder()
  const folder = makeRun(root, 'a')
  writeLog(folder, startLine() + epochsOf(1, 1))
  const { json } = appOf(root)
  /** A busy computer answers before all is read, and says so. */
  const whole = async (query: string): Promise<StepCurves> => {
    const curves = await json<StepCurves>(`/api/steps?run=a&width=4&${query}`)
    return curves.complete ? curves : whole(query)
  }
  const curves = await whole('metrics=error,throughput')
  expect(curves).toMatchObject({ complete: true, lastStep: 10, from: 0, width: 4 })
  expect(curves.series).toEqual({
    error: { mean: [50, 50, 50], least: [50, 50, 50], most: [50, 50, 50] },
    throughput: { mean: [16, 16, 16], least: [16, 16, 16], most: [16, 16, 16] },
  })
  appendLog(folder, stepLine(11) + stepLine(12))
  const next = await whole('from=8&metrics=loss')
  expect(next).toMatchObject({ from: 8, lastStep: 12, generation: curves.generation })
  expect(next.series.loss!.mean).toHaveLength(2)
})

test('settings as text, the network layer by layer', async () => {
  const root = temporaryFolder()
  makeRun(root, 'a', 0.25)
  const { json } = appOf(root)
  expect(await json('/api/settings?run=a')).toMatchObject({ model: 'tiny', 'recipe.learningRate': '0.25' })
  const model = await json<{ parameters: number; layers: { parameters: number }[] }>('/api/model?run=a')
  expect(model).toMatchObject({ kind: 'DenseNet-BC', depth: 10, input: [3, 32, 32], classes: 10 })
  expect(model.layers.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(model.parameters)
})

test.each([
  ['/api/steps', 400, /run/],
  ['/api/steps?run=nowhere', 400, /there is no run "nowhere"/],
  ['/api/steps?run=..%2F..%2Fetc', 400, /there is no run/],
  ['/api/steps?run=a&width=0', 400, /width/],
  ['/api/steps?run=a&width=1e99', 400, /width/],
  ['/api/steps?run=a&width=1&from=0&to=99999999999999', 400, /to/],
  ['/api/steps?run=a&metrics=speed', 400, /metrics/],
  ['/api/steps?run=a&smoothing=-1', 400, /smoothing/],
  ['/api/evaluation?run=a&checkpoint=..%2Fx', 400, /checkpoint/],
  ['/api/settings?run=broken', 500, /damaged/],
  ['/api/nothing', 404, /there is no/],
  ['/..%2f..%2fetc/passwd', 404, /there is no/],
])('%s is refused in one sentence', async (path, status, sentence) => {
  const root = temporaryFolder()
  makeRun(root, 'a')
  mkdirSync(join(root, 'broken'))
  writeFileSync(join(root, 'broken', 'config.json'), '[]')
  const answer = await appOf(root).get(path)
  expect(answer.status).toBe(status)
  expect(((await answer.json()) as { error: string }).error).toMatch(sentence)
})

test('only its own pages are answered: names that mean this machine for a moment, and other sites, are not', async () => {
  const { app } = appOf(temporaryFolder())
  const status = async (headers: Record<string, string>, method = 'GET'): Promise<number> =>
    (await app.request('/api/evaluation?run=a', { headers, method })).status
  expect(await status({ host: 'evil.example' })).toBe(403)
  expect(await status({ host: '127.0.0.1.evil.example:80' })).toBe(403)
  expect(await status({})).toBe(403)
  expect(await status({ ...HOST, origin: 'https://evil.example' }, 'POST')).toBe(403)
  expect(await status({ ...HOST, origin: 'null' }, 'POST')).toBe(403)
  expect(await status({ ...HOST, origin: 'http://127.0.0.1:1' }, 'POST')).toBe(400)
  expect(await status({ host: 'localhost:1' })).toBe(400)
})

test('the page: no script but its own, compressed, its files kept for good', async () => {
  const { get } = appOf(temporaryFolder())
  const page = await get('/')
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self';/)
  const html = await page.text()
  expect(html).not.toMatch(/<script(?![^>]*src=)|https?:|style=|onclick/)
  const [, script] = /src="\.(\/assets\/[^"]+\.js)"/.exec(html)!
  const file = await get(script!, { headers: { ...HOST, 'accept-encoding': 'gzip' } })
  expect(file.headers.get('cache-control')).toMatch(/immutable/)
  const plain = await (await get(script!)).text()
  expect(gunzipSync(await file.arrayBuffer()).toString()).toBe(plain)
  expect((await get(script!, { headers: { ...HOST, 'accept-encoding': 'br' } })).headers.get('content-encoding')).toBe(
    'br',
  )
})

/** Reads events until `enough`; resolves to them. */
async function events(
  url: string,
  headers: Record<string, string>,
  enough: (text: string) => boolean,
): Promise<string> {
  return new Promise((done, fail) => {
    const asked = request(`${url}api/events`, { headers }, answer => {
      let text = ''
      answer.setEncoding('utf8').on('data', piece => {
        text += piece
        if (!enough(text)) return
        done(text)
        asked.destroy()
      })
    })
    asked.on('error', fail).end()
  })
}

test('events tell what there is, what changes, and after a pause only what changed', async () => {
  const root = temporaryFolder()
  const folder = makeRun(root, 'a')
  writeLog(folder, startLine())
  writeLog(makeRun(root, 'b'), startLine())
  const { url, close } = await serveDashboard(root)
  closers.push(close)
  const first = await events(url, {}, text => text.includes('event: listed') && /id: \S+\nretry/.test(text))
  expect(first.match(/event: run/g)).toHaveLength(2)
  const id = [...first.matchAll(/id: (\S+)/g)].at(-1)![1]!
  appendLog(folder, epochsOf(1, 1))
  const next = await events(url, { 'last-event-id': id }, text => text.includes('"epochsDone":1'))
  expect(next).toContain('"id":"a"')
  expect(next).not.toContain('"id":"b"')
  expect(next).not.toContain('event: begin')
  const other = await events(url, { 'last-event-id': 'another/999' }, text => text.includes('event: listed'))
  expect(other.match(/event: run/g)).toHaveLength(2)
  const listening = events(url, {}, text => text.includes('event: gone'))
  rmSync(join(root, 'b'), { recursive: true })
  expect(await listening).toMatch(/event: gone\ndata: "b"/)
})

test('a checkpoint is evaluated beside the server, kept, and called stale once it has changed', {
  timeout: 300_000,
}, async () => {
  const root = temporaryFolder()
  const trained = await densenet(['train', ...SMALL, '--epochs=1', '--quiet', '--output', join(root, 'a')])
  expect(trained).toMatchObject({ code: 0, err: '' })
  const { get, json } = appOf(root)
  type State = { state: string; stale: boolean; evaluation: { report: { scores: object }; thumbnails: string[] } }
  expect(await json('/api/evaluation?run=a')).toEqual({ state: 'none' })
  expect((await get('/api/evaluation?run=a', { method: 'POST' })).status).toBe(202)
  let state: State
  do {
    await new Promise(resolve => setTimeout(resolve, 200))
    state = await json<State>('/api/evaluation?run=a')
  } while (state.state === 'running')
  expect(state).toMatchObject({
    state: 'done',
    stale: false,
    evaluation: { epoch: 1, report: { dataset: 'synthetic' } },
  })
  const { report, thumbnails } = state.evaluation
  // What densenet test says of the same weights.
  const tested = await densenet(['test', join(root, 'a'), '--test-limit=16', '--backend=reference', '--json'])
  const { loss, top1Error } = JSON.parse(tested.out) as { loss: number; top1Error: number }
  expect(report.scores).toMatchObject({ images: 16, loss, top1Error })
  expect(thumbnails.every(address => address.startsWith('data:image/png;base64,'))).toBe(true)
  // It is done when the process says so, and kept when that has ended.
  const kept = (): string[] => readdirSync(join(root, 'a', '.dashboard'))
  await vi.waitFor(() => expect(kept()).toEqual(['evaluation-last.json']), { timeout: 100_000 })
  await densenet(['train', '--resume', join(root, 'a'), '--epochs=2', '--quiet'])
  expect(await appOf(root).json('/api/evaluation?run=a')).toMatchObject({ state: 'done', stale: true })
})

test('densenet train --dashboard says where it is, shows the run, and goes with it', { timeout: 300_000 }, async () => {
  const cwd = temporaryFolder()
  let seen: Promise<RunSummary[]> | null = null
  const { code, out } = await densenetAlone(['train', ...SMALL, '--dashboard'], {
    cwd,
    onOutput: text => {
      const [, url] = /dashboard: (http:\S+\/)#\/curves\?run=densenet-1\n/.exec(text) ?? []
      if (url && text.includes('epoch 1/3'))
        seen ??= fetch(`${url}api/runs`).then(answer => answer.json() as Promise<RunSummary[]>)
    },
  })
  expect(code).toBe(0)
  expect(await seen).toMatchObject([{ id: 'densenet-1', state: 'running' }])
  const [, url] = /dashboard: (http:\S+\/)/.exec(out)!
  await expect(fetch(url!)).rejects.toThrow()
})

test.each([
  [['nowhere'], 2, /there is no folder nowhere/],
  [['file'], 2, /file is a file, not a folder/],
  [['.', '--port', '70000'], 2, /expected a whole number from 0 to 65535 for --port, got 70000/],
])('densenet dashboard %j is refused', async (args, code, sentence) => {
  const cwd = temporaryFolder()
  writeFileSync(join(cwd, 'file'), '')
  const finished = await densenet(['dashboard', ...args], { cwd })
  expect(finished.code).toBe(code)
  expect(finished.err).toMatch(sentence)
})

test('a port that is taken is said so; Ctrl-C ends it', async () => {
  const cwd = temporaryFolder()
  const { url, close } = await serveDashboard(cwd)
  closers.push(close)
  const taken = await densenet(['dashboard', '.', '--port', new URL(url).port], { cwd })
  expect(taken).toMatchObject({ code: 2, err: expect.stringMatching(/port \d+ is taken/) })
  // The second of two signals ends at once.
  const once = (text: string, child: { kill(signal: 'SIGINT'): unknown }): void => {
    if (text.includes('Ctrl-C ends it') && !signalled) signalled = Boolean(child.kill('SIGINT'))
  }
  let signalled = false
  const ended = await densenetAlone(['dashboard', '.'], { cwd, onOutput: once })
  expect(ended).toMatchObject({ code: 130, err: '', out: expect.stringMatching(/^dashboard of \.: http/) })
})
