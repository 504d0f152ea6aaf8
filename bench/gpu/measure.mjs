// What a GPU does with densenet's kernels, in about five minutes: its limits and features, the floor of 500 dispatches, the rate of each
// kernel, whole training steps, and the memory they take. One line of JSON for each, for people and for bench/results.
//
//   node bench/gpu/measure.mjs [--adapter N] [--quick]      quick: small networks, for a GPU that is played by a processor
import { cpus } from 'node:os'
import { performance } from 'node:perf_hooks'
import { devices } from '../../dist/backends/devices.js'
import { createBackend } from '../../dist/backends/registry.js'
import { webGpuScratchBytes } from '../../dist/backends/webgpu/backend.js'
import { lower } from '../../dist/backends/webgpu/lower.js'
import { callTimes, grouped } from '../../dist/bench/kernels.js'
import { completeWork } from '../../dist/bench/work.js'
import { flopsOf } from '../../dist/engine/cost.js'
import { createSession, programList, sessionPrograms } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { preset } from '../../dist/model/presets.js'
import { median } from '../../dist/util/statistics.js'

const args = process.argv.slice(2)
const quick = args.includes('--quick')
const number = args.indexOf('--adapter')
const adapter = number < 0 ? undefined : Number(args[number + 1])
const WORKS = quick
  ? [['densenet-bc-16-4', 4, 32]]
  : [
      ['densenet-bc-100-12', 64, 32],
      ['densenet-bc-100-12', 512, 32],
      ['densenet-121', 64, 224],
    ]
const STEPS = quick ? 2 : 20
const SGD = { momentum: 0.9, weightDecay: 1e-4, nesterov: true }

const tell = result => process.stdout.write(`${JSON.stringify(result)}\n`)

async function floor(backend) {
  const calls = Array.from({ length: 500 }, () => {
    return { kernel: 'fill', elements: 64, value: 1, target: { buffer: 0, offset: 0 } }
  })
  const buffers = [{ name: 'parameters', elements: 64, role: 'parameters' }]
  const parameters = backend.createBuffer(64)
  const executable = await backend.compile(
    { batchSize: 1, buffers, calls, offsets: [-1], arenaBytes: 0 },
    { parameters },
  )
  const milliseconds = []
  for (let i = 0; i < STEPS; i++) {
    const start = performance.now()
    await executable.run({ batch: 1 })
    await parameters.read(0, 1)
    milliseconds.push(performance.now() - start)
  }
  executable.dispose()
  parameters.dispose()
  tell({ what: 'floor', dispatches: 500, milliseconds: median(milliseconds) })
}

async function steps(backend, [model, batchSize, size]) {
  const { precision } = backend
  const config = preset(model, size === 224 ? {} : { height: size, width: size })
  const net = architecture(config)
  const programs = sessionPrograms(net, { batchSize, optimizer: SGD }, precision)
  const session = await createSession(net, backend, { batchSize, optimizer: SGD }, programs)
  await session.writeState({ parameters: initialParameters(session.table, 1), running: initialRunning(session.table) })
  const images = Float32Array.from({ length: batchSize * 3 * size * size }, (_, i) => Math.sin(i * 12.9898))
  const labels = Float32Array.from({ length: batchSize }, (_, i) => i % config.classes)
  const milliseconds = []
  let loss = 0
  for (let step = 0; step < STEPS + 3; step++) {
    const start = performance.now()
    const { losses } = await session.trainStep({ size: batchSize, images, labels }, { learningRate: 0.01, step })
    if (step >= 3) milliseconds.push(performance.now() - start)
    loss = losses.reduce((a, b) => a + b, 0) / batchSize
  }
  session.dispose()
  const { gradient } = programs.training
  tell({
    what: 'step',
    precision,
    model,
    batchSize,
    milliseconds: median(milliseconds),
    gflops: gradient.calls.reduce((sum, call) => sum + flopsOf(call, batchSize), 0) / 1e9,
    loss,
    dispatches: lower(gradient).dispatches.length,
    arenaBytes: gradient.arenaBytes,
    scratchBytes: programList(programs).reduce((sum, program) => sum + webGpuScratchBytes(program), 0),
  })
}

async function kernels(backend, [model, batchSize, imageSize]) {
  const { precision } = backend
  const work = completeWork({ model, task: 'train', batchSize, imageSize, iterations: STEPS, settle: 1 })
  for (const { kernel, size, height, calls, seconds, flops, bytes } of grouped(
    await callTimes(backend, work),
    precision,
  )) {
    const rates = { gflopsPerSecond: flops / seconds / 1e9, gigabytesPerSecond: bytes / seconds / 1e9 }
    tell({
      what: 'kernel',
      precision,
      model,
      batchSize,
      kernel,
      size,
      height,
      calls,
      milliseconds: 1000 * seconds,
      ...rates,
    })
  }
}

tell({ what: 'machine', processor: cpus()[0]?.model.trim(), node: process.version, ...(await devices()).gpus })
const backends = []
for (const precision of ['float32', 'bfloat16'])
  backends.push(await createBackend({ backend: 'webgpu', adapter, precision }))
const [single] = backends
tell({ what: 'backend', description: single.description })
await floor(single)
for (const work of WORKS) {
  // What does not fit is a sentence; the others are measured all the same.
  for (const backend of backends) {
    await steps(backend, work).catch(error => tell({ what: 'failed', work, message: error.message }))
  }
}
for (const work of WORKS.filter(([, batchSize]) => batchSize <= 64)) {
  for (const backend of backends) {
    await kernels(backend, work).catch(error => tell({ what: 'failed', work, message: error.message }))
  }
}
for (const backend of backends) backend.dispose()
