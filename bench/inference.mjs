// Inference beside other engines on this machine, each on all cores, as one command:
//   node bench/inference.mjs --python VENV/bin/python --onnxruntime FOLDER [--only NAME] [--rounds 3] [--json FILE]
// VENV: python3 -m venv VENV && VENV/bin/pip install torch openvino
// FOLDER: npm install --prefix FOLDER --ignore-scripts onnxruntime-node
//
// A round is ours, onnxruntime (in Node), OpenVINO and PyTorch (channels_last, which it runs fastest), every one in a fresh
// process on the same network; onnxruntime and OpenVINO get the ONNX file that `densenet convert` writes. A figure is the
// median over the rounds of a process's median run; memory is the most that the process held.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { completeWork, median } from '../dist/bench/work.js'
import { DenseNet, measure } from '../dist/index.js'
import { ALLOCATOR } from './allocator.mjs'

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
const answer = async (command, args, env = {}) => {
  const { stdout } = await promisify(execFile)(command, args, { env: { ...process.env, ...env } })
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

const ENGINES = {
  ours: async work => {
    const { medianSeconds, peakBytes } = await measure({ task: 'infer', settle: SETTLE, ...work })
    return { seconds: medianSeconds, peakBytes }
  },
  onnxruntime: (work, onnx) =>
    answer(process.execPath, [here('onnxruntime_inference.mjs'), resolve(values.onnxruntime), onnx, job(work)]),
  OpenVINO: (work, onnx) => answer(values.python, [here('openvino_inference.py'), onnx, job(work)]),
  PyTorch: async work => {
    const { config, imageSize } = completeWork({ task: 'infer', ...work })
    const { blocks, growthRate, bottleneck, bottleneckWidth, reduction, initialChannels, classes, stem } = config
    const { seconds, peakBytes } = await answer(
      values.python,
      [
        here('torch_densenet.py'),
        JSON.stringify({
          task: 'infer',
          batch: work.batchSize,
          size: imageSize,
          blocks,
          growth: growthRate,
          reduction,
          classes,
          stem,
          bottleneck: bottleneck ? bottleneckWidth : 0,
          initial: initialChannels,
          layout: 'channels_last',
          compile: false,
          threads: availableParallelism(),
          settle: SETTLE,
          iterations: work.iterations,
        }),
      ],
      ALLOCATOR,
    )
    return { seconds: median(seconds), peakBytes }
  },
}

function job(work) {
  const { batchSize, iterations } = work
  const { config } = completeWork({ task: 'infer', ...work })
  const shape = [batchSize, config.inputChannels, config.height, config.width]
  return JSON.stringify({ shape, iterations, settle: SETTLE, threads: availableParallelism() })
}

const folder = await mkdtemp(join(tmpdir(), 'densenet-inference-'))
try {
  console.log(`${cpus()[0].model}, ${availableParallelism()} threads, ${new Date().toISOString().slice(0, 10)}\n`)
  const results = []
  for (const work of works) {
    const onnx = join(folder, `${work.model}.onnx`)
    await DenseNet.create(work.model, { seed: 1 }).export(onnx)
    const runs = Object.fromEntries(Object.keys(ENGINES).map(name => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [name, run] of Object.entries(ENGINES)) runs[name].push(await run(work, onnx))
    }
    const figures = Object.entries(runs).map(([engine, all]) => ({
      engine,
      milliseconds: 1000 * median(all.map(({ seconds }) => seconds)),
      megabytes: Math.max(...all.map(({ peakBytes }) => peakBytes)) / 1e6,
    }))
    console.log(nameOf(work))
    for (const { engine, milliseconds, megabytes } of figures) {
      const times = engine === 'ours' ? '' : `${(milliseconds / figures[0].milliseconds).toFixed(2)} x`
      console.log(
        `  ${engine.padEnd(12)}${milliseconds.toFixed(1).padStart(8)} ms ${times.padStart(8)} ${megabytes.toFixed(0).padStart(6)} MB`,
      )
    }
    results.push({ ...work, figures })
  }
  if (values.json) await writeFile(values.json, `${JSON.stringify(results, null, 1)}\n`)
} finally {
  await rm(folder, { recursive: true })
}
