// Every kernel call of a step in order, with shape, milliseconds and GFLOP/s: what `densenet bench --kernels` adds up.
//   node bench/calls.mjs train|infer MODEL [--batch 64] [--threads N] [--iterations 5]
import { parseArgs } from 'node:util'
import { measureCalls } from '../dist/bench/kernels.js'
import { completeWork } from '../dist/bench/work.js'
import { flopsOf } from '../dist/engine/cost.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { batch: { type: 'string' }, threads: { type: 'string' }, iterations: { type: 'string', default: '5' } },
})
const [task = 'train', model = 'densenet-bc-100-12'] = positionals
const work = completeWork({
  task,
  model,
  iterations: Number(values.iterations),
  ...(values.batch ? { batchSize: Number(values.batch) } : {}),
  ...(values.threads ? { threads: Number(values.threads) } : {}),
})
for (const [i, { call, batch, seconds }] of (await measureCalls(work)).entries()) {
  const output = call.output ?? call.outputGradient?.gradient ?? call.outputGradient
  const shape = output ? `${call.input?.channels} -> ${output.channels} at ${output.height}x${output.width}` : ''
  const rate = flopsOf(call, batch) / seconds / 1e9
  const texts = [
    `#${i}`.padEnd(5),
    (1e3 * seconds).toFixed(3).padStart(9),
    rate ? rate.toFixed(0).padStart(5) : '     ',
  ]
  console.log(...texts, ` ${call.kernel}${call.size ? ` ${call.size}x${call.size}` : ''} ${shape}`)
}
