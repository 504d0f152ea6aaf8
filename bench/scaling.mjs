// How time grows with threads, memory mode, batch and the size of the network, in Markdown tables:
//   node bench/scaling.mjs [threads|memory|batch|presets] [--model densenet-bc-100-12] [--rounds 3] [--iterations 8]
// A round trains each kind of work in a process of its own, images and update included, one after the other, so that a machine
// that grows slower does so for all. A figure is the median over the rounds of the median step.
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { median } from '../dist/bench/work.js'
import { measure } from '../dist/entries/bench.js'
import { preset, presetNames, summarise } from '../dist/entries/model.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'densenet-bc-100-12' },
    rounds: { type: 'string', default: '3' },
    iterations: { type: 'string', default: '8' },
  },
})
const fail = sentence => {
  console.error(`error: ${sentence}`)
  process.exit(2)
}
const [rounds, iterations] = [Number(values.rounds), Number(values.iterations)]
if (![rounds, iterations].every(n => Number.isInteger(n) && n > 0)) fail('--rounds and --iterations are whole numbers')
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const head = (...cells) => {
  console.log()
  row(...cells)
  row(...cells.map(() => '---'))
}
const seconds = s => (s < 0.1 ? `${(1000 * s).toFixed(1)} ms` : `${s.toFixed(3)} s`)
const megabytes = bytes => `${Math.round(bytes / 1e6)} MB`

/** The works, each with { seconds, peakBytes, rate }; the rate in GFLOP/s: forward, gradient of the input, gradient of the weights,
 * by the multiplications of the network's definition. */
async function trainAll(works) {
  const results = works.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      results[i].push(await measure({ task: 'train', model: values.model, iterations, ...work }))
    }
  }
  return works.map((work, i) => {
    const [{ multiplyAdds, batchSize }] = results[i]
    const step = median(results[i].map(({ medianSeconds }) => medianSeconds))
    const peakBytes = median(results[i].map(result => result.peakBytes))
    return {
      ...work,
      multiplyAdds,
      seconds: step,
      peakBytes,
      rate: ((6 * multiplyAdds * batchSize) / step / 1e9).toFixed(0),
    }
  })
}

/** 1, 2, 4 ... up to `most`. */
const doubled = most => Array.from({ length: Math.log2(most) + 1 }, (_, i) => 2 ** i)

const PARTS = {
  async threads() {
    const results = await trainAll(doubled(availableParallelism()).map(threads => ({ threads })))
    head('threads', 'median of a step', 'times as fast as one', 'GFLOP/s')
    for (const result of results) {
      const times = results[0].seconds / result.seconds
      row(result.threads, seconds(result.seconds), times.toFixed(2), result.rate)
    }
  },
  async memory() {
    const results = await trainAll([{ memory: 'store' }, { memory: 'recompute' }])
    head('memory', 'median of a step', 'times that of store', 'peak memory')
    for (const result of results) {
      const times = result.seconds / results[0].seconds
      row(result.memory, seconds(result.seconds), times.toFixed(2), megabytes(result.peakBytes))
    }
  },
  async batch() {
    const results = await trainAll(doubled(256).map(batchSize => ({ batchSize })))
    head('batch', 'median of a step', 'an image', 'GFLOP/s', 'peak memory')
    for (const result of results) {
      const image = `${((1000 * result.seconds) / result.batchSize).toFixed(2)} ms`
      row(result.batchSize, seconds(result.seconds), image, result.rate, megabytes(result.peakBytes))
    }
  },
  async presets() {
    // The cosine ones are networks of the others' shapes.
    const models = presetNames.filter(name => !name.startsWith('cosine'))
    const works = models.map(model => {
      const config = preset(model)
      const { multiplyAdds } = summarise(config)
      // Large networks get fewer images: what is shown here is the time of a multiply-add.
      let batchSize = config.stem === 'imagenet' ? 8 : 64
      while (batchSize > 2 && batchSize * multiplyAdds > 40e9) batchSize /= 2
      return { model, batchSize }
    })
    const results = await trainAll(works)
    head('network', 'batch', 'multiply-adds of an image', 'median of a step', 'GFLOP/s')
    for (const { model, batchSize, multiplyAdds, seconds: step, rate } of results) {
      row(model, batchSize, `${(multiplyAdds / 1e9).toFixed(2)} G`, seconds(step), rate)
    }
  },
}

const chosen = positionals.length > 0 ? positionals : Object.keys(PARTS)
const unknown = chosen.find(name => !(name in PARTS))
if (unknown !== undefined) fail(`there is no "${unknown}"; there are ${Object.keys(PARTS).join(', ')}`)
console.log(
  `${cpus()[0]?.model.trim()}, ${new Date().toISOString().slice(0, 10)}, ${values.model} where no other is named`,
)
for (const name of chosen) await PARTS[name]()
