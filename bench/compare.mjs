// Ours against PyTorch on this machine, as one command:
//   node bench/compare.mjs --python VENV/bin/python [--only NAME] [--rounds 3] [--iterations 8] [--compile] [--precision single,half] [--json FILE]
// where VENV is a virtual environment with PyTorch: python3 -m venv VENV && VENV/bin/pip install torch
//
// A round is ours in each precision, then PyTorch in each of its ways in each (half: autocast to bfloat16), every one in a fresh process on all cores, so that a machine that grows
// slower meanwhile does so for both. A figure is the median over the rounds of the median step of a process; PyTorch is
// quoted in its fastest way. glibc's allocator is told to keep memory instead of giving it back after each operation, and
// PyTorch's own to ask for huge pages: as installed, PyTorch spends much of a step on page faults.
import { parseArgs } from 'node:util'
import { measure } from '../dist/entries/bench.js'
import { median } from '../dist/util/statistics.js'
import { PRECISIONS, tell } from './results.mjs'
import { torch } from './torch.mjs'

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
    precision: { type: 'string', default: 'single,half' },
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

const precisions = values.precision
  .split(',')
  .map(name => PRECISIONS[name] ?? fail(`--precision: ${Object.keys(PRECISIONS)}`))

const SETTLE = 3

const LAYOUTS = [
  { layout: 'contiguous', compile: false },
  { layout: 'channels_last', compile: false },
  ...(values.compile ? [{ layout: 'channels_last', compile: true }] : []),
]
const WAYS = precisions.flatMap(precision => LAYOUTS.map(layout => ({ ...layout, precision })))

async function compare(work) {
  const times = work.batchSize === 1 ? TIMES_ONE_IMAGE : 1
  const steps = { settle: SETTLE * times, iterations: iterations * times }
  const ours = precisions.map(precision => ({ precision, runs: [] }))
  const theirs = WAYS.map(way => ({ way, runs: [] }))
  for (let round = 0; round < rounds; round++) {
    for (const { precision, runs } of ours) runs.push(await measure({ ...work, ...steps, precision }))
    for (const { way, runs } of theirs) {
      const found = await torch(values.python, work, steps, way)
      if (found) runs.push(found)
    }
    console.error(`round ${round + 1} of ${rounds}: ${nameOf(work)}`)
  }
  const measured = theirs.filter(({ runs }) => runs.length > 0)
  if (measured.length === 0) fail(`PyTorch has no kernels of ${values.precision} for this processor`)
  const [{ parameters, backend: computer }] = ours[0].runs
  if (measured[0].runs[0].parameters !== parameters) fail(`${work.model} is another network in PyTorch`)
  const own = ours.map(({ precision, runs }) => ({
    precision,
    seconds: median(runs.map(({ medianSeconds }) => medianSeconds)),
    peakBytes: median(runs.map(({ peakBytes }) => peakBytes)),
  }))
  const fastest = Math.min(...own.map(({ seconds }) => seconds))
  const ways = measured.map(({ way, runs }) => {
    const theirSeconds = median(runs.map(run => median(run.seconds)))
    return {
      way: `${way.layout}${way.compile ? ', compiled' : ''}`,
      precision: way.precision,
      seconds: theirSeconds,
      times: theirSeconds / fastest,
      peakBytes: median(runs.map(({ peakBytes }) => peakBytes)),
    }
  })
  backend = computer
  version = measured[0].runs[0].version
  return {
    work: nameOf(work),
    ours: own,
    pytorch: ways.sort((a, b) => a.seconds - b.seconds),
  }
}

let backend
let version
const rows = []
for (const work of works) rows.push(await compare(work))
tell('pytorch', backend, rows, values.json, `PyTorch ${version}`)
