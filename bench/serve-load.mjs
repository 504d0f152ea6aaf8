// How `densenet serve` bears load: throughput, latencies and memory over time, then more than it can take. The server is
// a process of its own; this one is the client.
//
//     node bench/serve-load.mjs [--model PATH] [--image FILE] [--minutes 1] [--connections 8] [--json]
//
// Without a model: a densenet-121 with random weights, and a made-up JPEG of 500 x 375 pixels.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { DenseNet } from '../dist/index.js'

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    image: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    connections: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
const connections = Number(values.connections)
if (!(minutes > 0) || !Number.isInteger(connections) || connections < 1) {
  console.error('--minutes is a number above 0, --connections a whole number of at least 1')
  process.exit(2)
}
const QUEUE = 64
const OVERLOAD_SECONDS = 5
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'densenet-load-'))
let server

try {
  const image = values.image ? readFileSync(values.image) : await madeUpImage()
  server = spawn(
    process.execPath,
    [main, 'serve', values.model ?? (await randomModel()), '--port=0', `--queue=${QUEUE}`, '--json'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [line] = await Promise.race([
    once(server.stdout, 'data'),
    once(server, 'exit').then(() => Promise.reject(new Error('the server did not start'))),
  ])
  const { url, model } = JSON.parse(String(line))
  const steady = await load(url, image, connections, 60 * minutes)
  const overload = await load(url, image, 3 * QUEUE, OVERLOAD_SECONDS)
  const after = await send(url, image, new Agent())
  server.kill('SIGTERM')
  const [exitCode] = server.exitCode === null ? await once(server, 'exit') : [server.exitCode]
  const result = {
    model,
    minutes,
    connections,
    ...figures(steady),
    overload: statuses(overload),
    after: after.status,
    exitCode,
  }
  if (values.json) console.log(JSON.stringify(result))
  else print(result)
} finally {
  server?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

async function madeUpImage() {
  const [width, height] = [500, 375]
  const pixels = Buffer.from(
    Array.from({ length: 3 * width * height }, (_, i) => 128 + 100 * Math.sin(i / 97) + ((i * 31) % 23)),
  )
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg()
    .toBuffer()
}

async function randomModel() {
  const model = DenseNet.create('densenet-121')
  model.normalisation = { mean: [124, 116, 104], deviation: [58, 57, 57] }
  const path = join(folder, 'model.safetensors')
  await model.save(path)
  return path
}

/** `count` connections, each asking again as soon as it is answered. */
async function load(url, image, count, seconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: count })
  const answers = []
  const memory = []
  const start = performance.now()
  const elapsed = () => (performance.now() - start) / 1000
  const client = async () => {
    while (elapsed() < seconds) answers.push(await send(url, image, agent))
  }
  const watch = async () => {
    while (elapsed() < seconds) {
      const text = await (await fetch(`${url}/metrics`)).text()
      memory.push([elapsed(), Number(/^process_resident_memory_bytes (.*)$/m.exec(text)[1])])
      await new Promise(resolve => setTimeout(resolve, 1000))
    }
  }
  await Promise.all([watch(), ...Array.from({ length: count }, client)])
  agent.destroy()
  return { answers, memory, seconds: elapsed() }
}

/** Resolves to the status, 0 for a broken connection, and the milliseconds. */
function send(url, image, agent) {
  const start = performance.now()
  return new Promise(resolve => {
    const done = status => resolve({ status, milliseconds: performance.now() - start })
    const headers = { 'Content-Type': 'image/jpeg', 'Content-Length': image.length }
    const asked = request(`${url}/v1/classify`, { method: 'POST', agent, headers }, answer => {
      answer.resume()
      answer.on('end', () => done(answer.statusCode))
      answer.on('error', () => done(0))
    })
    asked.on('error', () => done(0))
    asked.end(image)
  })
}

function statuses({ answers }) {
  const counts = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

function figures({ answers, memory, seconds }) {
  const sorted = answers
    .filter(({ status }) => status === 200)
    .map(({ milliseconds }) => milliseconds)
    .sort((a, b) => a - b)
  const percentile = share => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  // The first fifth warms up: caches, the heap's first growth.
  const settled = memory.filter(([time]) => time > seconds / 5)
  return {
    answers: statuses({ answers }),
    imagesPerSecond: sorted.length / seconds,
    milliseconds: { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99), most: sorted.at(-1) },
    residentMegabytes: {
      first: settled[0][1] / 1e6,
      last: settled.at(-1)[1] / 1e6,
      most: Math.max(...memory.map(([, bytes]) => bytes)) / 1e6,
      perMinute: (60 * slope(settled)) / 1e6,
    },
  }
}

/** Of a line through the points, by least squares. */
function slope(points) {
  const mean = index => points.reduce((sum, point) => sum + point[index], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const [xy, xx] = points.reduce(
    ([a, b], point) => [a + (point[0] - x) * (point[1] - y), b + (point[0] - x) ** 2],
    [0, 0],
  )
  return xx === 0 ? 0 : xy / xx
}

function print({ model, answers, imagesPerSecond, milliseconds, residentMegabytes, overload, after, exitCode }) {
  const rounded = value => Number(value.toPrecision(3))
  const { p50, p95, p99, most } = milliseconds
  const memory = residentMegabytes
  console.log(`${model}, ${connections} connections, ${minutes} minutes`)
  console.log(`answers by status    ${JSON.stringify(answers)}`)
  console.log(`throughput           ${rounded(imagesPerSecond)} images/s`)
  console.log(
    `latency              p50 ${rounded(p50)} ms, p95 ${rounded(p95)} ms, p99 ${rounded(p99)} ms, most ${rounded(most)} ms`,
  )
  console.log(
    `resident memory      ${rounded(memory.first)} MB, at last ${rounded(memory.last)} MB, most ${rounded(memory.most)} MB, slope ${rounded(memory.perMinute)} MB a minute`,
  )
  console.log(`${3 * QUEUE} connections      ${JSON.stringify(overload)} in ${OVERLOAD_SECONDS} s; then ${after}`)
  console.log(`after SIGTERM        exit code ${exitCode}`)
}
