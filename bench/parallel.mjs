// What it costs that several ranks train one network: against one process of as many threads, and over links of so many bits a
// second between hosts, which are network namespaces of this machine (that needs root, Linux, Open MPI and iproute2):
//   node bench/parallel.mjs [--model densenet-bc-100-12] [--batch-size 32] [--ranks 1,2] [--links 1gbit,10gbit] [--updates 6]
//     [--rounds 3] [--json FILE]
// An update is of as many batches as there are cores or hosts, each of one thread. A figure is the median over the rounds of the
// median update; a round does each kind of work once, one after the other.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { preset } from '../dist/entries/model.js'
import { joinRanks } from '../dist/entries/runs.js'
import { DenseNet } from '../dist/index.js'
import { median } from '../dist/util/statistics.js'
import { table } from '../scripts/docs/table.mjs'

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'densenet-bc-100-12' },
    'batch-size': { type: 'string', default: '32' },
    ranks: { type: 'string', default: `1,${availableParallelism()}` },
    links: { type: 'string', default: '' },
    updates: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
    /** Of a process that trains: batches of an update, threads. */
    train: { type: 'string' },
  },
})
const [batchSize, updates, rounds] = ['batch-size', 'updates', 'rounds'].map(name => Number(values[name]))
const HOSTS = 2
/** Open MPI would bind each rank to one core, and refuse more than there are. */
const BINDING = /open.?mpi/i.test(versionOf('mpirun')) ? ['--bind-to', 'none', '--oversubscribe'] : []

if (values.train === undefined) await compare()
else await train(...values.train.split(',').map(Number))

/** Trains on noise; rank 0 prints the seconds of each update. */
async function train(accumulate, threads) {
  const ranks = await joinRanks()
  const config = preset(values.model)
  const length = batchSize * accumulate * updates
  const pixels = config.inputChannels * config.height * config.width
  const shared = (Type, count) => new Type(new SharedArrayBuffer(count * Type.BYTES_PER_ELEMENT))
  const dataset = {
    ...{
      name: 'noise',
      split: 'train',
      length,
      channels: config.inputChannels,
      height: config.height,
      width: config.width,
    },
    classes: Array.from({ length: config.classes }, (_, c) => String(c)),
    images: shared(Uint8Array, length * pixels).map((_, i) => (i * 2654435761) >>> 24),
    labels: shared(Uint16Array, length).map((_, i) => i % config.classes),
    normalisation: { mean: [128, 128, 128], deviation: [64, 64, 64] },
  }
  const steps = []
  await DenseNet.create(values.model).fit(dataset, {
    ...(ranks ? { ranks } : {}),
    ...{ epochs: 1, batchSize, accumulate, threads, backend: 'native', augmentation: false, learningRate: 0.01 },
    onEvent: event => event.type === 'step' && steps.push(event.seconds),
  })
  if (!ranks || ranks.rank === 0) {
    const seconds = Array.from({ length: updates }, (_, u) =>
      steps.slice(u * accumulate, (u + 1) * accumulate).reduce((sum, step) => sum + step),
    )
    console.log(JSON.stringify(seconds.slice(1)))
  }
  await ranks?.leave()
}

async function compare() {
  const counts = values.ranks.split(',').map(Number)
  const links = values.links.split(',').filter(Boolean)
  const batches = Math.max(HOSTS, ...counts)
  const works = [
    ...counts.map(ranks => ({ ranks, threads: Math.max(1, Math.floor(batches / ranks)), link: null })),
    ...links.map(link => ({ ranks: HOSTS, threads: Math.floor(batches / HOSTS), link })),
  ]
  const results = works.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, work] of works.entries()) results[i].push(median(await measure(work, batches)))
  }
  const rows = works.map((work, i) => ({ ...work, seconds: median(results[i]) }))
  const [{ seconds: first }] = rows
  console.log(`${values.model}, updates of ${batches} batches of ${batchSize}`)
  const where = ({ ranks, threads, link }) =>
    `${ranks} ${ranks === 1 ? 'process' : link ? 'hosts' : 'ranks'} of ${threads} ${threads === 1 ? 'thread' : 'threads'}`
  console.log(
    table([
      ['', 'link', 's an update', 'images/s', 'of the first'],
      ...rows.map(row => [
        where(row),
        row.link ?? '',
        row.seconds.toFixed(3),
        ((batches * batchSize) / row.seconds).toFixed(1),
        `${((100 * first) / row.seconds).toFixed(1)} %`,
      ]),
    ]),
  )
  if (values.json)
    writeFileSync(values.json, `${JSON.stringify({ model: values.model, batchSize, batches, rows }, null, 2)}\n`)
}

function measure({ ranks, threads, link }, batches) {
  const own = ['--model', values.model, '--batch-size', values['batch-size'], '--updates', values.updates]
  const command = [process.execPath, fileURLToPath(import.meta.url), ...own, '--train', `${batches},${threads}`]
  if (ranks === 1) return secondsOf(command)
  if (link === null) return secondsOf(['mpirun', ...BINDING, '-n', String(ranks), ...command])
  return onHosts(link, start => secondsOf([...start, ...command]))
}

function versionOf(program) {
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8' })
  } catch {
    return ''
  }
}

function secondsOf([program, ...words]) {
  const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
  const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', piece => {
    text += piece
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => {
      const line = text.split('\n').find(line => line.startsWith('['))
      if (code === 0 && line) resolve(JSON.parse(line))
      else reject(new Error(`${program} ended with ${code}`))
    })
  })
}

/** Two network namespaces with a link of that rate between them, for as long as `work` takes. */
async function onHosts(link, work) {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-hosts-'))
  const name = host => `densenet-bench-${process.pid}-${host}`
  const run = text => execFileSync('sh', ['-c', text], { stdio: ['ignore', 'ignore', 'inherit'] })
  const clear = () => {
    for (const host of [1, 2]) run(`ip netns del ${name(host)} 2>/dev/null || true`)
    rmSync(folder, { recursive: true, force: true })
  }
  // Nothing of it is left, whatever ends this process.
  const end = () => process.exit(1)
  process.on('exit', clear)
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, end)
  try {
    for (const host of [1, 2]) run(`ip netns add ${name(host)} && ip -n ${name(host)} link set lo up`)
    run(`ip -n ${name(1)} link add eth0 type veth peer name eth0 netns ${name(2)}`)
    for (const host of [1, 2]) {
      run(`ip -n ${name(host)} addr add 10.77.0.${host}/24 dev eth0 && ip -n ${name(host)} link set eth0 up`)
      run(`tc -n ${name(host)} qdisc add dev eth0 root tbf rate ${link} burst 512kb latency 100ms`)
    }
    // What mpirun starts the other host's processes by.
    const agent = join(folder, 'agent')
    writeFileSync(agent, `#!/bin/sh\nshift\nexec ip netns exec ${name(2)} sh -c "$*"\n`)
    chmodSync(agent, 0o755)
    const net = '10.77.0.0/24'
    const settings = { plm_rsh_agent: agent, btl: 'tcp,self', btl_tcp_if_include: net, oob_tcp_if_include: net }
    return await work([
      ...['ip', 'netns', 'exec', name(1), 'mpirun', '--bind-to', 'none', '-n', '2', '-H', '10.77.0.1:1,10.77.0.2:1'],
      ...Object.entries(settings).flatMap(([key, value]) => ['--mca', key, value]),
    ])
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, end)
    process.off('exit', clear)
    clear()
  }
}
