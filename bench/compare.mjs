// Ours against PyTorch on this machine, as one command:
//   node bench/compare.mjs --python VENV/bin/python [--only NAME] [--rounds 3] [--iterations 8] [--compile] [--json FILE]
// where VENV is a virtual environment with PyTorch: python3 -m venv VENV && VENV/bin/pip install torch
//
// A round is ours, then PyTorch in each of its ways, every one in a fresh process on all cores, so that a machine that grows
// slower meanwhile does so for both. A figure is the median over the rounds of the median step of a process; PyTorch is
// quoted in its fastest way. glibc's allocator is told to keep memory instead of giving it back after each operation, and
// PyTorch's own to ask for huge pages: as installed, PyTorch spends much of a step on page faults.
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { completeWork, median } from '../dist/bench/work.js'
import { measure } from '../dist/index.js'
import { ALLOCATOR } from './allocator.mjs'

/** So many times as many steps of one image: they take hundredths of a second, and a process would be judged by its first moments. */
const TIMES_ONE_IMAGE = 10

const WORKS = [
  { task: 'train', model: 'densenet-bc-100-12', batchSize: 64 },
  { task: 'train', model: 'densenet-40-12', batchSize: 64 },
  { task: 'train', model: 'wide-densenet-bc-40-48', batchSize: 64 },
  { task: 'train', model: 'densenet-121', batchSize: 8 },
  { task: 'infer', model: 'densenet-121', batchSize: 1 },
  { task: 'infer', model: 'densenet-bc-100-12', batchSize: 64 },
]
const nameOf = ({ task, model, batchSize }) => `${task} ${model}, batch ${batchSize}`

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    iterations: { type: 'string', default: '8' },
    compile: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})
const fail = sentence => {
  console.error(`error: ${sentence}`)
  process.exit(2)
}
const [rounds, iterations] = [Number(values.rounds), Number(values.iterations)]
if (!values.python) fail('--python is missing: a Python with PyTorch, such as VENV/bin/python')
if (![rounds, iterations].every(n => Number.isInteger(n) && n > 0)) fail('--rounds and --iterations are whole numbers')
const works = WORKS.filter(work => nameOf(work).includes(values.only ?? ''))
if (works.length === 0) fail(`--only ${values.only} fits none of: ${WORKS.map(nameOf).join('; ')}`)

const SCRIPT = fileURLToPath(new URL('torch_densenet.py', import.meta.url))
const SETTLE = 3

/** One process of PyTorch: { version, seconds, peakBytes, parameters }. */
async function torch(work, steps, way) {
  const { config, batchSize, imageSize, task } = completeWork(work)
  const { blocks, growthRate, bottleneck, bottleneckWidth, reduction, initialChannels, classes, stem } = config
  const argument = {
    task,
    batch: batchSize,
    size: imageSize,
    blocks,
    growth: growthRate,
    reduction,
    classes,
    stem,
    bottleneck: bottleneck ? bottleneckWidth : 0,
    initial: initialChannels,
    ...way,
    threads: availableParallelism(),
    ...steps,
  }
  const env = { ...process.env, ...ALLOCATOR }
  try {
    const { stdout } = await promisify(execFile)(values.python, [SCRIPT, JSON.stringify(argument)], { env })
    return JSON.parse(stdout.trim().split('\n').at(-1))
  } catch (error) {
    return fail(`${values.python} ${SCRIPT} failed: ${error.stderr || error.message}`)
  }
}

const WAYS = [
  { layout: 'contiguous', compile: false },
  { layout: 'channels_last', compile: false },
  ...(values.compile ? [{ layout: 'channels_last', compile: true }] : []),
]

async function compare(work) {
  const times = work.batchSize === 1 ? TIMES_ONE_IMAGE : 1
  const steps = { settle: SETTLE * times, iterations: iterations * times }
  const ours = []
  const theirs = WAYS.map(way => ({ way, runs: [] }))
  for (let round = 0; round < rounds; round++) {
    ours.push(await measure({ ...work, ...steps }))
    for (const { way, runs } of theirs) runs.push(await torch(work, steps, way))
    console.error(`round ${round + 1} of ${rounds}: ${nameOf(work)}`)
  }
  if (theirs[0].runs[0].parameters !== ours[0].parameters) fail(`${work.model} is another network in PyTorch`)
  const ways = theirs.map(({ way, runs }) => ({
    name: `${way.layout}${way.compile ? ', compiled' : ''}`,
    seconds: median(runs.map(({ seconds }) => median(seconds))),
    peakBytes: median(runs.map(({ peakBytes }) => peakBytes)),
  }))
  return {
    name: nameOf(work),
    backend: ours[0].backend,
    torch: theirs[0].runs[0].version,
    seconds: median(ours.map(({ medianSeconds }) => medianSeconds)),
    peakBytes: median(ours.map(({ peakBytes }) => peakBytes)),
    ways: ways.sort((a, b) => a.seconds - b.seconds),
  }
}

const results = []
for (const work of works) results.push(await compare(work))
const processor = cpus()[0]?.model.trim()
const date = new Date().toISOString().slice(0, 10)
const time = seconds => (seconds < 0.2 ? `${(1000 * seconds).toFixed(1)} ms` : `${seconds.toFixed(2)} s`)
const memory = bytes => `${Math.round(bytes / 1e6)} MB`
const { backend, torch: version } = results[0]
const rule = `medians of ${rounds} rounds of ${iterations} steps (${TIMES_ONE_IMAGE * iterations} of one image)`
console.log(`${processor}, ${backend}; PyTorch ${version}; ${date}; ${rule}\n`)
console.log('| work | ours | PyTorch (its fastest way) | PyTorch / ours | peak memory: ours | PyTorch |')
console.log('| --- | --- | --- | --- | --- | --- |')
for (const { name, seconds, peakBytes, ways } of results) {
  const [best] = ways
  const theirs = `${time(best.seconds)} (${best.name})`
  const ratio = (best.seconds / seconds).toFixed(2)
  const cells = [name, time(seconds), theirs, ratio, memory(peakBytes), memory(best.peakBytes)]
  console.log(`| ${cells.join(' | ')} |`)
}
if (values.json) {
  await writeFile(values.json, `${JSON.stringify({ processor, date, rounds, iterations, results }, null, 2)}\n`)
}
