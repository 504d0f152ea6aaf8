// One network in onnxruntime, timed: bench/inference.mjs starts it. Arguments: a folder with onnxruntime-node, an ONNX file,
// and the job as JSON. Answers with one line of JSON.
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [folder, onnx, job] = process.argv.slice(2)
const { InferenceSession, Tensor } = createRequire(join(folder, 'package.json'))('onnxruntime-node')
const { shape, iterations, settle, threads } = JSON.parse(job)
const session = await InferenceSession.create(onnx, { intraOpNumThreads: threads, graphOptimizationLevel: 'all' })
const images = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i))
const seconds = []
for (let i = 0; i < settle + iterations; i++) {
  const start = performance.now()
  await session.run({ [session.inputNames[0]]: new Tensor('float32', images, shape) })
  if (i >= settle) seconds.push((performance.now() - start) / 1000)
}
seconds.sort((a, b) => a - b)
const peakBytes = process.resourceUsage().maxRSS * 1024
console.log(JSON.stringify({ seconds: seconds[seconds.length >> 1], peakBytes }))
