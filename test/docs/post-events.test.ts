// examples/post-events.ts against a real HTTP server: what arrives, and that a server that fails, hangs or is not there
// neither stops nor delays a training.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, expect, test, vi } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet } from '../../dist/index.js'
import { TINY, tinyDataset } from '../training/fixtures.js'

// Compiled beside its source, where it finds the package under its own name.
const source = fileURLToPath(new URL('../../examples/post-events.ts', import.meta.url))
const compiled = source.replace(/\.ts$/, `.${process.pid}.mjs`)
const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), {
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
})
writeFileSync(compiled, outputText)
const { postEpochs }: typeof import('../../examples/post-events.js') = await import(compiled)
rmSync(compiled)

const servers: Server[] = []
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

async function listening(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/epochs`
}

async function fitWith(url: string) {
  const poster = postEpochs(url)
  const result = await DenseNet.create(TINY, { seed: 3 }).fit(tinyDataset('train', 30), {
    on: createReferenceBackend(),
    validation: tinyDataset('test', 10),
    loaderThreads: 0,
    epochs: 2,
    batchSize: 10,
    learningRate: 0.05,
    onEvent: poster.onEvent,
  })
  return { result, poster }
}

test('epochs arrive in order, with their figures', async () => {
  const bodies: { type: string; epoch?: number }[] = []
  const url = await listening(async (request, response) => {
    let text = ''
    for await (const piece of request) text += piece
    bodies.push(JSON.parse(text))
    response.end()
  })
  const { result, poster } = await fitWith(url)
  await poster.done()
  expect(bodies.map(({ type, epoch }) => [type, epoch])).toEqual([
    ['epoch', 1],
    ['epoch', 2],
    ['end', undefined],
  ])
  expect(bodies[2]).toMatchObject({ final: result.final, best: result.best })
})

test('a service that refuses, hangs or is not there is told, and the training ends all the same', async () => {
  const told = vi.spyOn(console, 'error').mockImplementation(() => {})
  const refusing = await fitWith(await listening((_, response) => response.writeHead(503).end()))
  await refusing.poster.done()
  expect(refusing.result.stopped).toBe(false)
  expect(told.mock.calls.flat()).toContainEqual(expect.stringMatching(/answered 503$/))
  const absent = await fitWith('http://127.0.0.1:1/epochs')
  await absent.poster.done()
  expect(told.mock.calls.flat()).toContainEqual(expect.stringMatching(/cannot be reached/))
  const hanging = await fitWith(await listening(() => {}))
  expect(hanging.result.final?.epoch).toBe(2)
  servers.at(-1)!.close()
  servers.at(-1)!.on('request', (_, response) => response.destroy())
  servers.at(-1)!.closeAllConnections()
  await hanging.poster.done()
  told.mockRestore()
})
