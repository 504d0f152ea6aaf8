// Times one training step or evaluation of a network on the native backend, as a user gets it: images written, loss read.
//   node bench/step.mjs train densenet-bc-100-12 --batch 64 [--iterations 12] [--settle 4] [--threads N] [--memory recompute] [--kernels]
// Prints one JSON line, as ../peers-style scripts do: median and fastest seconds, peak resident MB.
import { parseArgs } from 'node:util'
import { createNativeBackend } from '../dist/backends/native/backend.js'
import { createSession } from '../dist/engine/session.js'
import { architecture } from '../dist/model/architecture.js'
import { initialParameters, initialRunning } from '../dist/model/initialise.js'
import { preset } from '../dist/model/presets.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', default: '64' },
    iterations: { type: 'string', default: '12' },
    settle: { type: 'string', default: '4' },
    threads: { type: 'string' },
    memory: { type: 'string', default: 'store' },
  },
})
const [work = 'train', model = 'densenet-bc-100-12'] = positionals
const batchSize = Number(values.batch)
const network = architecture(preset(model))
const { inputChannels, height, width, classes } = network.config
const backend = createNativeBackend(values.threads ? { threads: Number(values.threads) } : {})
const session = await createSession(network, backend, {
  batchSize,
  memory: values.memory,
  ...(work === 'train' ? { optimizer: { momentum: 0.9, weightDecay: 1e-4, nesterov: true } } : {}),
})
await session.writeState({ parameters: initialParameters(session.table, 0), running: initialRunning(session.table) })
const images = Float32Array.from({ length: batchSize * inputChannels * height * width }, () => Math.random() * 2 - 1)
const labels = Float32Array.from({ length: batchSize }, (_, i) => i % classes)
const seconds = []
for (let i = 0; i < Number(values.settle) + Number(values.iterations); i++) {
  const start = performance.now()
  const batch = { size: batchSize, images, labels }
  if (work === 'train') await session.trainStep(batch, { learningRate: 0.01 })
  else await session.evaluate(batch)
  seconds.push((performance.now() - start) / 1000)
}
const counted = seconds.slice(Number(values.settle)).sort((a, b) => a - b)
console.log(
  JSON.stringify({
    work,
    model,
    batch: batchSize,
    memory: values.memory,
    backend: backend.description,
    median_s: Number(counted[counted.length >> 1].toFixed(4)),
    fastest_s: Number(counted[0].toFixed(4)),
    peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1024),
  }),
)
