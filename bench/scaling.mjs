// How time grows with threads, memory mode, batch and the size of the network, in Markdown tables:
//   node bench/scaling.mjs [threads|memory|batch|presets] [--model densenet-bc-100-12] [--rounds 3] [--iterations 8] [--json FILE]
// A round trains each kind of work in a process of its own, images and update included, one after the other, so that a machine
// that grows slower does so for all. A figure is the median over the rounds of the median step.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { measure } from '../dist/entries/bench.js'
import { preset, presetNames, summarise } from '../dist/entries/model.js'
import { median } from '../dist/util/statistics.js'
import { tell } from './results.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'densenet-bc-100-12' },
    rounds: { type: 'string', default: '3' },
    iterations: { type: 'string', default: '8' },
    json: { type: 'string' },
  },
})
const fail = sentence => {
  console.error(`error: ${sentence}`)
  process.exit(2)
}
const [rounds, iterations] = [Number(values.rounds), Number(values.iterations)]
if (![rounds, iterations].every(n => Number.isInteger(n) && n > 0)) fail('--rounds and --iterations are whole numbers')
/** The works, each with { seconds, peakBytes, gflops, ... }: GFLOP/s of forward, gradient of the input and of the weights, by the
 * multiplications of the network's definition. */
async function trainAll(works) {
  const results = works.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      results[i].push(await measure({ task: 'train', model: values.model, iterations, ...work }))
    }
  }
  return works.map((work, i) => {
    const [{ multiplyAdds, batchSize, backend }] = results[i]
    const seconds = median(results[i].map(({ medianSeconds }) => medianSeconds))
    const peakBytes = median(results[i].map(result => result.peakBytes))
    const gflops = (6 * multiplyAdds * batchSize) / seconds / 1e9
    return { ...work, backend, multiplyAdds, seconds, peakBytes, gflops }
  })
}

/** 1, 2, 4 ... up to `most`. */
const doubled = most => Array.from({ length: Math.log2(most) + 1 }, (_, i) => 2 ** i)

const TABLES = {
  async threads() {
    const results = await trainAll(doubled(availableParallelism()).map(threads => ({ threads })))
    return results.map(result => ({ ...result, times: results[0].seconds / result.seconds }))
  },
  async memory() {
    const results = await trainAll([{ memory: 'store' }, { memory: 'recompute' }])
    return results.map(result => ({ ...result, times: result.seconds / results[0].seconds }))
  },
  async batch() {
    const results = await trainAll(doubled(256).map(batchSize => ({ batchSize })))
    return results.map(result => ({ ...result, imageSeconds: result.seconds / result.batchSize }))
  },
  presets() {
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
    return trainAll(works)
  },
}

const chosen = positionals.length > 0 ? positionals : Object.keys(TABLES)
const unknown = chosen.find(name => !(name in TABLES))
if (unknown !== undefined) fail(`there is no "${unknown}"; there are ${Object.keys(TABLES).join(', ')}`)
if (values.json && chosen.length > 1) fail(`--json takes one table: ${Object.keys(TABLES).join(', ')}`)
for (const name of chosen) {
  const results = await TABLES[name]()
  const rows = results.map(({ backend, ...row }) => row)
  tell(name, results.at(-1).backend, rows, values.json)
}
