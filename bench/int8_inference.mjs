// A network of ours in int8, timed: bench/inference.mjs starts it. Arguments: the file that `densenet quantize` wrote and the job as
// JSON. Answers with one line of JSON.
import { createBackend } from '../dist/entries/engine.js'
import { createRunner } from '../dist/entries/inference.js'
import { openNetwork } from '../dist/entries/networks.js'

const [path, job] = process.argv.slice(2)
const { shape, iterations, settle } = JSON.parse(job)
const { checkpoint } = await openNetwork(path, {}, console.error)
const backend = await createBackend({ backend: 'native' })
const runner = await createRunner({ ...checkpoint, backend, batchSize: shape[0] })
const images = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i))
const seconds = []
for (let i = 0; i < settle + iterations; i++) {
  const start = performance.now()
  await runner.run(images, shape[0])
  if (i >= settle) seconds.push((performance.now() - start) / 1000)
}
await runner.dispose()
backend.dispose()
seconds.sort((a, b) => a - b)
const peakBytes = process.resourceUsage().maxRSS * 1024
console.log(JSON.stringify({ seconds: seconds[seconds.length >> 1], fastest: seconds[0], peakBytes }))
