// Inference beside other engines on this machine, each on all cores, as one command:
//   node bench/inference.mjs --python VENV/bin/python --onnxruntime FOLDER [--only NAME] [--rounds 3] [--json FILE]
// VENV: python3 -m venv VENV && VENV/bin/pip install torch openvino
// FOLDER: npm install --prefix FOLDER --ignore-scripts onnxruntime-node
//
// A round is ours, onnxruntime (in Node), OpenVINO and PyTorch (channels_last, which it runs fastest), in float32; but for onnxruntime,
// which has no such kernels, in bfloat16; and the first three in int8: the network that `densenet quantize` writes, and its ONNX file.
// Every one is in a fresh process on the same network; onnxruntime and OpenVINO get the ONNX file that `densenet convert` writes. A figure is the
// median over the rounds of a process's median run; memory is the most that the process held.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { completeWork } from '../dist/bench/work.js'
import { measure } from '../dist/entries/bench.js'
import { DenseNet } from '../dist/index.js'
import { median } from '../dist/util/statistics.js'
import { tell } from './results.mjs'
import { torch } from './torch.mjs'

const WORKS = [
  { model: 'densenet-121', batchSize: 1, iterations: 60 },
  { model: 'densenet-121', batchSize: 16, iterations: 8 },
  { model: 'densenet-bc-100-12', batchSize: 64, iterations: 12 },
]
const SETTLE = 3
const nameOf = ({ model, batchSize }) => `${model}, ${batchSize} image${batchSize === 1 ? '' : 's'}`

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    onnxruntime: { type: 'string' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
})
const fail = sentence => {
  console.error(`error: ${sentence}`)
  process.exit(2)
}
if (!values.python) fail('--python is missing: a Python with torch and openvino')
if (!values.onnxruntime) fail('--onnxruntime is missing: a folder in which onnxruntime-node is installed')
const rounds = Number(values.rounds)
if (!Number.isInteger(rounds) || rounds < 1) fail('--rounds is a whole number')
const works = WORKS.filter(work => nameOf(work).includes(values.only ?? ''))
if (works.length === 0) fail(`--only ${values.only} fits none of: ${WORKS.map(nameOf).join('; ')}`)

const here = name => fileURLToPath(new URL(name, import.meta.url))
const answer = async (command, args) => {
  const { stdout } = await promisify(execFile)(command, args)
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

/** Null where it took another precision, as it does without a word where the processor does not multiply bfloat16. */
const openvino = precision => async (work, onnx) => {
  const found = await answer(values.python, [here('openvino_inference.py'), onnx, job(work, precision)])
  return found.precision === precision ? found : null
}
const ours = precision => async work => {
  const { medianSeconds, peakBytes, backend } = await measure({ task: 'infer', settle: SETTLE, precision, ...work })
  return { seconds: medianSeconds, peakBytes, backend }
}
const onnxruntime = (work, onnx) =>
  answer(process.execPath, [here('onnxruntime_inference.mjs'), resolve(values.onnxruntime), onnx, job(work)])
const pytorch = precision => async work => {
  const steps = { settle: SETTLE, iterations: work.iterations }
  const way = { layout: 'channels_last', compile: false, precision }
  const found = await torch(values.python, { task: 'infer', ...work }, steps, way)
  return found && { seconds: median(found.seconds), peakBytes: found.peakBytes }
}

const ENGINES = {
  ours: ours('float32'),
  'ours, bfloat16': ours('bfloat16'),
  'ours, int8': (work, _, int8) => answer(process.execPath, [here('int8_inference.mjs'), int8, job(work)]),
  onnxruntime,
  'onnxruntime, int8': (work, _, int8) => onnxruntime(work, `${int8}.onnx`),
  OpenVINO: openvino('f32'),
  'OpenVINO, bfloat16': openvino('bf16'),
  'OpenVINO, int8': (work, _, int8) => openvino('f32')(work, `${int8}.onnx`),
  PyTorch: pytorch('float32'),
  'PyTorch, bfloat16': pytorch('bfloat16'),
}

/** A network with fresh weights as ONNX, and in int8 as our own file and as ONNX. */
async function write(model, onnx, int8) {
  const network = DenseNet.create(model, { seed: 1 })
  await network.export(onnx)
  const { height, width, inputChannels: channels } = network.config
  network.normalisation = { mean: Array(channels).fill(128), deviation: Array(channels).fill(64) }
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => 128 + 100 * Math.sin(i))
  const quantized = (await network.quantize([{ data, height, width, channels }])).network
  network.dispose()
  await quantized.save(int8)
  await quantized.export(`${int8}.onnx`)
}

function job(work, precision) {
  const { batchSize, iterations } = work
  const { config } = completeWork({ task: 'infer', ...work })
  const shape = [batchSize, config.inputChannels, config.height, config.width]
  return JSON.stringify({ shape, iterations, settle: SETTLE, threads: availableParallelism(), precision })
}

const folder = await mkdtemp(join(tmpdir(), 'densenet-inference-'))
try {
  const rows = []
  let backend
  for (const work of works) {
    const onnx = join(folder, `${work.model}.onnx`)
    const int8 = join(folder, `${work.model}.int8.safetensors`)
    await write(work.model, onnx, int8)
    const runs = Object.fromEntries(Object.keys(ENGINES).map(name => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [name, run] of Object.entries(ENGINES)) {
        const found = await run(work, onnx, int8)
        if (found) runs[name].push(found)
      }
      console.error(`round ${round + 1} of ${rounds}: ${nameOf(work)}`)
    }
    const measured = Object.entries(runs).filter(([, all]) => all.length > 0)
    const medians = measured.map(([name, all]) => {
      const seconds = median(all.map(run => run.seconds))
      return [name, { seconds, peakBytes: Math.max(...all.map(({ peakBytes }) => peakBytes)) }]
    })
    const isOurs = name => name.startsWith('ours')
    const fastest = Math.min(...medians.filter(([name]) => isOurs(name)).map(([, { seconds }]) => seconds))
    for (const [name, found] of medians) if (!isOurs(name)) found.times = found.seconds / fastest
    backend = runs.ours[0].backend
    rows.push({ work: nameOf(work), engines: Object.fromEntries(medians) })
  }
  tell('inference', backend, rows, values.json)
} finally {
  await rm(folder, { recursive: true })
}
