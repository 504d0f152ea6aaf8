// How time grows with threads, memory mode, batch and the size of the network, in Markdown tables:
//   node bench/scaling.mjs [threads|memory|batch|presets] [--model densenet-bc-100-12] [--iterations 8]
// Every figure is the median step of training in a process of its own, images and update included.
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { median } from '../dist/bench/work.js'
import { measure, preset, presetNames, summarise } from '../dist/index.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'densenet-bc-100-12' },
    iterations: { type: 'string', default: '8' },
  },
})
const iterations = Number(values.iterations)
const train = work => measure({ task: 'train', model: values.model, iterations, ...work })
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const head = (...cells) => {
  console.log()
  row(...cells)
  row(...cells.map(() => '---'))
}
const seconds = s => (s < 0.1 ? `${(1000 * s).toFixed(1)} ms` : `${s.toFixed(3)} s`)
/** Forward, gradient of the input, gradient of the weights: by the multiplications of the network's definition. */
const rate = ({ multiplyAdds, batchSize, medianSeconds }) => (6 * multiplyAdds * batchSize) / medianSeconds / 1e9

const PARTS = {
  async threads() {
    head('threads', 'median of a step', 'times as fast as one', 'GFLOP/s')
    let one
    for (let threads = 1; threads <= availableParallelism(); threads *= 2) {
      const result = await train({ threads })
      one ??= result.medianSeconds
      row(threads, seconds(result.medianSeconds), (one / result.medianSeconds).toFixed(2), rate(result).toFixed(0))
    }
  },
  async memory() {
    head('memory', 'median of a step', 'times that of store', 'peak memory')
    // Alternating, so that a machine that grows slower does so for both.
    const results = { store: [], recompute: [] }
    for (let round = 0; round < 3; round++) {
      for (const memory of Object.keys(results)) results[memory].push(await train({ memory }))
    }
    const time = memory => median(results[memory].map(({ medianSeconds }) => medianSeconds))
    for (const memory of Object.keys(results)) {
      const peak = median(results[memory].map(({ peakBytes }) => peakBytes))
      row(memory, seconds(time(memory)), (time(memory) / time('store')).toFixed(2), `${Math.round(peak / 1e6)} MB`)
    }
  },
  async batch() {
    head('batch', 'median of a step', 'an image', 'GFLOP/s', 'peak memory')
    for (let batchSize = 1; batchSize <= 256; batchSize *= 2) {
      const result = await train({ batchSize })
      const { medianSeconds, peakBytes } = result
      const image = `${((1000 * medianSeconds) / batchSize).toFixed(2)} ms`
      row(batchSize, seconds(medianSeconds), image, rate(result).toFixed(0), `${Math.round(peakBytes / 1e6)} MB`)
    }
  },
  async presets() {
    head('network', 'batch', 'multiply-adds of an image', 'median of a step', 'GFLOP/s')
    // The cosine ones are networks of the others' shapes.
    for (const model of presetNames.filter(name => !name.startsWith('cosine'))) {
      const config = preset(model)
      const { multiplyAdds } = summarise(config)
      // Large networks get fewer images: what is shown here is the time of a multiply-add.
      let batchSize = config.stem === 'imagenet' ? 8 : 64
      while (batchSize > 2 && batchSize * multiplyAdds > 40e9) batchSize /= 2
      const result = await train({ model, batchSize })
      const billions = `${(multiplyAdds / 1e9).toFixed(2)} G`
      row(model, batchSize, billions, seconds(result.medianSeconds), rate(result).toFixed(0))
    }
  },
}

const chosen = positionals.length > 0 ? positionals : Object.keys(PARTS)
const unknown = chosen.find(name => !(name in PARTS))
if (unknown !== undefined) {
  console.error(`error: there is no "${unknown}"; there are ${Object.keys(PARTS).join(', ')}`)
  process.exit(2)
}
console.log(
  `${cpus()[0]?.model.trim()}, ${new Date().toISOString().slice(0, 10)}, ${values.model} where no other is named`,
)
for (const name of chosen) await PARTS[name]()
