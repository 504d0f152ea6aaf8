// Proves that training cannot be lost: does everything bad to tiny real trainings and looks at what becomes of them. Each
// one must end with the bits of the undisturbed run, or in one sentence that says what is wrong.
//
//   npm run test:faults -- [--short] [--seed 1] [--kills 50] [--only WORD] [--json FILE]
//
// Some faults need root (a file system of their own) or Linux; without, they are injected (inject.mjs), and the table says so.
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createBackend } from '../../dist/backends/registry.js'
import { damage } from './damage.mjs'
import { data } from './data.mjs'
import { disk } from './disk.mjs'
import { demand, densenet, fresh, LAST, outcome, randomNumbers, root, thinned, Violation } from './harness.mjs'
import { makeImages } from './images.mjs'
import { kills } from './kills.mjs'
import { neighbours } from './neighbours.mjs'

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    kills: { type: 'string' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
})
const { short, only } = values
const seed = Number(values.seed)
/** They wait for the disk half of their time. */
const JOBS = 2 * availableParallelism()
const backend = await createBackend({ onWarning: () => {} })

const IMAGES = join(root, 'images')
await makeImages(IMAGES, { train: 32, val: 16 })

/** Everything that training can remember beside the weights. */
const NETWORK = ['--depth=7', '--growth-rate=2', '--initial-channels=2', '--drop-rate=0.1', `--backend=${backend.name}`]
const ARGS = [
  ...NETWORK,
  ...[`--dataset=${IMAGES}`, '--image-size=32', '--batch-size=8', '--lr=0.05', '--ema=0.9'],
  ...['--accumulate=3', '--keep-best=2', '--threads=1', '--loader-threads=1', '--checkpoint-seconds=0'],
]

/** A run that nothing happens to, and its calls. */
async function undisturbedRun(args, epochs, batches) {
  const folder = fresh()
  const trace = join(root, 'trace')
  const all = [...args, `--epochs=${epochs}`]
  const ended = await densenet(['train', ...all, '--output', folder], { fault: { folder, trace } })
  demand(ended.code === 0 && ended.err === '', 'the undisturbed run fails', ended)
  const calls = readFileSync(trace, 'utf8').split('\n')
  return { args: all, folder, undisturbed: await outcome(folder), trace: calls, batches, steps: epochs * batches }
}

/** The same, stopped on the way. */
async function stoppedRun(args, base) {
  const folder = fresh()
  let sent = false
  await densenet(['train', ...args, '--json', '--output', folder], {
    act: (out, send) => {
      if (sent || out.split('"type":"step"').length - 1 < base.batches + 2) return
      sent = true
      send('SIGINT')
    },
  })
  return folder
}

const base = await undisturbedRun(ARGS, 3, 4)
const context = {
  short,
  seed,
  random: randomNumbers(seed),
  network: NETWORK,
  images: IMAGES,
  base,
  /** All of them, in the short form only so many. */
  few: (values, most) => (short ? thinned(values, most) : values),
  kills: Number(values.kills ?? (short ? 6 : 50)),
  middle: await stoppedRun(base.args, base),
  /** Of other weights. */
  other: await stoppedRun([...base.args, '--seed=9'], base),
  long: only === '' || 'kill random'.includes(only) ? await undisturbedRun(ARGS, short ? 8 : 50, 4) : null,
}
demand(base.undisturbed.files.includes(LAST), 'the undisturbed run has no last checkpoint')

/** What a trial says: `same` bits, `warned` of what is lost, `refused` with a sentence; else it throws. */
async function tryOut(trial, row) {
  try {
    const found = await trial()
    const { verdict, times = 1 } = typeof found === 'string' ? { verdict: found } : found
    row.tried += times
    row[verdict] += times
  } catch (error) {
    row.tried++
    row.violations++
    violations.push(`${row.fault}: ${error instanceof Violation ? error.message : error.stack}`)
    process.stderr.write(`VIOLATION ${violations.at(-1)}\n`)
  }
}

const violations = []
const waiting = []
const rows = []
for (const { fault, trials, how } of [...kills, ...neighbours, ...disk, ...damage, ...data]) {
  if (!`${fault} ${how?.()}`.toLowerCase().includes(only.toLowerCase())) continue
  const row = { fault, how: how?.() ?? null, tried: 0, same: 0, refused: 0, warned: 0, violations: 0 }
  const all = await trials(context)
  if (all.length > 0) rows.push(row)
  waiting.push(...all.map(trial => ({ trial, row, order: context.random() })))
}
// In random order, but the long one first: a run that is stopped (Ctrl-C) has tried something of everything.
waiting.sort((a, b) => (a.row === rows[0] ? -1 : b.row === rows[0] ? 1 : a.order - b.order))
const planned = waiting.length
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    if (waiting.length === 0) process.exit(1)
    waiting.length = 0
  })
}

let done = 0
async function work() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    await tryOut(next.trial, next.row)
    if (++done % 10 === 0) process.stderr.write(`${done} of ${planned}, ${violations.length} violations\n`)
  }
}
await Promise.all(Array.from({ length: JOBS }, work))

const COLUMNS = ['tried', 'same', 'warned', 'refused', 'violations']
const cells = row => [row.how ? `${row.fault} (${row.how})` : row.fault, ...COLUMNS.map(column => row[column])]
const sum = {
  fault: '**all**',
  ...Object.fromEntries(COLUMNS.map(c => [c, rows.reduce((all, row) => all + row[c], 0)])),
}
const line = values => `| ${values.join(' | ')} |`
console.log(line(['fault', 'times', 'same bits', 'same weights, loss named', 'refused with a sentence', 'violations']))
console.log(line(['---', '--:', '--:', '--:', '--:', '--:']))
for (const row of [...rows.filter(({ tried }) => tried > 0), sum]) console.log(line(cells(row)))
const facts = {
  command: `npm run test:faults -- ${process.argv.slice(2).join(' ')}`.trim(),
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  backend: backend.description,
  seed,
  rows,
  violations,
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(facts, null, 2)}\n`)
console.log(
  `\n${backend.description}, Node ${process.version}, seed ${seed}: ${done} of ${planned} trials, ${violations.length} violations`,
)
process.exit(violations.length === 0 ? 0 : 1)
