// Where the time of a training step goes, kernel by kernel: seconds, share of the step, GFLOP/s.
//   node bench/kernels.mjs densenet-bc-100-12 --batch 64 [--threads N] [--calls]   (--calls: every call, not sums)
import { parseArgs } from 'node:util'
import { createNativeBackend } from '../dist/backends/native/backend.js'
import { plan } from '../dist/engine/planner.js'
import { architecture } from '../dist/model/architecture.js'
import { initialParameters } from '../dist/model/initialise.js'
import { parameterTable } from '../dist/model/parameters.js'
import { preset } from '../dist/model/presets.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string' },
    calls: { type: 'boolean', default: false },
  },
})
const batch = Number(values.batch)
const network = architecture(preset(positionals[0] ?? 'densenet-bc-100-12'))
const program = plan(network, { mode: 'train', batchSize: batch })
const backend = createNativeBackend(values.threads ? { threads: Number(values.threads) } : {})
const bindings = { arena: backend.createBuffer(program.arenaElements) }
for (const { role, elements } of program.buffers) {
  if (role !== 'transient') bindings[role] = backend.createBuffer(elements)
}
await bindings.parameters.write(initialParameters(parameterTable(network), 0))
await bindings.input.write(Float32Array.from({ length: bindings.input.elements }, () => Math.random() - 0.5))
const executable = await backend.compile(program, bindings)
const best = new Array(program.calls.length).fill(Number.POSITIVE_INFINITY)
for (let i = 0; i <= Number(values.rounds); i++) {
  const seconds = await executable.profile({ batch })
  if (i > 0) for (const [j, s] of seconds.entries()) best[j] = Math.min(best[j], s)
}

const pixels = ({ height, width }) => height * width
function flops(call) {
  if (!call.kernel.startsWith('convolution')) return 0
  const out = call.output ?? call.outputGradient.gradient
  const one = 2 * batch * pixels(out) * out.channels * call.input.channels * call.size ** 2
  return call.kernel === 'convolutionForward' ? one : one * (call.inputGradient ? 2 : 1)
}
const rows = new Map()
for (const [i, call] of program.calls.entries()) {
  const out = call.output ?? call.outputGradient?.gradient ?? call.input
  const size = call.size ? ` ${call.size}x${call.size}` : ''
  const where = out ? ` at ${out.height}x${out.width}` : ''
  const detail = values.calls && call.input ? ` ${call.input.channels} -> ${out.channels}` : ''
  const key = call.kernel + size + where + (values.calls ? `${detail} #${i}` : '')
  const row = rows.get(key) ?? { seconds: 0, flops: 0, calls: 0 }
  rows.set(key, { seconds: row.seconds + best[i], flops: row.flops + flops(call), calls: row.calls + 1 })
}
const total = best.reduce((a, b) => a + b, 0)
const sorted = values.calls ? [...rows] : [...rows].sort((a, b) => b[1].seconds - a[1].seconds)
console.log(`${backend.description}, batch ${batch}: ${(total * 1e3).toFixed(1)} ms a step (fastest of each call)`)
for (const [key, row] of sorted) {
  const rate = row.flops ? `${(row.flops / row.seconds / 1e9).toFixed(0)} GFLOP/s` : ''
  console.log(
    `${(row.seconds * 1e3).toFixed(2).padStart(9)} ms ${((100 * row.seconds) / total).toFixed(1).padStart(5)} %  ${key.padEnd(44)} x${String(row.calls).padEnd(4)} ${rate}`,
  )
}
